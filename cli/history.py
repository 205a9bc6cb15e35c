"""The entries of a time window, newest first, for people."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from shared.ledger import Indexed, partitions_of
from shared.model import Entry
from shared.wiring import Service

CONCURRENCY = 16


async def recent_entries(service: Service, window: timedelta, most: int) -> list[Entry]:
    """Return the newest entries whose arrivals were committed in the window. Raises LedgerError."""
    since = service.clock.now() - window
    names = {rule.ledger_name for rule in await service.rule_book.current()} | set(
        await service.bookkeeping.standings()
    )
    indexed: list[Indexed] = []
    for partition in (partition for name in sorted(names) for partition in partitions_of(name)):
        indexed += [found async for found in service.entries.between(partition, since)]
    newest = sorted(indexed, key=lambda found: found.committed_at, reverse=True)[:most]
    return await _read(service, newest)


async def _read(service: Service, indexed: Sequence[Indexed]) -> list[Entry]:
    gate = asyncio.Semaphore(CONCURRENCY)

    async def one(found: Indexed) -> Entry | None:
        async with gate:
            return await service.entries.read_at(found.partition, found.key)

    entries = await asyncio.gather(*(one(found) for found in indexed))
    return [entry for entry in entries if entry is not None]

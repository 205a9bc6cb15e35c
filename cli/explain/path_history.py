"""What the ledger holds of one path: for each rule the newest version it knows, and the one that was asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace

from shared.ledger import partition_of
from shared.ledger.rows import head_from, head_key
from shared.model import Arrival, Entry, entry_key
from shared.wiring import Service

CONCURRENCY = 16


async def entries_of_path(service: Service, rule_names: Iterable[str], arrival: Arrival) -> list[Entry]:
    """Return the entries of an arrival's path in the landing account, newest first. Raises LedgerError.

    A rule's newest known version is found, and the arrival's own if it has one; not those in between.
    """
    gate = asyncio.Semaphore(CONCURRENCY)

    async def of_rule(name: str) -> list[Entry]:
        async with gate:
            return await _entries_of_rule(service, name, arrival)

    found = await asyncio.gather(*(of_rule(name) for name in sorted(set(rule_names))))
    entries = [entry for of_one in found for entry in of_one]
    return sorted(entries, key=lambda entry: entry.arrival.committed_at, reverse=True)


async def _entries_of_rule(service: Service, name: str, arrival: Arrival) -> list[Entry]:
    partition = partition_of(name, arrival)
    row = await service.table.read(partition, head_key(arrival))
    versions = {arrival.version, head_from(row).version if row else None} - {None}
    keys = [entry_key(name, replace(arrival, version=version)) for version in versions]
    return [entry for key in keys if (entry := await service.entries.read_at(partition, key))]

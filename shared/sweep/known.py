"""What the ledger knows of a round's window: the keys of each rule, read when the first blob asks for them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta

from shared.clock import Clock
from shared.ledger import Entries, partitions_of
from shared.model import ABSENT
from shared.sweep.key_set import KeySet

# An event's time may differ from the Last-Modified of its version by the lag between two services.
INDEX_MARGIN = timedelta(hours=1)
# What is claimed after the reading is asked about once more when it is listed, which costs two round trips each.
READ_AGAIN_AFTER = 300.0  # seconds


class Known:
    """The keys of entries whose arrivals were committed in the window; superseded and vanished ones are not among them.

    What is listed is there now, so an entry that was closed because it was not is opened again.
    """

    def __init__(self, entries: Entries, clock: Clock, since: Mapping[str, datetime]) -> None:
        self._entries = entries
        self._clock = clock
        self._since = since
        self._keys: dict[str, KeySet] = {}
        self._read_at: dict[str, float] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def of(self, rule: str) -> KeySet:
        """Return the keys of a rule, by its ledger name. Raises LedgerUnavailable."""
        if self._is_fresh(rule):
            return self._keys[rule]
        async with self._locks.setdefault(rule, asyncio.Lock()):
            return self._keys[rule] if self._is_fresh(rule) else await self._read(rule)

    def _is_fresh(self, rule: str) -> bool:
        return self._clock.monotonic() - self._read_at.get(rule, float("-inf")) <= READ_AGAIN_AFTER

    async def _read(self, rule: str) -> KeySet:
        now = self._clock.monotonic()
        keys = self._keys.setdefault(rule, KeySet())
        since = self._since[rule] - INDEX_MARGIN
        if rule in self._read_at:  # then only what came meanwhile is new
            since = max(since, self._clock.now() - timedelta(seconds=now - self._read_at[rule]) - INDEX_MARGIN)

        async def read(partition: str) -> None:
            async for key, outcome in self._entries.keys_between(partition, since):
                if outcome not in ABSENT:
                    keys.add(key)

        await asyncio.gather(*map(read, partitions_of(rule)))
        self._read_at[rule] = now
        return keys

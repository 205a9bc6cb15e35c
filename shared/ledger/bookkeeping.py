"""What the ledger keeps besides entries: each rule's standing, its breaker, and the last pass."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from shared.errors import LedgerConflict
from shared.ledger.table import Create, Put, Replace, Row, Table, Values

_RULES, _BREAKERS, _PASSES, _LAST = "rules", "breakers", "passes", "last"
_END = "~"
_GOOD_RULES = "rules"
# A property holds 32,768 characters and a row a megabyte in UTF-16:
# https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model
_CHUNK, _MOST_CHUNKS = 30_000, 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """What the sweep knows of a rule."""

    rule: str
    baseline: datetime  # when the rule became active, by the storage service's clock: older files do not fire
    low_watermark: datetime  # everything committed before is proven complete
    cursor: str = ""  # where an unfinished sweep stopped; "" when the last one was complete
    cursor_started_at: datetime | None = None  # when that unfinished sweep began
    etag: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Breaker:
    """Why and until when a rule's jobs are not started."""

    rule: str
    reason: str
    until: datetime
    trips: int  # in a row


class Bookkeeping:
    """Reads and writes the rows that are not entries."""

    def __init__(self, table: Table) -> None:
        self._table = table

    async def standings(self) -> dict[str, Standing]:
        """Return the standing of every rule ever seen, by its name, also of those no longer in the rules."""
        return {row.key: _standing(row) async for row in self._rows(_RULES)}

    async def activate(self, rule: str, at: datetime) -> Standing:
        """Record a rule's first sight, and return its standing: an earlier one where somebody was faster."""
        standing = Standing(rule=rule, baseline=at, low_watermark=at)
        try:
            etags = await self._table.transact(_RULES, [Create(rule, _standing_values(standing))])
        except LedgerConflict:
            row = await self._table.read(_RULES, rule)
            if row is None:
                raise
            return _standing(row)
        return replace(standing, etag=etags[rule])

    async def save_standing(self, standing: Standing) -> Standing:
        """Write a changed standing. Raises LedgerConflict when an overlapping pass wrote it first."""
        etags = await self._table.transact(_RULES, [Replace(standing.rule, _standing_values(standing), standing.etag)])
        return replace(standing, etag=etags[standing.rule])

    async def breakers(self) -> dict[str, Breaker]:
        """Return the breakers that have tripped and not been closed since, by rule."""
        breakers = {row.key: _breaker(row) async for row in self._rows(_BREAKERS)}
        return {rule: breaker for rule, breaker in breakers.items() if breaker.trips}

    async def save_breaker(self, breaker: Breaker) -> None:
        """Write a breaker; trips=0 closes it. The last writer wins: a breaker only saves work."""
        values = {"reason": breaker.reason, "until": breaker.until.isoformat(), "trips": str(breaker.trips)}
        await self._table.transact(_BREAKERS, [Put(breaker.rule, values)])

    async def save_pass(self, summary: Mapping[str, Any]) -> None:
        """Write the summary of the last pass: the timer's heartbeat."""
        await self._table.transact(_PASSES, [Put(_LAST, {"summary": json.dumps(summary)})])

    async def last_pass(self) -> Mapping[str, Any] | None:
        """Return the summary of the last pass, or None before the first."""
        row = await self._table.read(_PASSES, _LAST)
        return None if row is None else json.loads(row.values["summary"])

    async def save_rules(self, text: str, version: str) -> None:
        """Keep the text of the last good rules; a text of over about a megabyte, compressed, is not kept."""
        packed = base64.b85encode(zlib.compress(text.encode(), 9)).decode("ascii")
        chunks = [packed[start : start + _CHUNK] for start in range(0, len(packed), _CHUNK)]
        if len(chunks) > _MOST_CHUNKS:
            return
        values = {f"text{number}": chunk for number, chunk in enumerate(chunks)}
        await self._table.transact(_PASSES, [Put(_GOOD_RULES, {**values, "version": version})])

    async def last_rules(self) -> tuple[str, str] | None:
        """Return the text and the version of the last good rules, or None when none were kept."""
        row = await self._table.read(_PASSES, _GOOD_RULES)
        if row is None:
            return None
        packed = "".join(row.values.get(f"text{number}", "") for number in range(_MOST_CHUNKS))
        return zlib.decompress(base64.b85decode(packed)).decode(), row.values["version"]

    def _rows(self, partition: str) -> AsyncIterator[Row]:
        return self._table.range(partition, "", _END)


def _standing(row: Row) -> Standing:
    values = row.values
    started = values.get("cursor_started_at")
    return Standing(
        rule=row.key,
        baseline=datetime.fromisoformat(values["baseline"]),
        low_watermark=datetime.fromisoformat(values["low_watermark"]),
        cursor=values.get("cursor", ""),
        cursor_started_at=datetime.fromisoformat(started) if started else None,
        etag=row.etag,
    )


def _standing_values(standing: Standing) -> Values:
    values = {"baseline": standing.baseline.isoformat(), "low_watermark": standing.low_watermark.isoformat()}
    if standing.cursor and standing.cursor_started_at:
        values |= {"cursor": standing.cursor, "cursor_started_at": standing.cursor_started_at.isoformat()}
    return values


def _breaker(row: Row) -> Breaker:
    values = row.values
    return Breaker(
        rule=row.key,
        reason=values.get("reason", ""),
        until=datetime.fromisoformat(values["until"]),
        trips=int(values["trips"]),
    )

"""What the ledger keeps besides entries: each rule's standing, its breaker, and the last pass."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from shared.errors import LedgerConflict
from shared.ledger.packing import packed, unpacked
from shared.ledger.table import Create, Put, Replace, Row, Table, Values

_RULES, _CLAIMANTS, _BREAKERS, _PASSES, _LAST = "rules", "claimants", "breakers", "passes", "last"
_END = "~"
_GOOD_RULES, _UPKEEP = "rules", "upkeep"
_ROWS_AT_ONCE = 100  # of a transaction


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """What the sweep knows of a rule."""

    rule: str
    baseline: datetime  # when the rule became active, by the storage service's clock: older files do not fire
    low_watermark: datetime  # everything committed before is proven complete
    etag: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Breaker:
    """Why and until when a rule's jobs are not started."""

    rule: str
    reason: str
    until: datetime
    trips: int  # in a row


@dataclass(frozen=True, slots=True)
class Upkept:
    """How far the hourly upkeep is."""

    at: datetime | None = None  # when it was done last; None: never
    stopped_at: str = ""  # the rule that it goes on with, "" when it begins


class Bookkeeping:
    """Reads and writes the rows that are not entries."""

    def __init__(self, table: Table) -> None:
        self._table = table

    async def standings(self) -> dict[str, Standing]:
        """Return the standing of every rule ever seen, by its name, also of those no longer in the rules."""
        return {row.key: _standing(row) async for row in self._rows(_RULES)}

    async def activate_all(self, rules: Sequence[str], at: datetime) -> dict[str, Standing]:
        """Record the first sight of many rules, and return their standings by rule; see activate."""
        standings = {rule: Standing(rule=rule, baseline=at, low_watermark=at) for rule in rules}
        for start in range(0, len(rules), _ROWS_AT_ONCE):
            some = [standings[rule] for rule in rules[start : start + _ROWS_AT_ONCE]]
            try:
                created = [Create(standing.rule, _standing_values(standing)) for standing in some]
                etags = await self._table.transact(_RULES, created)
                standings |= {standing.rule: replace(standing, etag=etags[standing.rule]) for standing in some}
            except LedgerConflict:
                standings |= {standing.rule: await self.activate(standing.rule, at) for standing in some}
        return standings

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

    async def save_standings(self, standings: Sequence[Standing]) -> None:
        """Write changed standings. Raises LedgerConflict when an overlapping pass wrote one first."""
        for start in range(0, len(standings), _ROWS_AT_ONCE):
            some = standings[start : start + _ROWS_AT_ONCE]
            operations = [Replace(standing.rule, _standing_values(standing), standing.etag) for standing in some]
            await self._table.transact(_RULES, operations)

    async def announce(self, rule: str) -> None:
        """Write down that a rule claims, so that passes find it even if none ever sees it in force.

        Its baseline is not touched. Safe to repeat.
        """
        if await self._table.read(_RULES, rule) is None:
            with suppress(LedgerConflict):  # somebody else was first
                await self._table.transact(_CLAIMANTS, [Create(rule, {})])

    async def claimants(self) -> frozenset[str]:
        """Return the rules that claimed before a pass had seen them, whatever they have become since."""
        return frozenset([row.key async for row in self._rows(_CLAIMANTS)])

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
        values = packed("summary", json.dumps(summary))
        if values is None:  # of ten thousands of rules; then what monitors need
            values = packed("summary", json.dumps({**summary, "sweeps": {}, "deep_sweeps": {}}))
        await self._table.transact(_PASSES, [Put(_LAST, values or {})])

    async def last_pass(self) -> Mapping[str, Any] | None:
        """Return the summary of the last pass, or None before the first."""
        row = await self._table.read(_PASSES, _LAST)
        return json.loads(unpacked("summary", row.values)) if row and "summary0" in row.values else None

    async def save_upkeep(self, upkeep: Upkept) -> None:
        """Write how far the hourly upkeep is. The last writer wins: it only saves work."""
        values = {"at": upkeep.at.isoformat() if upkeep.at else "", "stopped_at": upkeep.stopped_at}
        await self._table.transact(_PASSES, [Put(_UPKEEP, values)])

    async def last_upkeep(self) -> Upkept:
        """Return how far the hourly upkeep is."""
        row = await self._table.read(_PASSES, _UPKEEP)
        values = row.values if row else {}
        at = values.get("at")
        return Upkept(datetime.fromisoformat(at) if at else None, values.get("stopped_at", ""))

    async def save_rules(self, text: str, version: str) -> None:
        """Keep the text of the last good rules; a text of over about a megabyte, compressed, is not kept."""
        values = packed("text", text)
        if values is not None:
            await self._table.transact(_PASSES, [Put(_GOOD_RULES, {**values, "version": version})])

    async def last_rules(self) -> tuple[str, str] | None:
        """Return the text and the version of the last good rules, or None when none were kept."""
        row = await self._table.read(_PASSES, _GOOD_RULES)
        if row is None:
            return None
        return unpacked("text", row.values), row.values["version"]

    def _rows(self, partition: str) -> AsyncIterator[Row]:
        return self._table.range(partition, "", _END)


def _standing(row: Row) -> Standing:
    values = row.values
    return Standing(
        rule=row.key,
        baseline=datetime.fromisoformat(values["baseline"]),
        low_watermark=datetime.fromisoformat(values["low_watermark"]),
        etag=row.etag,
    )


def _standing_values(standing: Standing) -> Values:
    return {"baseline": standing.baseline.isoformat(), "low_watermark": standing.low_watermark.isoformat()}


def _breaker(row: Row) -> Breaker:
    values = row.values
    return Breaker(
        rule=row.key,
        reason=values.get("reason", ""),
        until=datetime.fromisoformat(values["until"]),
        trips=int(values["trips"]),
    )

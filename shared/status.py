"""Status: what the ledger holds, counted per rule, for people and for monitors. Reads only."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from shared.clock import Clock
from shared.errors import BlobsUnavailable, RulesError
from shared.ledger import Bookkeeping, Breaker, Entries, Standing, partitions_of
from shared.model import Result, Source, State
from shared.rule_book import RuleBook, RulesStanding
from shared.rules import Rules

DEFAULT_WINDOW = timedelta(hours=24)
CONCURRENCY = 16
# A missed event is an arrival the sweep had to find; a touch or a version that came too late is not one.
_NOT_MISSED = {Result.TOUCHED, Result.SUPERSEDED}


@dataclass(slots=True)
class RuleStatus:
    """One rule: open entries whenever they came, closed ones and counts of the window."""

    rule: str
    active: bool  # whether the rules file still names it
    states: Counter[str] = field(default_factory=Counter)
    results: Counter[str] = field(default_factory=Counter)
    missed: int = 0
    duplicates: int = 0
    oldest_open: datetime | None = None
    standing: Standing | None = None
    breaker: Breaker | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the status as JSON can hold it."""
        return {
            "rule": self.rule,
            "active": self.active,
            "states": {state.value: self.states[state.value] for state in State},
            "results": dict(sorted(self.results.items())),
            "missed": self.missed,
            "duplicates": self.duplicates,
            "oldest_open": _text(self.oldest_open),
            "baseline": _text(self.standing.baseline) if self.standing else None,
            "complete_up_to": _text(self.standing.low_watermark) if self.standing else None,
            "breaker": {"reason": self.breaker.reason, "until": _text(self.breaker.until)} if self.breaker else None,
        }


@dataclass(frozen=True, slots=True)
class Status:
    """The whole service at one moment."""

    at: datetime
    since: datetime
    rules: tuple[RuleStatus, ...]
    last_pass: Mapping[str, Any] | None
    rules_standing: RulesStanding

    def as_json(self) -> dict[str, Any]:
        """Return the status as JSON can hold it."""
        return {
            "at": _text(self.at),
            "since": _text(self.since),
            "rules": [rule.as_json() for rule in self.rules],
            "rules_source": self.rules_standing.as_json(),
            "last_pass": self.last_pass,
        }


class StatusReader:
    """Reads the status out of the ledger."""

    def __init__(self, *, rule_book: RuleBook, entries: Entries, bookkeeping: Bookkeeping, clock: Clock) -> None:
        self._rule_book = rule_book
        self._entries = entries
        self._bookkeeping = bookkeeping
        self._clock = clock

    async def read(self, window: timedelta = DEFAULT_WINDOW) -> Status:
        """Return the status; closed entries, missed events and duplicates of the window. Raises LedgerError."""
        now = self._clock.now()
        standings = await self._bookkeeping.standings()
        breakers = await self._bookkeeping.breakers()
        active = {rule.name for rule in await self._active()}
        rules = [
            RuleStatus(name, active=name in active, standing=standings.get(name), breaker=breakers.get(name))
            for name in sorted(active | set(standings))
        ]
        gate = asyncio.Semaphore(CONCURRENCY)

        async def count(rule: RuleStatus, partition: str) -> None:
            async with gate:
                await self._count(rule, partition, now - window)

        await asyncio.gather(*(count(rule, partition) for rule in rules for partition in partitions_of(rule.rule)))
        last_pass = await self._bookkeeping.last_pass()
        return Status(now, now - window, tuple(rules), last_pass, self._rule_book.standing)

    async def _active(self) -> Rules:
        """Return the rules in force; none when they cannot be had, which the status itself tells."""
        try:
            return await self._rule_book.current()
        except (RulesError, BlobsUnavailable):
            return Rules(())

    async def _count(self, rule: RuleStatus, partition: str, since: datetime) -> None:
        async for marker in self._entries.open(partition):
            rule.states[marker.state.value] += 1
            rule.oldest_open = min(rule.oldest_open or marker.claimed_at, marker.claimed_at)
        async for indexed in self._entries.between(partition, since):
            if indexed.outcome == State.DEAD:
                rule.states[State.DEAD.value] += 1
            elif indexed.outcome != "open":
                rule.states[State.SETTLED.value] += 1
                rule.results[indexed.outcome] += 1
            rule.missed += indexed.source is Source.SWEEP and indexed.outcome not in _NOT_MISSED
        duplicates = await self._entries.duplicates(partition, since)
        rule.duplicates += duplicates  # not in one line: `+=` would read before the await, and lose others' counts


def _text(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat(timespec="milliseconds")

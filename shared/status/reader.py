"""Reads the status out of the ledger: each row of the longest window once, all partitions at the same time."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.clock import Clock
from shared.errors import BlobsUnavailable, RulesError
from shared.ledger import Bookkeeping, Breaker, Entries, Standing, partitions_of
from shared.rule_book import RuleBook
from shared.rules import Rules
from shared.status.counts import WINDOWS, Counts
from shared.status.snapshot import RuleStatus, Status
from shared.together import all_done

DEFAULT_WINDOW = timedelta(hours=24)
CONCURRENCY = 16
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class StatusReader:
    """Reads the status out of the ledger."""

    def __init__(self, *, rule_book: RuleBook, entries: Entries, bookkeeping: Bookkeeping, clock: Clock) -> None:
        self._rule_book = rule_book
        self._entries = entries
        self._bookkeeping = bookkeeping
        self._clock = clock

    async def read(self, window: timedelta = DEFAULT_WINDOW) -> Status:
        """Return the status; closed entries, duplicates and lags of the window. Raises LedgerError.

        The missed-event rates have windows of their own (WINDOWS), so at least their longest is read.
        """
        at = _whole_milliseconds(self._clock.now())
        since = _before(at, window)
        standings = await self._bookkeeping.standings()
        breakers = await self._bookkeeping.breakers()
        last_pass = await self._bookkeeping.last_pass()
        in_force = await self._in_force()
        names = {rule.ledger_name for rule in in_force} | set(standings)
        rules = sorted(
            (_rule_status(name, in_force, standings, breakers, last_pass, Counts(at, since)) for name in names),
            key=lambda rule: (rule.rule, rule.ledger_name),
        )
        await all_done(self._counting(rules, min(since, at - max(WINDOWS.values()))), CONCURRENCY)
        return Status(
            at=at, since=since, rules=tuple(rules), last_pass=last_pass, rules_standing=self._rule_book.standing
        )

    async def _in_force(self) -> Rules:
        """Return the rules in force; none when they cannot be had, which the status itself tells."""
        try:
            return await self._rule_book.current()
        except (RulesError, BlobsUnavailable):
            return Rules(())

    def _counting(self, rules: Iterable[RuleStatus], earliest: datetime) -> Iterator[Awaitable[None]]:
        for rule in rules:
            for partition in partitions_of(rule.ledger_name):
                yield self._count_open(rule.counts, partition)
                yield self._count_indexed(rule.counts, partition, earliest)
                yield self._count_duplicates(rule.counts, partition)

    async def _count_open(self, counts: Counts, partition: str) -> None:
        async for marker in self._entries.open(partition):
            counts.add_open(marker)

    async def _count_indexed(self, counts: Counts, partition: str, earliest: datetime) -> None:
        async for indexed in self._entries.between(partition, earliest):
            counts.add(indexed)

    async def _count_duplicates(self, counts: Counts, partition: str) -> None:
        duplicates = await self._entries.duplicates(partition, counts.since)
        counts.duplicates += duplicates  # not in one line: `+=` would read before the await, and lose others' counts


def _rule_status(
    ledger_name: str,
    in_force: Rules,
    standings: Mapping[str, Standing],
    breakers: Mapping[str, Breaker],
    last_pass: Mapping[str, Any] | None,
    counts: Counts,
) -> RuleStatus:
    rule = in_force.by_ledger_name(ledger_name)
    name = rule.name if rule else ledger_name
    return RuleStatus(
        rule=name,
        ledger_name=ledger_name,
        renamed_from=rule.renamed_from if rule else (),
        active=rule is not None,
        enabled=rule is not None and rule.enabled,
        counts=counts,
        standing=standings.get(ledger_name),
        breaker=breakers.get(ledger_name),
        last_sweep=_sweep(last_pass, "sweeps", name),
        last_deep_sweep=_sweep(last_pass, "deep_sweeps", name),
    )


def _sweep(last_pass: Mapping[str, Any] | None, kind: str, rule: str) -> Mapping[str, Any] | None:
    """Return what the last pass counted of a rule; None where it counted nothing, or was of another version."""
    counts = ((last_pass or {}).get(kind) or {}).get(rule)
    return counts if isinstance(counts, Mapping) else None


def _whole_milliseconds(time: datetime) -> datetime:
    """Return the time as precisely as the ledger's index tells times, so that no window cuts one in two."""
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


def _before(at: datetime, length: timedelta) -> datetime:
    try:
        return max(_EPOCH, at - length)
    except OverflowError:
        return _EPOCH

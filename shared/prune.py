"""Prune: remove what is older than the retention and older than what the sweep still compares with.

What is removed is unknown again: a file that a sweep still looks at would run a second time. So nothing goes that is
younger than its rule's watermark or than what the longest look-back of a sweep that is under way may reach. Only
closed entries go; one that was claimed or settled late, by a backfill or a replay, stays for its own retention.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from shared import logs
from shared.clock import Clock, Deadline
from shared.errors import LandfallError, RequestError
from shared.landing import Landing
from shared.ledger import Entries, Indexed, OldRows, Rounds, Standing, partitions_of
from shared.ledger.old_rows import ENTRIES_AT_ONCE, ROWS_AT_ONCE
from shared.listing_plan import Kind
from shared.model import Source
from shared.redaction import redacted
from shared.settings import Settings

# A deep sweep looks back over the whole retention from its beginning, and it may have begun this long ago, besides the
# time that lies between two of them.
LONGEST_SWEEP = timedelta(days=1)
_T = TypeVar("_T")


@dataclass(kw_only=True, slots=True)
class Pruned:
    """What is gone of each rule, by its ledger name: `entries`, `heads`, `duplicates` and, of batches, `manifests`.

    What was `kept` was not old after all.

    Of a dry run, what would go; heads are not counted then.
    """

    dry_run: bool
    rules: dict[str, Counter[str]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)  # rules of which something could not be removed, and why
    stopped_at: str = ""  # the rule at which time was over: the rest goes the next time

    @property
    def complete(self) -> bool:
        """Tell whether there was time for all rules."""
        return not self.stopped_at

    def totals(self) -> Counter[str]:
        """Return the counts of all rules together."""
        return sum(self.rules.values(), Counter[str]())

    def as_json(self) -> dict[str, Any]:
        """Return the outcome as JSON can hold it."""
        return {
            "dry_run": self.dry_run,
            "complete": self.complete,
            "rules": {rule: dict(counts) for rule, counts in self.rules.items()},
            "failures": self.failures,
        }


class Pruner:
    """Removes old rows."""

    def __init__(
        self,
        *,
        old_rows: OldRows,
        entries: Entries,
        rounds: Rounds,
        landing: Landing,
        clock: Clock,
        settings: Settings,
    ) -> None:
        self._old_rows = old_rows
        self._entries = entries
        self._rounds = rounds
        self._landing = landing
        self._clock = clock
        self._settings = settings

    async def prune(
        self,
        standings: Mapping[str, Standing],
        deadline: Deadline,
        *,
        older_than: timedelta | None = None,
        dry_run: bool = False,
        start_from: str = "",
    ) -> Pruned:
        """Remove what is old of every rule that has a standing, also of those that the rules do not name any more.

        Safe to repeat and to run twice at once; what there is no time for goes the next time, which may `start_from`
        the rule where this one stopped. A rule that fails is named and does not stop the others. Raises RequestError
        for an age below the retention, and LedgerUnavailable when not even the sweeps' rounds can be read.
        """
        aged = await self._aged(self._age(older_than))
        pruned = Pruned(dry_run=dry_run)
        for name in sorted(standings):
            if name < start_from or aged is None:
                continue
            if deadline.passed() or not await self._prune_rule(standings[name], aged, deadline, pruned):
                pruned.stopped_at = name
                break
        if pruned.rules and not dry_run:
            logs.fact("prune.completed", **pruned.totals(), complete=pruned.complete)
        return pruned

    def _age(self, older_than: timedelta | None) -> timedelta:
        retention = self._settings.retention
        if older_than is not None and older_than < retention:
            raise RequestError(
                ["Nothing younger than LEDGER_RETENTION is removed: sweeps compare with it, and would run it again."],
                hint="Shorten LEDGER_RETENTION instead; see docs/operations.md.",
            )
        try:
            return (older_than or retention) + self._settings.sweep_deep_every + LONGEST_SWEEP
        except OverflowError:
            raise RequestError(["Nothing is that old."]) from None

    async def _aged(self, age: timedelta) -> datetime | None:
        """Return before when an entry must have been committed and closed to go; None when nothing is that old.

        A deep sweep that has stood still for days, as the service has, still looks back from when it began.
        """
        now, sweep = self._clock.now(), await self._rounds.current(Kind.DEEP)
        if sweep is not None and sweep.concluded_at is None:
            now = min(now, sweep.started_at)
        try:
            return now - age
        except OverflowError:
            return None

    async def _prune_rule(self, standing: Standing, aged: datetime, deadline: Deadline, pruned: Pruned) -> bool:
        """Remove what is old of one rule and count it; return whether there was time for all of it."""
        counts: Counter[str] = Counter()
        try:
            return await self._remove_old(standing, aged, deadline, counts, dry_run=pruned.dry_run)
        except Exception as error:  # noqa: BLE001 - what one rule meets must not stop the others (invariant 6)
            reason = error.message if isinstance(error, LandfallError) else redacted(repr(error))
            logs.error("prune.rule_failed", rule=standing.rule, reason=reason)
            pruned.failures[standing.rule] = reason
            return True
        finally:
            if counts:
                pruned.rules[standing.rule] = counts

    async def _remove_old(
        self, standing: Standing, aged: datetime, deadline: Deadline, counts: Counter[str], *, dry_run: bool
    ) -> bool:
        before = min(aged, standing.low_watermark - self._settings.reconcile_look_back)
        for partition in partitions_of(standing.rule):
            async for old in _chunks(self._old_rows.closed(partition, before, aged), ENTRIES_AT_ONCE):
                if deadline.passed():
                    return False
                counts += await self._remove(partition, old, aged, dry_run=dry_run)
            async for keys in _chunks(self._old_rows.duplicates(partition, before), ROWS_AT_ONCE):
                if deadline.passed():
                    return False
                removed = len(keys) if dry_run else await self._old_rows.remove_duplicates(partition, keys)
                counts["duplicates"] += removed
        return True

    async def _remove(self, partition: str, old: Sequence[Indexed], aged: datetime, *, dry_run: bool) -> Counter[str]:
        if dry_run:
            return Counter(entries=len(old))
        batches = [one.key for one in old if one.source is Source.GATHER]
        read = [await self._entries.read_at(partition, key) for key in batches]
        counts = await self._old_rows.remove(partition, old, aged)
        for entry in read:
            # Behind its entry, so that no batch that was opened again just now lacks its manifest.
            if entry is not None and await self._entries.read_at(partition, entry.key) is None:
                await self._landing.remove_manifest(entry.arrival.path)
                counts["manifests"] += 1
        return counts


async def _chunks(items: AsyncIterator[_T], size: int) -> AsyncIterator[list[_T]]:
    chunk: list[_T] = []
    async for item in items:
        chunk.append(item)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk

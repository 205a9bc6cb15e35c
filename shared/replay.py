"""Replay: entries that ended without what they were for are opened again as a new generation (rule R3).

A new generation has a new token, so that Databricks starts a new run. What is open already is left alone, so that a
replay may be repeated.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from shared import logs
from shared.clock import Clock, Deadline
from shared.drafts import draft
from shared.errors import LedgerConflict, RequestError
from shared.holds import is_manifest
from shared.ledger import Bookkeeping, Entries, Indexed, Marker, partition_of, partitions_of
from shared.model import Entry, Result, State, entry_key
from shared.parameters import Locations
from shared.path_template import Mismatch
from shared.replay_request import REPLAYABLE, ReplayRequest
from shared.rule_book import RuleBook
from shared.rules import Match, Rules
from shared.rules.gathering import manifest_arrival
from shared.wording import shown, unknown

CONCURRENCY = 8
MOST_NAMED = 10  # entries that an ambiguous key names
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """An entry that was not opened again, and why."""

    entry: Entry
    reason: str


@dataclass(kw_only=True, slots=True)
class Replayed:
    """What came of a replay; of a dry run, what would."""

    dry_run: bool
    reopened: list[Entry] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)  # "open": it was already; "moved": it changed meanwhile
    more: bool = False  # there are more than the limit, or than there was time for

    @property
    def markers(self) -> list[Marker]:
        """Return what the redriver wants, to start at once what is open again; nothing after a dry run."""
        return [] if self.dry_run else [_marker(entry) for entry in self.reopened]

    def as_json(self) -> dict[str, Any]:
        """Return the outcome as JSON can hold it."""
        return {
            "dry_run": self.dry_run,
            "reopened": [_entry_json(entry) | {"generation": entry.generation} for entry in self.reopened],
            "refused": [_entry_json(one.entry) | {"reason": one.reason} for one in self.refused],
            "already_open": self.counts["open"],
            "changed_meanwhile": self.counts["moved"],
            "more": self.more,
        }


class Replayer:
    """Opens entries again."""

    def __init__(
        self,
        *,
        rule_book: RuleBook,
        entries: Entries,
        bookkeeping: Bookkeeping,
        locations: Locations,
        clock: Clock,
    ) -> None:
        self._rule_book = rule_book
        self._entries = entries
        self._bookkeeping = bookkeeping
        self._locations = locations
        self._clock = clock

    async def replay(self, request: ReplayRequest, deadline: Deadline) -> Replayed:
        """Open again what the request names, oldest first; safe to repeat.

        Raises RequestError for what the ledger does not hold, and LedgerError: then some may be open again already.
        """
        rules = await self._rule_book.current()
        names = await self._names(request.rule, rules)
        replayed = Replayed(dry_run=request.dry_run)
        if request.entry:
            await self._reopen(await self._named(request.entry, names), request, rules, replayed)
            return replayed
        found = await self._selected(request, names[0])
        replayed.more = len(found) > request.limit
        gate = asyncio.Semaphore(CONCURRENCY)

        async def one(indexed: Indexed) -> None:
            async with gate:
                if deadline.passed():
                    replayed.more = True
                    return
                entry = await self._entries.read_at(indexed.partition, indexed.key)
                if entry is None or not (entry.is_open or _outcome(entry) in request.states):
                    replayed.counts["moved"] += 1
                else:
                    await self._reopen(entry, request, rules, replayed)

        await asyncio.gather(*(one(indexed) for indexed in found[: request.limit]))
        replayed.reopened.sort(key=lambda entry: entry.arrival.committed_at)
        return replayed

    async def _names(self, rule: str, rules: Rules) -> list[str]:
        """Return the ledger names that the entries may be under: of the rule, or of all."""
        standings = await self._bookkeeping.standings()
        every = sorted({one.ledger_name for one in rules} | set(standings))
        if not rule:
            return every
        called = rules.called(rule)
        name = called.ledger_name if called else rule
        if name not in every:
            raise RequestError([unknown(rule, [rules.present_name(one) for one in every], "is no rule")])
        return [name]

    async def _named(self, digits: str, names: Sequence[str]) -> Entry:
        partitions = [partition for name in names for partition in partitions_of(name)]
        gate = asyncio.Semaphore(CONCURRENCY)

        async def read(partition: str) -> list[Entry]:
            found: list[Entry] = []
            async with gate:
                async for entry in self._entries.named(partition, digits):
                    found.append(entry)
                    if len(found) > MOST_NAMED:
                        break
            return found

        results = await asyncio.gather(*(read(partition) for partition in partitions))
        found = [entry for result in results for entry in result]
        if not found:
            hint = "It was pruned, or is in another ledger: `landfall runs` and the log show those of this one."
            raise RequestError([f"No entry begins with {shown(digits)}."], hint=hint)
        if len(found) > 1:
            named = [f"{entry.key[:20]} is {shown(entry.arrival.full_path)}" for entry in found[:MOST_NAMED]]
            raise RequestError([f"Several entries begin with {shown(digits)}: {'; '.join(named)}."])
        return found[0]

    async def _selected(self, request: ReplayRequest, name: str) -> list[Indexed]:
        """Return the oldest entries that the request names, one more than its limit if there are."""
        found: list[Indexed] = []
        for partition in partitions_of(name):
            here = 0
            async for indexed in self._entries.between(partition, request.since or _BEGINNING, request.until):
                if indexed.outcome in request.states:
                    found.append(indexed)
                    here += 1
                    if here > request.limit:
                        break
        return sorted(found, key=lambda indexed: indexed.committed_at)[: request.limit + 1]

    async def _reopen(self, entry: Entry, request: ReplayRequest, rules: Rules, replayed: Replayed) -> None:
        if entry.is_open:
            replayed.counts["open"] += 1
            return
        if refusal := await self._nothing_to_do(entry):
            replayed.refused.append(Refused(entry=entry, reason=refusal))
            return
        made = self._made_anew(entry, rules) if request.anew or not entry.parameters else entry
        if isinstance(made, str):
            replayed.refused.append(Refused(entry=entry, reason=made))
            return
        opened = _next_generation(made, self._clock.now(), request.asked_by)
        if not request.dry_run:
            try:
                opened = await self._entries.write(entry, opened)
            except LedgerConflict:
                replayed.counts["moved"] += 1
                return
            logs.fact("entry.replayed", by=request.asked_by, generation=opened.generation, **opened.log_fields())
        replayed.reopened.append(opened)

    async def _nothing_to_do(self, entry: Entry) -> str:
        """Return why nothing is left to be done for an entry, "" where something is: also a file of a failed batch."""
        if _outcome(entry) in REPLAYABLE:
            return ""
        if entry.result is not Result.GATHERED:
            return f"it is {_outcome(entry)}: nothing is left to be done"
        manifest = manifest_arrival(entry.arrival.account, entry.rule, entry.batch, entry.arrival.committed_at)
        batch = await self._entries.read(entry.rule, manifest, entry_key(entry.rule, manifest))
        outcome = _outcome(batch) if batch else "pruned"
        return "" if outcome in REPLAYABLE else f"it is {entry.reason}, which is {outcome}: nothing is left to be done"

    def _made_anew(self, entry: Entry, rules: Rules) -> Entry | str:
        """Return the entry with what the rules in force would tell its job, or why they cannot.

        Of a rule that gathers it waits for a batch, as when it landed.
        """
        if is_manifest(entry.arrival):
            return "it is a batch, and its manifest says what its job is told: replay it as it is, or its files"
        rule = rules.by_ledger_name(entry.rule)
        if rule is None:
            return "its rule is gone, and only a rule says what to tell the job"
        captures = rule.match(entry.arrival.full_path)
        if isinstance(captures, Mismatch):
            return f"the rule does not take its path any more: {captures.reason}"
        made = draft(Match(rule, entry.arrival, captures), self._locations, self._clock.now())
        if not made.is_open:
            return made.reason
        return entry.evolve(
            job=made.job,
            parameters=made.parameters,
            gathering_since=made.gathering_since,
            batch="",
            due_at=made.due_at,
        )


def _next_generation(entry: Entry, now: datetime, asked_by: str) -> Entry:
    # Whoever restores a deleted blob restores the version; a held entry is started only if its file is there.
    # So has a member of a batch to wait for the next one, as long as its rule says.
    is_member = entry.gathering_since is not None
    waits = is_member or entry.result is Result.VANISHED
    return entry.evolve(
        state=State.HELD if waits else State.PENDING,
        due_at=entry.due_at if is_member else now,
        generation=entry.generation + 1,
        request=None,
        first_sent_at=None,
        attempts=0,
        refusals=0,
        lookups=0,
        retries=0,
        run_id=None,
        repair_id=None,
        run_url="",
        run_started_at=None,
        run_ended_at=None,
        result=None,
        settled_at=None,
        reason=f"replay asked for by {asked_by}",
    )


def _outcome(entry: Entry) -> str:
    return str(entry.result or entry.state)


def _marker(entry: Entry) -> Marker:
    if entry.due_at is None:
        raise ValueError(f"entry {entry.key} was opened without a due time")
    return Marker(
        partition=partition_of(entry.rule, entry.arrival),
        key=entry.key,
        state=entry.state,
        due_at=entry.due_at,
        claimed_at=entry.claimed_at,
        gathering_since=entry.gathering_since,
    )


def _entry_json(entry: Entry) -> dict[str, Any]:
    return {"entry": entry.key, "rule": entry.rule, "file": entry.arrival.full_path, "version": entry.arrival.version}

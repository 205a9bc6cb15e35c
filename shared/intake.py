"""Intake: arrivals become claimed entries, and what is claimed is dispatched at once where time allows.

Events, sweeps and backfills all pass here: after the first line nobody can tell them apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from shared import logs
from shared.announcements import Announcements
from shared.clock import Clock, Deadline
from shared.dispatch import Dispatcher
from shared.drafts import draft
from shared.errors import LedgerConflict, LedgerError
from shared.events import Ignored, SubtreeMoved, read_events
from shared.former_rules import FormerRules
from shared.landing import Landing
from shared.ledger import Claim, Claimed, Entries
from shared.model import ABSENT, Arrival, Result, Source, State, entry_key
from shared.parameters import Locations
from shared.redaction import told
from shared.rule_book import RuleBook
from shared.rules import Match, OnOverwrite


class SubtreeBackfills(Protocol):
    """Who takes in all files below a directory that was moved into place."""

    async def ask_for_subtree(self, container: str, prefix: str, arrived_at: datetime, event_id: str) -> object:
        """Write down, durably, that what lies below a prefix is to be claimed. Safe to repeat with one event's id.

        Raises LedgerError: then it was not written down, and the event must come again.
        """


class Intake:
    """Claims what matches a rule, once."""

    def __init__(  # noqa: PLR0913 - one argument a collaborator, all by name
        self,
        *,
        rule_book: RuleBook,
        former_rules: FormerRules,
        announcements: Announcements,
        entries: Entries,
        dispatcher: Dispatcher,
        landing: Landing,
        clock: Clock,
        locations: Locations,
        grace: timedelta,
        subtrees: SubtreeBackfills,
    ) -> None:
        self._rule_book = rule_book
        self._former_rules = former_rules
        self._announcements = announcements
        self._entries = entries
        self._dispatcher = dispatcher
        self._landing = landing
        self._subtrees = subtrees
        self._clock = clock
        self._locations = locations
        self._grace = grace

    async def receive(self, body: str, deadline: Deadline) -> list[Claim]:
        """Take in an Event Grid payload: every event ends as claims or as one log line saying why not (rule R7).

        A renamed directory's files are claimed later; that they will be is written down. Raises the first LedgerError,
        BlobsUnavailable or defect after all events have been tried: then Event Grid delivers the payload again, and
        what was claimed meanwhile is a duplicate. Bad input never raises.
        """
        claims: list[Claim] = []
        failures: list[Exception] = []
        for found in read_events(body, self._clock.now()):
            if isinstance(found, Ignored):
                _log_ignored(found)
                continue
            try:
                if not self._is_watched(found):
                    continue
                if isinstance(found, SubtreeMoved):
                    await self._receive_subtree(found)
                else:
                    claims += await self._receive_one(found, deadline)
            except Exception as error:  # noqa: BLE001 - what one event meets must not hold up the others (invariant 6)
                reason = told(error)
                logs.error("event.failed", path=found.full_path, event=found.event_id, reason=reason)
                failures.append(error)
        if failures:
            raise failures[0]
        return claims

    async def accept(self, arrival: Arrival, deadline: Deadline, *, only: str | None = None) -> list[Claim]:
        """Claim an arrival for each rule that it matches and dispatch what is won.

        `only` is the ledger name of a rule: then it is claimed for that one alone, if that one matches beside the
        others. What comes late and another rule has had is not claimed. Safe to repeat: a repeated arrival is a
        duplicate. Raises LedgerError or BlobsUnavailable; what Databricks says never raises.
        """
        matches = await self._matches(arrival)
        if only is not None:
            matches = tuple(match for match in matches if match.rule.ledger_name == only)
        if not matches:
            logs.fact("arrival.unmatched", path=arrival.full_path, source=arrival.source, rule=only)
        is_late = arrival.source is not Source.EVENT or self._clock.now() - arrival.committed_at > self._grace
        claims = []
        for match in matches:
            rivals = await self._rivals(match) if is_late and not match.rule.also else []
            if not await self._is_taken(match, rivals):
                claims.append(await self._claim(match, deadline, rivals))
        return claims

    async def _rivals(self, match: Match) -> list[str]:
        """Return the ledger names of the other rules that may have had versions of the match's path.

        A backfill is asked for by name: rules that are gone are not in its way.
        """
        rules = await self._rule_book.current()
        names = [rule.ledger_name for rule in rules.contenders(match.arrival) if not rule.also]
        if match.arrival.source is not Source.BACKFILL:
            names += await self._former_rules.ledger_names(rules)
        return [name for name in names if name != match.rule.ledger_name]

    async def _is_taken(self, match: Match, rivals: Sequence[str]) -> bool:
        """Tell whether another rule has had this very arrival, when it came before it in the file; that is logged.

        The rules in force when a file landed decided about it: putting them in another order starts nothing again.
        Only what comes late can have been there under other rules, so that fresh events cost no reads.
        """
        arrival, ours = match.arrival, match.rule.ledger_name
        for name in rivals:
            entry = await self._entries.read(name, arrival, entry_key(name, arrival))
            # An entry that was closed because its version was not there has had no run, unless in a former generation.
            if entry is not None and (entry.result not in ABSENT or entry.generation > 1):
                logs.fact("arrival.taken", rule=ours, by=name, path=arrival.full_path, entry=entry.key[:12])
                return True
        return False

    async def _matches(self, arrival: Arrival) -> tuple[Match, ...]:
        """Return the matches of an arrival; where conditions ask for what it does not tell, its blob is asked."""
        rules = await self._rule_book.current()
        matches = rules.match(arrival)
        if not any(match.undecided for match in matches):
            return matches
        found = await self._landing.identify(arrival)
        if found is not None and found.version == arrival.version:
            return rules.match(found)
        # What is there now, if anything, is another version, with an event of its own.
        logs.fact("arrival.vanished", path=arrival.full_path, event=arrival.event_id, replaced=found is not None)
        return tuple(match for match in matches if not match.undecided)

    def _is_watched(self, found: Arrival | SubtreeMoved) -> bool:
        if not found.account or found.account.lower() == self._locations.account.lower():
            return True
        reason = f"account {found.account} is not watched, {self._locations.account} is"
        _log_ignored(Ignored(reason=reason, subject=found.full_path, event_id=found.event_id or ""))
        return False

    async def _receive_one(self, arrival: Arrival, deadline: Deadline) -> list[Claim]:
        arrival = replace(arrival, account=self._locations.account)
        if arrival.version is None and (await self._rule_book.current()).match(arrival):
            # A rename event carries no ETag; with the blob's own, event and sweep agree on the entry's key.
            identified = await self._landing.identify(arrival)
            if identified is None:
                logs.fact("arrival.vanished", path=arrival.full_path, event=arrival.event_id, replaced=False)
                return []
            arrival = replace(identified, is_there=True)
        return await self.accept(arrival, deadline)

    async def _receive_subtree(self, subtree: SubtreeMoved) -> None:
        rules = await self._rule_book.current()
        if not any(_may_lie_below(subtree, rule.path.static_prefix) for rule in rules if rule.enabled):
            reason = "no rule looks below this directory"
            _log_ignored(Ignored(reason=reason, subject=subtree.full_path, event_id=subtree.event_id))
            return
        event_id = subtree.event_id or subtree.moved_at.isoformat()
        await self._subtrees.ask_for_subtree(subtree.container, subtree.prefix, subtree.moved_at, event_id)

    async def _claim(self, match: Match, deadline: Deadline, rivals: Sequence[str]) -> Claim:
        drafted = draft(match, self._locations, self._clock.now())
        if drafted.state is State.PENDING:
            drafted = self._dispatcher.prepared(drafted, deadline)
        await self._announcements.announce(drafted.rule)
        claim = await self._entries.claim(
            drafted,
            overwrites_run=match.rule.on_overwrite is OnOverwrite.RUN,
            # Only what is listed may be a touch: an event says that somebody has written.
            rivals=() if match.arrival.source is Source.EVENT else rivals,
        )
        entry = claim.entry
        fields = {"source": match.arrival.source, "state": entry.state, "result": entry.result}
        logs.fact(f"arrival.{claim.outcome.value}", **fields, reason=entry.reason or None, **entry.log_fields())
        if claim.outcome is Claimed.DUPLICATE:
            claim = await self._suppressed(match.arrival, claim)
            return await self._started(claim, deadline)
        if entry.state is State.DEAD:
            logs.error("entry.dead", reason=entry.reason, **entry.log_fields())
        if drafted.is_open and entry.result is Result.IGNORED and match.rule.on_overwrite is OnOverwrite.ALERT:
            logs.error("arrival.overwritten", **entry.log_fields())
        if entry.state is State.DISPATCHING:
            return replace(claim, entry=await self._dispatcher.send(entry, deadline))
        return await self._started(claim, deadline)

    async def _suppressed(self, arrival: Arrival, claim: Claim) -> Claim:
        """Count a duplicate; it is also an occasion to start what somebody left overdue.

        A listing shows only what is there: an entry that was closed because its version was not, by two clocks that
        disagreed, or because the file was away for a while, is opened again. So it is where another event
        tells of a file that had vanished, or an event for which the blob was asked of one that is there after all.
        What a sweep took for a touch was none where the event of this very version comes after all: setting metadata
        sends none. Its blob is looked up once more before anything starts.
        """
        now, entry = self._clock.now(), claim.entry
        is_listed = arrival.source is not Source.EVENT
        is_back = entry.result is Result.VANISHED and arrival.event_id != entry.arrival.event_id
        was_written = entry.result is Result.TOUCHED and not is_listed and not arrival.is_there
        if is_back or was_written or ((is_listed or arrival.is_there) and entry.result in ABSENT):
            logs.warning("entry.reopened", result=entry.result, **entry.log_fields())
            changes = {"state": State.HELD, "result": None, "reason": "", "settled_at": None}
            try:
                return replace(claim, entry=await self._entries.move(entry, **changes, due_at=now))
            except LedgerConflict:
                return claim  # somebody else has opened it just now
        if is_listed:
            return claim
        try:
            await self._entries.count_duplicate(entry, now)
        except LedgerError as error:
            logs.warning("duplicate.uncounted", reason=error, **entry.log_fields())
        return claim

    async def _started(self, claim: Claim, deadline: Deadline) -> Claim:
        """Start the entry of a claim if it is due and has no run."""
        due_at, startable = claim.entry.due_at, {State.PENDING, State.DISPATCHING, State.HELD}
        if due_at and due_at <= self._clock.now() and claim.entry.state in startable:
            return replace(claim, entry=await self._dispatcher.start(claim.entry, deadline))
        return claim


def _may_lie_below(subtree: SubtreeMoved, static_prefix: str) -> bool:
    """Tell whether paths that begin with a prefix (of a rule) may be among those below a directory."""
    return static_prefix.startswith(subtree.full_path) or subtree.full_path.startswith(static_prefix)


def _log_ignored(ignored: Ignored) -> None:
    logs.fact(
        "event.ignored",
        reason=ignored.reason,
        type=ignored.event_type or None,
        subject=ignored.subject or None,
        event=ignored.event_id or None,
    )

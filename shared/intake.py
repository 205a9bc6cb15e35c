"""Intake: arrivals become claimed entries, and what is claimed is dispatched at once where time allows.

Events, sweeps and backfills all pass here: after the first line nobody can tell them apart.
"""

from __future__ import annotations

from dataclasses import replace

from shared import logs
from shared.clock import Clock, Deadline
from shared.dispatch import Dispatcher
from shared.errors import LandfallError, LedgerError
from shared.events import Ignored, read_events
from shared.landing import Landing
from shared.ledger import Claim, Claimed, Entries
from shared.model import Arrival, Entry, Result, Source, State, entry_key
from shared.parameters import Locations
from shared.rule_book import RuleBook
from shared.rules import Match, Mode, OnOverwrite, problem


class Intake:
    """Claims what matches a rule, once."""

    def __init__(
        self,
        *,
        rule_book: RuleBook,
        entries: Entries,
        dispatcher: Dispatcher,
        landing: Landing,
        clock: Clock,
        locations: Locations,
    ) -> None:
        self._rule_book = rule_book
        self._entries = entries
        self._dispatcher = dispatcher
        self._landing = landing
        self._clock = clock
        self._locations = locations

    async def receive(self, body: str, deadline: Deadline) -> list[Claim]:
        """Take in an Event Grid payload: every event ends as claims or as one log line saying why not (rule R7).

        Raises the first LedgerError or BlobsUnavailable after all events have been tried: then Event Grid
        delivers the payload again, and what was claimed meanwhile is a duplicate. Bad input never raises.
        """
        claims: list[Claim] = []
        failures: list[LandfallError] = []
        for found in read_events(body, self._clock.now()):
            if isinstance(found, Ignored):
                _log_ignored(found)
                continue
            try:
                claims += await self._receive_one(found, deadline)
            except LandfallError as error:
                logs.error("event.failed", path=found.full_path, event=found.event_id, reason=error)
                failures.append(error)
        if failures:
            raise failures[0]
        return claims

    async def accept(self, arrival: Arrival, deadline: Deadline) -> list[Claim]:
        """Claim an arrival for each rule that it matches and dispatch what is won.

        Safe to repeat: a repeated arrival is a duplicate. Raises LedgerError; what Databricks says never raises.
        """
        matches = await self._matches(arrival)
        if not matches:
            logs.fact("arrival.unmatched", path=arrival.full_path, source=arrival.source)
        return [await self._claim(match, deadline) for match in matches]

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

    async def _receive_one(self, arrival: Arrival, deadline: Deadline) -> list[Claim]:
        if arrival.account and arrival.account.lower() != self._locations.account.lower():
            reason = f"account {arrival.account} is not watched, {self._locations.account} is"
            _log_ignored(Ignored(reason=reason, subject=arrival.full_path, event_id=arrival.event_id or ""))
            return []
        arrival = replace(arrival, account=self._locations.account)
        if arrival.version is None and (await self._rule_book.current()).match(arrival):
            # A rename event carries no ETag; with the blob's own, event and sweep agree on the entry's key.
            identified = await self._landing.identify(arrival)
            if identified is None:
                logs.fact("arrival.vanished", path=arrival.full_path, event=arrival.event_id, replaced=False)
                return []
            arrival = identified
        return await self.accept(arrival, deadline)

    async def _claim(self, match: Match, deadline: Deadline) -> Claim:
        draft = self._draft(match)
        if draft.state is State.PENDING:
            draft = self._dispatcher.prepared(draft, deadline)
        claim = await self._entries.claim(draft, overwrites_run=match.rule.on_overwrite is OnOverwrite.RUN)
        entry = claim.entry
        fields = {"source": match.arrival.source, "state": entry.state, "result": entry.result}
        logs.fact(f"arrival.{claim.outcome.value}", **fields, reason=entry.reason or None, **entry.log_fields())
        if claim.outcome is Claimed.DUPLICATE:
            claim = await self._suppressed(match.arrival, claim)
            return await self._started(claim, deadline)
        if entry.state is State.DEAD:
            logs.error("entry.dead", reason=entry.reason, **entry.log_fields())
        if draft.is_open and entry.result is Result.IGNORED and match.rule.on_overwrite is OnOverwrite.ALERT:
            logs.error("arrival.overwritten", **entry.log_fields())
        if entry.state is State.DISPATCHING:
            return replace(claim, entry=await self._dispatcher.send(entry, deadline))
        return await self._started(claim, deadline)

    async def _suppressed(self, arrival: Arrival, claim: Claim) -> Claim:
        """Count a duplicate; it is also an occasion to start what somebody left overdue.

        A sweep sees only what is there: an entry that was closed as superseded and is listed was closed by mistake,
        because two clocks disagreed, and is opened again.
        """
        now, entry = self._clock.now(), claim.entry
        if arrival.source is Source.SWEEP:
            if entry.result is not Result.SUPERSEDED:
                return claim
            logs.warning("entry.reopened", **entry.log_fields())
            reopened = await self._entries.move(entry, state=State.PENDING, result=None, settled_at=None, due_at=now)
            return replace(claim, entry=reopened)
        try:
            await self._entries.count_duplicate(entry, now)
        except LedgerError as error:
            logs.warning("duplicate.uncounted", reason=error, **entry.log_fields())
        return claim

    async def _started(self, claim: Claim, deadline: Deadline) -> Claim:
        """Start the entry of a claim if it is due and has no run."""
        due_at, startable = claim.entry.due_at, {State.PENDING, State.DISPATCHING}
        if due_at and due_at <= self._clock.now() and claim.entry.state in startable:
            return replace(claim, entry=await self._dispatcher.start(claim.entry, deadline))
        return claim

    def _draft(self, match: Match) -> Entry:
        """Return the entry as it would be without a ledger: to be started, held until its age, or closed at once."""
        now = self._clock.now()
        rule, arrival = match.rule, match.arrival
        key = entry_key(rule.name, arrival)
        fields = match.render(self._locations, key)
        entry = Entry(
            key=key,
            rule=rule.name,
            arrival=arrival,
            job=rule.job,
            parameters=fields,
            state=State.PENDING,
            claimed_at=now,
            due_at=now,
        )
        if match.undecided:
            return _ignored(entry, f"nobody tells the {' and the '.join(match.undecided)} of this file")
        if rule.mode is Mode.SHADOW:
            return _ignored(entry, f"the rule is a shadow: it would have started the job {rule.job}")
        if fault := problem(fields):
            return entry.evolve(state=State.DEAD, due_at=None, reason=fault, settled_at=now, parameters={})
        ripe_at = arrival.committed_at + rule.conditions.min_age
        if ripe_at > now:
            return entry.evolve(state=State.HELD, due_at=ripe_at, reason=f"waits until {ripe_at.isoformat()}: min_age")
        return entry


def _ignored(entry: Entry, reason: str) -> Entry:
    return entry.evolve(
        state=State.SETTLED, result=Result.IGNORED, due_at=None, reason=reason, settled_at=entry.claimed_at
    )


def _log_ignored(ignored: Ignored) -> None:
    logs.fact(
        "event.ignored",
        reason=ignored.reason,
        type=ignored.event_type or None,
        subject=ignored.subject or None,
        event=ignored.event_id or None,
    )

"""Dispatch: call run-now for a claimed entry. Repeatable: the token makes it one run.

What is known of the outcome decides what is written (rule R5): a run -> SUBMITTED; nothing was started -> PENDING,
due later; unknown -> DISPATCHING still, due later. Always the same token and the same bytes (rule R2).
"""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta
from typing import Protocol

from shared import logs
from shared.breakers import Breakers
from shared.clock import Clock, Deadline
from shared.errors import (
    JobMissing,
    JobsBusy,
    JobsError,
    JobsUnauthorised,
    LandfallError,
    LedgerConflict,
    LedgerError,
)
from shared.holds import Holds, may_have_changed
from shared.job_directory import JobDirectory
from shared.jobs import frozen_body
from shared.landing import Landing, with_md5
from shared.ledger import Entries
from shared.limits import Limiter, Line, Permit
from shared.lost_runs import RunLister, can_be_found, find_lost_run
from shared.model import Arrival, Entry, RunRequest, State, run_token
from shared.run_answers import FIRST_DELAY, delay, remark, unstarted
from shared.settings import Settings

# How long Databricks remembers a token is not documented, so blind repetition ends and the run is looked for.
BLIND_REPETITION = timedelta(hours=24)
MOST_LOOKUPS = 2
# With less time than this a request is not begun: its answer would be lost, and the next pass has all its time.
LEAST_SECONDS = 1.0
# A look at the blob must leave time for the request.
LOOK_SECONDS = 5.0


class Jobs(RunLister, Protocol):
    """What dispatch needs of Databricks."""

    async def run_now(self, request: RunRequest, deadline: Deadline) -> int:
        """Start a run, or return the one that this token has started before."""


class Dispatcher:
    """Turns claimed entries into runs."""

    def __init__(  # noqa: PLR0913 - one argument a collaborator, all by name
        self,
        *,
        entries: Entries,
        jobs: Jobs,
        directory: JobDirectory,
        breakers: Breakers,
        landing: Landing,
        holds: Holds,
        limiter: Limiter,
        clock: Clock,
        settings: Settings,
        randomness: random.Random,
    ) -> None:
        self._entries = entries
        self._jobs = jobs
        self._directory = directory
        self._breakers = breakers
        self._landing = landing
        self._holds = holds
        self._limiter = limiter
        self._line = Line(limiter, clock)
        self._clock = clock
        self._settings = settings
        self._randomness = randomness

    def prepared(self, entry: Entry, deadline: Deadline) -> Entry:
        """Return a new entry as it is best claimed; asks nobody and writes nothing.

        That is leased with its request frozen, so that run-now may follow at once and the claim is the only round
        trip before it. Otherwise PENDING: due later when its rule's breaker has tripped, due now when its job or its
        blob must be looked up first, for a claim waits for nobody. HELD where a limit is reached.
        """
        holding = self._breakers.holding(entry.rule)
        if holding:
            return entry.evolve(due_at=holding.until, reason=holding.reason)
        if self._limiter.is_closed(entry.rule):
            return self._line.new(entry)
        job_id = self._directory.known(entry.job)
        if job_id is None or deadline.remaining() < LEAST_SECONDS or self._may_have_changed(entry):
            return entry
        return self._leased(entry, job_id)

    async def start(self, entry: Entry, deadline: Deadline) -> Entry:
        """Start, or start again, an entry that is due; return it as it stands afterwards.

        Safe to repeat and to run twice at once: one of the two takes the lease. Never raises what it expects.
        """
        if entry.is_gathering:
            return entry  # its batch starts, and not it
        if self._breakers.holding(entry.rule) or deadline.remaining() < LEAST_SECONDS:
            return entry
        if entry.first_sent_at and self._clock.now() - entry.first_sent_at >= BLIND_REPETITION:
            return await self._look_up(entry, deadline)
        if self._limiter.is_closed(entry.rule, waited=entry.is_held_back):
            return await self._hold_back(entry)
        if entry.state is State.HELD or self._may_have_changed(entry):
            return await self._release(entry, deadline)
        return await self._send_again(entry, deadline)

    async def send(self, entry: Entry, deadline: Deadline) -> Entry:
        """Send the frozen request of an entry that was claimed with the lease, and write down what came of it.

        Where a limit is reached meanwhile it is held back as if it had never been leased. Never raises: what cannot be
        written is repaired when the lease ends.
        """
        try:
            permit = await self._limiter.permit(entry.rule)
        except LandfallError as error:
            return _unrecorded(entry, error)
        if permit is None:
            return await self._hold_back(entry, state=State.HELD, request=None, first_sent_at=None)
        return await self._send(entry, permit, deadline)

    async def _send(self, entry: Entry, permit: Permit, deadline: Deadline) -> Entry:
        if entry.request is None:
            raise ValueError(f"entry {entry.key} has no frozen request")
        budget = self._time_for(permit, deadline)
        if permit.until is not None and budget.passed():
            return entry  # the ledger took too long; the end of the lease repairs it
        learning = asyncio.create_task(with_md5(self._landing, entry.arrival))
        try:
            run_id = await self._jobs.run_now(entry.request, budget)
            return await self._submitted(entry, run_id, await learning)
        except JobsError as error:
            if isinstance(error, JobsBusy):  # of all answers the one that means that nothing was started before either
                self._limiter.give_back(permit)
            return await self._unstarted(entry, error)
        finally:
            learning.cancel()
            await asyncio.gather(learning, return_exceptions=True)  # heard, whatever has come of it

    def _time_for(self, permit: Permit, deadline: Deadline) -> Deadline:
        """Return the time for one request: no longer than its permit, which counts for the time that it is good for."""
        seconds = min(deadline.remaining(), self._settings.dispatch_budget.total_seconds())
        if permit.until is not None:
            seconds = min(seconds, (permit.until - self._clock.now()).total_seconds())
        return Deadline(self._clock, seconds)

    async def _hold_back(self, entry: Entry, **changes: object) -> Entry:
        """Put an entry into the line of what stops its rule; nothing is written where it stands there already."""
        try:
            placed = await self._line.changes(entry)
        except LandfallError as error:
            return _unrecorded(entry, error)
        return await self._recorded(entry, **{**placed, **changes}) if placed else entry

    def _may_have_changed(self, entry: Entry) -> bool:
        return may_have_changed(entry, self._clock.now(), self._settings.reconcile_grace)

    async def _job_id(self, entry: Entry, deadline: Deadline) -> int:
        return entry.request.job_id if entry.request else await self._directory.resolve(entry.job, deadline)

    def _leased(self, entry: Entry, job_id: int) -> Entry:
        """Return the entry as DISPATCHING with its request frozen."""
        now = self._clock.now()
        return entry.evolve(
            state=State.DISPATCHING,
            request=entry.request or self._frozen(entry, job_id),
            first_sent_at=entry.first_sent_at or now,
            due_at=now + self._settings.dispatch_lease,
            reason=remark(entry),
        )

    def _frozen(self, entry: Entry, job_id: int) -> RunRequest:
        workspace = self._settings.databricks.workspace
        token = run_token(workspace, job_id, entry.key, entry.generation)
        return RunRequest(job_id=job_id, token=token, body=frozen_body(job_id, token, entry.parameters))

    async def _submitted(self, entry: Entry, run_id: int, arrival: Arrival) -> Entry:
        now = self._clock.now()
        logs.fact("run.submitted", run_id=run_id, generation=entry.generation, **entry.log_fields())
        await self._breakers.close(entry.rule)
        return await self._recorded(
            entry,
            state=State.SUBMITTED,
            run_id=run_id,
            arrival=arrival,
            due_at=now + self._settings.settle_interval,
            reason=remark(entry),
        )

    async def _unstarted(self, entry: Entry, error: JobsError) -> Entry:
        """Write down why no run is known, and when to look again."""
        logs.warning("run.unstarted", why=type(error).__name__, reason=error, **entry.log_fields())
        now, lease = self._clock.now(), self._settings.dispatch_lease
        changes = unstarted(entry, error, now, delay=self._delay, lease=lease)
        if isinstance(error, JobsUnauthorised | JobMissing):
            self._directory.forget(entry.job)
            breaker = await self._breakers.trip(entry.rule, error.message)
            changes["due_at"] = breaker.until
        return await self._recorded(entry, **changes)

    async def _recorded(self, entry: Entry, **changes: object) -> Entry:
        try:
            moved = await self._entries.move(entry, **changes)
        except LedgerError as error:
            return _unrecorded(entry, error)
        if moved.state is State.DEAD:
            logs.error("entry.dead", reason=moved.reason, **moved.log_fields())
        return moved

    async def _send_again(self, entry: Entry, deadline: Deadline, **changes: object) -> Entry:
        try:
            job_id = await self._job_id(entry, deadline)
            permit = await self._limiter.permit(entry.rule, waited=entry.is_held_back)
        except JobsError as error:
            return await self._unstarted(entry, error)
        except LandfallError as error:
            return _unrecorded(entry, error)
        if permit is None:
            return await self._hold_back(entry)
        try:
            leased = await self._entries.write(entry, self._leased(entry, job_id).evolve(**changes))
        except LedgerError as error:
            self._limiter.give_back(permit)
            return entry if isinstance(error, LedgerConflict) else _unrecorded(entry, error)  # somebody else has it
        return await self._send(leased, permit, deadline)

    async def _release(self, entry: Entry, deadline: Deadline) -> Entry:
        """Start an entry that had to wait, or close it when its file has not waited for it.

        Where Blob Storage cannot tell, the entry waits on: it is claimed, so nothing is lost.
        """
        now = self._clock.now()
        try:
            async with asyncio.timeout(min(LOOK_SECONDS, deadline.remaining())):
                found = await self._holds.look(entry)
        except (LandfallError, TimeoutError) as error:
            reason = error.message if isinstance(error, LandfallError) else "Blob Storage did not answer in time"
            return await self._recorded(entry, due_at=now + FIRST_DELAY, reason=reason[:500])
        if changes := found.changes(entry, self._clock.now()):
            if found.result is not None:
                logs.fact("entry.settled", result=found.result, reason=found.reason, **entry.log_fields())
            return await self._recorded(entry, **changes)
        if found.reason:
            logs.warning("arrival.replaced", reason=found.reason, **entry.log_fields())
        return await self._send_again(entry, deadline, reason=found.reason)

    async def _look_up(self, entry: Entry, deadline: Deadline) -> Entry:
        """Look for the run of an entry whose request has been repeated for long, by our own parameter (rule R5).

        Found: SUBMITTED. Not found: nothing was started, so it is sent for another while; the second time, or at once
        where no run could be found, an unknown outcome is given up.
        """
        try:
            run_id = await find_lost_run(self._jobs, entry, deadline)
        except JobsError as error:
            due_at = self._clock.now() + self._delay(entry.attempts)
            return await self._recorded(entry, due_at=due_at, attempts=entry.attempts + 1, reason=error.message[:500])
        if run_id is not None:
            return await self._submitted(entry, run_id, entry.arrival)
        now = self._clock.now()
        is_last = entry.lookups + 1 >= MOST_LOOKUPS or not can_be_found(entry)
        if entry.state is State.DISPATCHING and is_last:
            reason = "run-now never gave a usable answer, and no run of the job carries this entry"
            return await self._recorded(entry, state=State.DEAD, due_at=None, reason=reason, settled_at=now)
        return await self._send_again(entry, deadline, lookups=entry.lookups + 1, first_sent_at=now)

    def _delay(self, attempts: int) -> timedelta:
        return delay(attempts, self._randomness)


def _unrecorded(entry: Entry, error: LandfallError) -> Entry:
    logs.warning("entry.unrecorded", reason=error, **entry.log_fields())
    return entry

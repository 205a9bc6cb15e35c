"""Settle: read runs back and close their entries with the result (rule R6).

A 200 from run-now is no run: only a run that was read back, terminal and effective, settles an entry. A run that
never ran makes the next generation (rule R3).
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Protocol

from shared import logs
from shared.clock import Clock, Deadline
from shared.errors import JobsError, LedgerError
from shared.jobs import RunOutput
from shared.ledger import Entries
from shared.model import Entry, Result, Run, State, Verdict
from shared.settings import Settings

_RESULTS = {
    Verdict.SUCCEEDED: Result.SUCCEEDED,
    Verdict.FAILED: Result.FAILED,
    Verdict.CANCELLED: Result.CANCELLED,
}
# A run of many tasks usually fails in one of the first; each look costs a call.
MOST_OUTPUTS = 5
# While Databricks is away one entry must not hold up the pass with its retries.
READ_SECONDS = 10.0
LONGEST_INTERVAL = timedelta(minutes=10)
# A run that never ran says that its job is full or switched off: wait longer with each generation.
FIRST_NEW_GENERATION = timedelta(seconds=30)
LONGEST_NEW_GENERATION = timedelta(minutes=30)


class Runs(Protocol):
    """What can read a run back."""

    async def get_run(self, run_id: int, deadline: Deadline) -> Run | None:
        """Return a run, or None when Databricks does not know it (any more)."""

    async def get_output(self, task_run_id: int, deadline: Deadline) -> RunOutput:
        """Return what the run of one task has left behind."""


class Settler:
    """Closes entries whose runs have ended."""

    def __init__(self, *, entries: Entries, runs: Runs, clock: Clock, settings: Settings) -> None:
        self._entries = entries
        self._runs = runs
        self._clock = clock
        self._settings = settings

    async def settle(self, entry: Entry, deadline: Deadline) -> Entry:
        """Read the run of a SUBMITTED entry and write down what it says; return the entry as it stands.

        Safe to repeat and to run twice at once. Raises LedgerUnavailable; other errors are logged and tried again.
        """
        if entry.run_id is None:
            raise ValueError(f"entry {entry.key} has no run to settle")
        deadline = Deadline(self._clock, min(deadline.remaining(), READ_SECONDS))
        try:
            run = await self._runs.get_run(entry.run_id, deadline)
        except JobsError as error:
            logs.warning("run.unread", run_id=entry.run_id, reason=error, **entry.log_fields())
            return await self._later(entry)
        if run is None:
            return await self._closed(entry, Result.UNKNOWN, reason="Databricks does not know the run any more")
        if run.verdict is None:
            return await self._later(entry)
        if run.verdict is Verdict.NEVER_RAN:
            return await self._next_generation(entry, run)
        return await self._closed(
            entry,
            _RESULTS[run.verdict],
            reason=await self._why(run, deadline),
            run_url=run.page_url,
            run_started_at=run.started_at,
            run_ended_at=run.ended_at,
        )

    async def _why(self, run: Run, deadline: Deadline) -> str:
        """Return why a run did not succeed: the error of its task where Databricks tells it, best effort."""
        if run.verdict is Verdict.SUCCEEDED:
            return ""
        error = ""
        if run.verdict is Verdict.FAILED:
            for task_run_id in run.task_run_ids[:MOST_OUTPUTS]:
                with suppress(JobsError):
                    error = error or (await self._runs.get_output(task_run_id, deadline)).error
        return f"{run.state}: {error or run.message}"[:500]

    async def _closed(self, entry: Entry, result: Result, **changes: object) -> Entry:
        settled = await self._moved(
            entry, state=State.SETTLED, result=result, due_at=None, settled_at=self._clock.now(), **changes
        )
        if settled.state is State.SETTLED:
            log = logs.fact if result is Result.SUCCEEDED else logs.warning
            reason = settled.reason or None
            log("entry.settled", result=result, run_id=entry.run_id, reason=reason, **settled.log_fields())
        return settled

    async def _next_generation(self, entry: Entry, run: Run) -> Entry:
        wait = min(FIRST_NEW_GENERATION * 2 ** min(entry.generation - 1, 10), LONGEST_NEW_GENERATION)
        reason = f"run {entry.run_id} never ran ({run.state}: {run.message})"[:500]
        moved = await self._moved(
            entry,
            state=State.PENDING,
            generation=entry.generation + 1,
            request=None,
            first_sent_at=None,
            attempts=0,
            refusals=0,
            lookups=0,
            run_id=None,
            due_at=self._clock.now() + wait,
            reason=reason,
        )
        if moved.generation != entry.generation:
            generation = moved.generation
            logs.warning("entry.generation_added", generation=generation, reason=reason, **moved.log_fields())
        return moved

    async def _later(self, entry: Entry) -> Entry:
        """Look again after a tenth of the time the run has taken so far: long runs are asked about less often."""
        now = self._clock.now()
        age = now - (entry.first_sent_at or entry.claimed_at)
        interval = max(self._settings.settle_interval, min(age / 10, LONGEST_INTERVAL))
        return await self._moved(entry, due_at=now + interval)

    async def _moved(self, entry: Entry, **changes: object) -> Entry:
        try:
            return await self._entries.move(entry, **changes)
        except LedgerError as error:
            logs.warning("entry.unrecorded", reason=error, **entry.log_fields())
            return entry

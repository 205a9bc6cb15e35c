"""Settles one entry, or all that are due (rule R6).

A 200 from run-now is no run: only a run that was read back, terminal and effective, settles an entry. A run that
never ran makes the next generation (rule R3); one that failed may get another chance, see retries.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

from shared import logs
from shared.clock import Clock, Deadline
from shared.errors import JobsError, LandfallError
from shared.ledger import Entries, Marker
from shared.model import Entry, Result, Run, Verdict
from shared.rule_book import RuleBook
from shared.settings import Settings
from shared.settle.due_runs import DueRuns
from shared.settle.recorder import Recorder, wait_before
from shared.settle.retries import Retries, why_retried
from shared.settle.runs import CountedRuns, Runs

# A run of many tasks usually fails in one of the first; each look costs a call.
MOST_OUTPUTS = 5
# While Databricks is away one entry must not hold up the pass with its retries.
READ_SECONDS = 10.0
# https://docs.databricks.com/api/azure/workspace/jobs/listruns
RUNS_KEPT = timedelta(days=60)


class Settler:
    """Closes entries whose runs have ended."""

    def __init__(self, *, entries: Entries, runs: Runs, rule_book: RuleBook, clock: Clock, settings: Settings) -> None:
        self._entries = entries
        self._runs = CountedRuns(runs)
        self._clock = clock
        self._recorder = Recorder(entries, clock, settings)
        self._retries = Retries(rule_book, self._runs, self._recorder, clock, settings)

    async def settle_due(self, markers: Sequence[Marker], deadline: Deadline) -> Counter[str]:
        """Settle the due entries that have a run, fairly between rules; return how many ended in which state.

        As few calls as the runs allow: see due_runs. An entry that fails is logged and does not stop the others.
        """
        return await DueRuns(self._entries, self._runs, self.settle).settle(markers, deadline)

    async def settle(self, entry: Entry, deadline: Deadline, listed: Run | None = None) -> Entry:
        """Read the run of a SUBMITTED entry and write down what it says; return the entry as it stands.

        A run that was `listed` meanwhile is not read again unless it failed, for a listing tells too little of that.
        Safe to repeat and to run twice at once. Never raises what it expects: it is logged and tried again.
        """
        if entry.run_id is None:
            raise ValueError(f"entry {entry.key} has no run to settle")
        deadline = Deadline(self._clock, min(deadline.remaining(), READ_SECONDS))
        try:
            known = listed is not None and listed.verdict is not Verdict.FAILED
            run = listed if known else await self._runs.get_run(entry.run_id, deadline)
            return await self._settled(entry, run, deadline)
        except LandfallError as error:  # Databricks does not answer, or there are no rules to ask
            logs.warning("run.unread", run_id=entry.run_id, reason=error, **entry.log_fields())
            return await self._recorder.look_later(entry)

    async def _settled(self, entry: Entry, run: Run | None, deadline: Deadline) -> Entry:
        if run is None:
            return await self._recorder.close(entry, Result.UNKNOWN, reason=self._why_gone(entry))
        match run.verdict:
            case None:
                return await self._recorder.look_later(entry)
            case Verdict.NEVER_RAN:
                return await self._never_ran(entry, run)
            case Verdict.SUCCEEDED:
                return await self._ended(entry, run, Result.SUCCEEDED, why_retried(entry))
            case Verdict.CANCELLED:
                return await self._ended(entry, run, Result.CANCELLED, f"{run.state}: {run.message}")
            case Verdict.FAILED:
                return await self._failed(entry, run, deadline)

    async def _failed(self, entry: Entry, run: Run, deadline: Deadline) -> Entry:
        # What to do about the failure must not lack the time that its explanation took.
        why = await self._why_failed(run, Deadline(self._clock, deadline.remaining() / 2))
        retried = await self._retries.retry(entry, run, why, deadline)
        if isinstance(retried, Entry):
            return retried
        return await self._ended(entry, run, Result.FAILED, why + retried)

    async def _ended(self, entry: Entry, run: Run, result: Result, reason: str) -> Entry:
        times = {"run_started_at": run.started_at, "run_ended_at": run.ended_at}
        return await self._recorder.close(entry, result, reason=reason, run_url=run.page_url, **times)

    async def _never_ran(self, entry: Entry, run: Run) -> Entry:
        reason = f"run {run.run_id} never ran ({run.state}: {run.message})"[:500]
        wait = wait_before(entry.generation - 1)
        moved = await self._recorder.begin_next_generation(entry, wait, reason=reason, retries=entry.retries)
        if moved.generation != entry.generation:
            generation = moved.generation
            logs.warning("entry.generation_added", generation=generation, reason=reason, **moved.log_fields())
        return moved

    async def _why_failed(self, run: Run, deadline: Deadline) -> str:
        """Return why a run failed: the error of its task where Databricks tells it, best effort."""
        error = ""
        for task_run_id in run.task_run_ids[:MOST_OUTPUTS]:
            with suppress(JobsError):
                error = error or (await self._runs.get_output(task_run_id, deadline)).error
        return f"{run.state}: {error or run.message}"[:500]

    def _why_gone(self, entry: Entry) -> str:
        started = entry.first_sent_at or entry.claimed_at
        run = f"Databricks does not know run {entry.run_id} any more"
        if self._clock.now() - started >= RUNS_KEPT:
            return f"{run}: it keeps runs for 60 days, and this one was started on {started:%Y-%m-%d}"
        return f"{run}: it was deleted, for it was started on {started:%Y-%m-%d} and runs are kept for 60 days"

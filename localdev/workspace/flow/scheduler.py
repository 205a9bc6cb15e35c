"""Makes runs go on: admits them, starts their tasks, ends them, and picks up where a killed server stopped.

Everything is decided by `lifecycle` and written down before it is done, so a crash leaves a truth behind:

| killed after | left behind | on the next start |
|---|---|---|
| a task's own run was made | that run, and the task as running | it waits for that run again |
| run-now was committed | a pending or queued run | it goes on |
| an attempt was marked as running | perhaps a process, which ends with the server | see `TaskRunner.recover` |
| the task's process reported its result | that report | the result counts |
| the result was committed | an ended attempt | it goes on |

An attempt whose end nobody knows ends as INTERNAL_ERROR and is tried again only as its retries say: never started
twice in secret.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from localdev.workspace.flow import lifecycle, outcomes, server_tasks
from localdev.workspace.flow.agenda import Agenda
from localdev.workspace.flow.launching import Place, facts_for, launch_of
from localdev.workspace.flow.waking import woken_or_due
from localdev.workspace.model.run import Phase, Run, TaskOutput
from localdev.workspace.runners.runner import Execution, Launch, TaskResult, TaskRunner
from localdev.workspace.storage.store import Store
from shared.clock import Clock
from shared.errors import LandfallError
from shared.logs import fact

PAUSE_AFTER_FAULT = timedelta(seconds=1)

logger = logging.getLogger("landfall")


class Scheduler:
    """One loop that looks at the runs something happened to, and one asyncio task per task that runs."""

    def __init__(
        self, store: Store, runner: TaskRunner, clock: Clock, *, running_tasks: int, place: Place | None = None
    ) -> None:
        self.place = place or Place()
        self._store = store
        self._runner = runner
        self._clock = clock
        self._running_tasks = running_tasks
        self._changed: set[int] = set()  # ids of runs to look at
        self._agenda = Agenda()  # when to look at a run although nothing happened to it
        self._woken = asyncio.Event()
        self._executions: dict[int, Execution | None] = {}  # by attempt id; None while it is being started
        self._helpers: set[asyncio.Task[None]] = set()
        self._worker: asyncio.Task[None] | None = None
        self._stopping = False

    async def start(self) -> None:
        """Resolve what an earlier server left, and begin to work."""
        self._recover()
        self._worker = asyncio.create_task(self._work())

    async def stop(self) -> None:
        """End every task; what they were doing is resolved by the next start."""
        self._stopping = True
        if self._worker is not None:
            self._worker.cancel()
            with suppress(asyncio.CancelledError):
                await self._worker
        for execution in self._executions.values():
            if execution is not None:
                execution.end()
        await asyncio.gather(*self._helpers, return_exceptions=True)

    def reached_at(self, url: str) -> None:
        """Note where clients reach the workspace: tasks may ask for it."""
        if self.place.workspace_url != url:
            self.place = replace(self.place, workspace_url=url)

    def notice(self, run_id: int) -> None:
        """Have a run looked at, because something happened to it."""
        self._changed.add(run_id)
        self._woken.set()

    def _recover(self) -> None:
        for phase in (Phase.RUNNING, Phase.TERMINATING):
            for run_id, attempt_id in self._store.runs.attempts_in(phase):
                run = self._store.runs.get(run_id)
                if run is not None and server_tasks.is_done_here(run, run.attempt(attempt_id)):
                    continue
                result = self._runner.recover(attempt_id) or TaskResult(outcome=outcomes.LOST, by_itself=False)
                fact("workspace.task_recovered", run=run_id, task_run=attempt_id, code=result.outcome.code)
                self._record(run_id, attempt_id, result)
        self._changed.update(self._store.runs.active_ids())

    async def _work(self) -> None:
        while True:
            self._woken.clear()
            self._advance_all()
            try:
                self._start_pending()
            except Exception:
                logger.exception("workspace.tasks_not_started")
                await self._clock.sleep(PAUSE_AFTER_FAULT.total_seconds())
            else:
                await woken_or_due(self._woken, self._agenda.first(), self._clock)

    def _advance_all(self) -> None:
        """Look at every run once; what that changes is looked at in the next turn, when others had theirs."""
        now = self._clock.now()
        changed, self._changed = self._changed | self._agenda.due(now), set()
        for run_id in sorted(changed):
            try:
                self._advance(run_id, now)
            except Exception:  # a full disk, say: it must not stop the other runs, nor this one for ever
                logger.exception("workspace.run_not_advanced")
                self._agenda.plan(run_id, now + PAUSE_AFTER_FAULT)

    def _advance(self, run_id: int, now: datetime) -> None:
        with self._store.transaction():
            before = self._store.runs.get(run_id)
            if before is None:
                self._agenda.plan(run_id, None)
                return
            run = lifecycle.advanced(before, now, self._store.new_id)
            progress = server_tasks.progressed(self._store, self.place, run, now)
            run = progress.run
            if run != before:
                self._store.save_run(run, before)
            for attempt_id, output in progress.outputs.items():
                self._store.runs.save_output(attempt_id, output)
            # Only the end of a run frees a slot, and a run in the queue may have come after that.
            freed = run.phase in {Phase.QUEUED, Phase.ENDED} and not run.is_loop
            touched = progress.touched.union(self._admit(run.job_id, now) if freed else ())
        for each in touched:
            self.notice(each)
        self._tell_parent(run)
        self._plan(run)
        self._end_told(run)

    def _admit(self, job_id: int, now: datetime) -> list[int]:
        """Give free slots of a job to the runs that have waited longest; return their ids."""
        admitted: list[int] = []
        while (run := self._store.runs.first_queued(job_id)) is not None:
            if self._store.runs.admitted_count(job_id) >= run.settings.max_concurrent_runs:
                break
            self._store.save_run(lifecycle.admitted(run, now), run)
            admitted.append(run.id)
        return admitted

    def _plan(self, run: Run) -> None:
        self._agenda.plan(run.id, lifecycle.next_due(run))

    def _tell_parent(self, run: Run) -> None:
        """Have the run looked at whose task waits for this one."""
        if run.parent_id is not None and not run.is_active:
            parent = self._store.runs.id_of_attempt(run.parent_id)
            if parent is not None:
                self.notice(parent)

    def _end_told(self, run: Run) -> None:
        for attempt in run.attempts:
            execution = self._executions.get(attempt.id)
            if attempt.phase is Phase.TERMINATING and execution is not None:
                execution.end()

    def _start_pending(self) -> None:
        free = self._running_tasks - len(self._executions)
        for run_id, attempt_id in self._store.runs.attempts_in(Phase.PENDING, max(0, free)):
            launch = self._started(run_id, attempt_id)
            if launch is not None:
                self._executions[attempt_id] = None
                self._help(self._execute(run_id, launch))

    def _started(self, run_id: int, attempt_id: int) -> Launch | None:
        """Note an attempt as running and return how to start it, None when it cannot be started as it is."""
        now = self._clock.now()
        with self._store.transaction():
            before = self._store.runs.get(run_id)
            if before is None or server_tasks.is_done_here(before, before.attempt(attempt_id)):
                return None
            run = lifecycle.started(before, attempt_id, now)
            attempt = run.attempt(attempt_id)
            launch = None
            try:
                launch = launch_of(run, attempt, facts_for(self._store, self.place, run, attempt))
            except (LandfallError, ValueError) as error:
                outcome = server_tasks.misconfigured(error)
                run = lifecycle.ended(run, attempt_id, outcome, now)
                self._store.runs.save_output(attempt_id, TaskOutput(error=outcome.message))
                self.notice(run_id)
            self._store.save_run(run, before)
        self._plan(run)
        return launch

    async def _execute(self, run_id: int, launch: Launch) -> None:
        result = await self._result(run_id, launch)
        while result.by_itself or not self._stopping:
            try:
                self._record(run_id, launch.attempt_id, result)
                break
            except sqlite3.Error:
                logger.exception("workspace.result_not_saved")
                await self._clock.sleep(PAUSE_AFTER_FAULT.total_seconds())
        del self._executions[launch.attempt_id]
        self.notice(run_id)

    async def _result(self, run_id: int, launch: Launch) -> TaskResult:
        try:
            execution = await self._runner.start(launch)
            self._executions[launch.attempt_id] = execution
            if self._stopping:
                execution.end()
            self.notice(run_id)  # it may have been told to end meanwhile
            return await execution.wait()
        except Exception as error:
            logger.exception("workspace.task_not_run")
            return TaskResult(outcome=outcomes.crashed(f"The task could not be run: {error}"), by_itself=False)

    def _record(self, run_id: int, attempt_id: int, result: TaskResult) -> None:
        with self._store.transaction():
            before = self._store.runs.get(run_id)
            if before is None:
                return
            run = lifecycle.ended(before, attempt_id, result.outcome, self._clock.now())
            self._store.save_run(run, before)
            self._store.runs.save_output(attempt_id, result.output)
        self.notice(run_id)

    def _help(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._helpers.add(task)
        task.add_done_callback(self._helpers.discard)

"""Makes runs go on: admits them, starts their tasks, ends them, and picks up where a killed server stopped.

Everything is decided by `lifecycle` and written down before it is done, so a crash leaves a truth behind:

| killed after | left behind | on the next start |
|---|---|---|
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
from datetime import datetime, timedelta
from typing import Any

from localdev.workspace import lifecycle, outcomes
from localdev.workspace.launching import launch_of
from localdev.workspace.model import Phase, Run
from localdev.workspace.runner import Execution, Launch, TaskResult, TaskRunner
from localdev.workspace.store import Store
from shared.clock import Clock
from shared.logs import fact

PAUSE_AFTER_FAULT = timedelta(seconds=1)

logger = logging.getLogger("landfall")


class Scheduler:
    """One loop that looks at the runs something happened to, and one asyncio task per task that runs."""

    def __init__(self, store: Store, runner: TaskRunner, clock: Clock, *, running_tasks: int) -> None:
        self._store = store
        self._runner = runner
        self._clock = clock
        self._running_tasks = running_tasks
        self._changed: set[int] = set()  # ids of runs to look at
        self._due: dict[int, datetime] = {}  # when to look at a run although nothing happened to it
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

    def notice(self, run_id: int) -> None:
        """Have a run looked at, because something happened to it."""
        self._changed.add(run_id)
        self._woken.set()

    def _recover(self) -> None:
        for phase in (Phase.RUNNING, Phase.TERMINATING):
            for run_id, attempt_id in self._store.runs.attempts_in(phase):
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
                await self._until_something_happens()

    def _advance_all(self) -> None:
        now = self._clock.now()
        self._changed.update(run_id for run_id, due in self._due.items() if due <= now)
        while self._changed:
            run_id = self._changed.pop()
            try:
                self._advance(run_id, now)
            except Exception:  # a full disk, say: it must not stop the other runs, nor this one for ever
                logger.exception("workspace.run_not_advanced")
                self._due[run_id] = now + PAUSE_AFTER_FAULT

    def _advance(self, run_id: int, now: datetime) -> None:
        with self._store.transaction():
            before = self._store.runs.get(run_id)
            if before is None:
                self._due.pop(run_id, None)
                return
            run = lifecycle.advanced(before, now, self._store.new_id)
            if run != before:
                self._store.save_run(run, before)
            admitted = self._admit(run.job_id, now)
        self._changed.update(admitted)
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
        due = lifecycle.next_due(run)
        if due is None:
            self._due.pop(run.id, None)
        else:
            self._due[run.id] = due

    def _end_told(self, run: Run) -> None:
        for attempt in run.attempts:
            execution = self._executions.get(attempt.id)
            if attempt.phase is Phase.TERMINATING and execution is not None:
                execution.end()

    def _start_pending(self) -> None:
        free = self._running_tasks - len(self._executions)
        for run_id, attempt_id in self._store.runs.attempts_in(Phase.PENDING, max(0, free)):
            with self._store.transaction():
                before = self._store.runs.get(run_id)
                if before is None:
                    continue
                run = lifecycle.started(before, attempt_id, self._clock.now())
                self._store.save_run(run, before)
            self._plan(run)
            self._executions[attempt_id] = None
            values = self._store.runs.task_values(run)
            self._help(self._execute(run_id, launch_of(run, run.attempt(attempt_id), values)))

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

    async def _until_something_happens(self) -> None:
        waits: list[asyncio.Task[Any]] = [asyncio.create_task(self._woken.wait())]
        if self._due:
            seconds = (min(self._due.values()) - self._clock.now()).total_seconds()
            waits.append(asyncio.create_task(self._clock.sleep(max(0.0, seconds))))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def _help(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._helpers.add(task)
        task.add_done_callback(self._helpers.discard)

"""Makes triggers do what is due: one loop that waits for the next moment, and a task for each trigger that is at work.

When something is due is written down, so that a killed server's successor goes on from there; see `clockwork.py`,
`file_arrival.py` and `continuous.py` for what each kind makes of the time in between.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from datetime import datetime, timedelta

from localdev.workspace.core import Core
from localdev.workspace.flow.waking import woken_or_due
from localdev.workspace.model.job import Job
from localdev.workspace.model.run import Run
from localdev.workspace.triggers.clockwork import Clockwork
from localdev.workspace.triggers.continuous import ContinuousRuns
from localdev.workspace.triggers.driver import Driver
from localdev.workspace.triggers.file_arrival import FileWatch
from localdev.workspace.triggers.model import Continuous, FileArrival, Periodic, Schedule, Starter
from localdev.workspace.triggers.places import Places
from localdev.workspace.triggers.trigger_table import TriggerState

PAUSE_AFTER_FAULT = timedelta(seconds=5)
# A sleeping laptop stops the clock that asyncio waits by: nobody is later than this after it wakes up.
LONGEST_WAIT = timedelta(minutes=1)

logger = logging.getLogger("landfall")


class TriggerLoop:
    """Looks after the triggers of all jobs from its start to its stop."""

    def __init__(self, core: Core, places: Places) -> None:
        self._core = core
        self._places = places
        self._continuous = ContinuousRuns(core)
        clockwork = Clockwork(core)
        self._drivers: dict[type[Starter], Driver] = {
            Schedule: clockwork,
            Periodic: clockwork,
            FileArrival: FileWatch(core, places),
            Continuous: self._continuous,
        }
        self._changed: set[int] = set()  # ids of jobs to look at
        self._due: dict[int, datetime] = {}  # when a job's trigger does something
        self._acting: dict[int, asyncio.Task[None]] = {}
        self._known: set[int] = set()  # ids of jobs whose triggers this server has begun or resumed
        self._woken = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin with all jobs that there are, and hear of those that come."""
        self._core.store.jobs.on_change(self._job_changed)
        self._core.store.on_change(self._run_changed)
        self._changed.update(self._core.store.jobs.ids())
        self._worker = asyncio.create_task(self._work())

    async def stop(self) -> None:
        """Stop; what a look was about to find is found by the next server."""
        tasks = [*self._acting.values(), *([self._worker] if self._worker is not None else [])]
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
        await self._places.close()

    @property
    def is_idle(self) -> bool:
        """Tell whether nothing is going on, and nothing will before the clock moves or a job changes."""
        now = self._core.clock.now()
        return not self._changed and not self._acting and all(due > now for due in self._due.values())

    def _job_changed(self, job_id: int) -> None:
        """Look at a job that was made, changed or deleted; called inside that transaction."""
        self._changed.add(job_id)
        self._woken.set()

    def _run_changed(self, before: Run | None, run: Run) -> None:
        has_ended = not run.is_active and (before is None or before.is_active)
        if has_ended and not run.is_loop and self._continuous.run_ended(run, self._core.clock.now()):
            self._job_changed(run.job_id)

    async def _work(self) -> None:
        while True:
            self._woken.clear()
            self._plan_changed()
            self._start_due()
            await self._until_something_happens()

    def _plan_changed(self) -> None:
        while self._changed:
            job_id = self._changed.pop()
            if job_id in self._acting:
                continue  # it is planned again once that is over
            try:
                self._plan(job_id)
            except Exception:  # a full disk, say: it must not stop the other triggers, nor this one for ever
                logger.exception("workspace.trigger_not_planned")
                self._due[job_id] = self._core.clock.now() + PAUSE_AFTER_FAULT

    def _plan(self, job_id: int) -> None:
        with self._core.store.transaction():
            job = self._core.store.jobs.get(job_id)
            if job is None or job.settings.started_by is None or job.settings.started_by.is_paused:
                self._core.store.triggers.forget(job_id)
                due = None
            else:
                due = self._state(job, job.settings.started_by).due_at
        self._known.add(job_id)
        if due is None:
            self._due.pop(job_id, None)
        else:
            self._due[job_id] = due

    def _state(self, job: Job, starter: Starter) -> TriggerState:
        """Return a trigger's state: begun anew where it is another than before, resumed where the server was down."""
        table, driver, now = self._core.store.triggers, self._drivers[type(starter)], self._core.clock.now()
        state = table.get(job.id)
        if state is None or state.key != starter.key:
            table.forget(job.id)
            state = driver.begun(job, TriggerState(job_id=job.id, key=starter.key), now)
        elif job.id not in self._known:
            state = driver.resumed(job, state, now)
        table.save(state)
        return state

    def _start_due(self) -> None:
        now = self._core.clock.now()
        for job_id in [job_id for job_id, due in self._due.items() if due <= now]:
            del self._due[job_id]
            self._acting[job_id] = asyncio.create_task(self._act(job_id))

    async def _act(self, job_id: int) -> None:
        try:
            job = self._core.store.jobs.get(job_id)
            if job is not None and job.settings.started_by is not None and not job.settings.started_by.is_paused:
                await self._drivers[type(job.settings.started_by)].act(job)
        except Exception:
            logger.exception("workspace.trigger_failed")
            await self._core.clock.sleep(PAUSE_AFTER_FAULT.total_seconds())
        finally:
            del self._acting[job_id]
        self._job_changed(job_id)

    async def _until_something_happens(self) -> None:
        clock = self._core.clock
        due = min(*self._due.values(), clock.now() + LONGEST_WAIT) if self._due else None
        await woken_or_due(self._woken, due, clock)

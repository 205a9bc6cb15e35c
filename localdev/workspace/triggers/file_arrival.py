"""`trigger.file_arrival`: runs for files that were not there before.

As https://docs.databricks.com/aws/en/jobs/file-arrival-triggers and the reference of the API describe it: everything
below the place is looked through once a minute, what is there when the trigger is made counts as known, only new names
count (an overwrite is none), all that are new make one run, and the run is told the place and not the files. Where they
are silent, our choice: a file that one look misses and a later one finds is new again.

What a look found and the run that it starts are saved in one transaction.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from localdev.workspace.core import Core
from localdev.workspace.model.job import Job
from localdev.workspace.model.request import RunRequest, Trigger, TriggerType
from localdev.workspace.triggers.driver import started
from localdev.workspace.triggers.model import FileArrival
from localdev.workspace.triggers.places import Places
from localdev.workspace.triggers.trigger_table import TriggerState
from shared import logs
from shared.errors import LandfallError

BETWEEN_LOOKS = timedelta(minutes=1)


class FileWatch:
    """Looks for new files, and starts runs for them."""

    def __init__(self, core: Core, places: Places) -> None:
        self._core = core
        self._places = places

    def begun(self, job: Job, state: TriggerState, now: datetime) -> TriggerState:
        """Return the state of a trigger that is new: it looks at once, to know what is there."""
        del job
        return state.evolve(due_at=now)

    def resumed(self, job: Job, state: TriggerState, now: datetime) -> TriggerState:
        """Return the state that looks at once: what has come meanwhile is new."""
        del job
        return state.evolve(due_at=now)

    async def act(self, job: Job) -> None:
        """Look once."""
        trigger = job.settings.started_by
        assert isinstance(trigger, FileArrival)  # noqa: S101 - the loop asks for no other
        try:
            names = await self._places.names(trigger.place)
        except LandfallError as error:
            logs.warning("workspace.files_not_listed", job=job.id, place=trigger.url, reason=str(error))
            self._look_later(trigger, job.id)
            return
        with self._core.store.transaction():
            state = self._state(job.id, trigger)
            if state is not None:
                self._found(job.id, trigger, state, names)

    def _look_later(self, trigger: FileArrival, job_id: int) -> None:
        with self._core.store.transaction():
            state = self._state(job_id, trigger)
            if state is not None:
                self._core.store.triggers.save(state.evolve(due_at=self._core.clock.now() + BETWEEN_LOOKS))

    def _state(self, job_id: int, trigger: FileArrival) -> TriggerState | None:
        """Return the trigger's state, None when the job was changed or deleted while we looked."""
        job = self._core.store.jobs.get(job_id)
        state = self._core.store.triggers.get(job_id)
        unchanged = job is not None and job.settings.started_by == trigger
        return state if unchanged and state is not None and state.key == trigger.key else None

    def _found(self, job_id: int, trigger: FileArrival, state: TriggerState, names: frozenset[str]) -> None:
        now = self._core.clock.now()
        seen = self._core.store.triggers.seen(job_id)
        self._core.store.triggers.change_seen(job_id, came=names - seen, gone=seen - names)
        if state.has_looked and names - seen:
            state = state.evolve(arrived_at=now)
        if _is_time(trigger, state, now):
            request = RunRequest(job_id=job_id, trigger=Trigger(type=TriggerType.FILE_ARRIVAL, location=trigger.url))
            started(self._core, request)
            state = state.evolve(arrived_at=None, fired_at=now)
        self._core.store.triggers.save(state.evolve(has_looked=True, due_at=now + BETWEEN_LOOKS))


def _is_time(trigger: FileArrival, state: TriggerState, now: datetime) -> bool:
    if state.arrived_at is None or now < state.arrived_at + trigger.quiet:
        return False
    return state.fired_at is None or now >= state.fired_at + trigger.least_between

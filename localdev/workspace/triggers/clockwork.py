"""Jobs that run by the clock: `schedule` and `trigger.periodic`.

Each due time starts one run at most, whenever the server is killed: the run and when the next one is due
change in one transaction, and the run's token names the time.

A time that passes while the server is down is not made up for. If the server is up and merely late (a laptop that
slept), one run starts at once for all the times that passed, as Quartz does for a trigger that misfired
(http://www.quartz-scheduler.org/documentation/quartz-2.3.0/tutorials/tutorial-lesson-06.html) and as Databricks says
of itself: https://docs.databricks.com/aws/en/jobs/scheduled.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from localdev.workspace.core import Core
from localdev.workspace.model.job import Job
from localdev.workspace.model.request import RunRequest, Trigger, TriggerType
from localdev.workspace.storage.database import milliseconds
from localdev.workspace.triggers.driver import started
from localdev.workspace.triggers.model import Periodic, Schedule
from localdev.workspace.triggers.trigger_table import TriggerState

# Whatever the seconds of the expression say: https://docs.databricks.com/aws/en/jobs/scheduled
LEAST_BETWEEN = timedelta(seconds=10)
_SECOND = timedelta(seconds=1)


class Clockwork:
    """Starts runs when they are due."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def begun(self, job: Job, state: TriggerState, now: datetime) -> TriggerState:
        """Return the state of a trigger that is new: a period begins now, and its first run ends it."""
        starter = job.settings.started_by
        return state.evolve(due_at=now + starter.interval if isinstance(starter, Periodic) else _next(starter, now))

    def resumed(self, job: Job, state: TriggerState, now: datetime) -> TriggerState:
        """Return the state without the times that have passed."""
        if state.due_at is None or state.due_at >= now:
            return state
        return state.evolve(due_at=_following(job, state.due_at, now))

    async def act(self, job: Job) -> None:
        """Start the run that is due."""
        with self._core.store.transaction():
            state = self._core.store.triggers.get(job.id)
            now = self._core.clock.now()
            if state is None or state.due_at is None or state.due_at > now:
                return
            kind = "periodic" if isinstance(job.settings.started_by, Periodic) else "schedule"
            request = RunRequest(
                job_id=job.id,
                token=f"{kind}-{job.id}-{milliseconds(state.due_at)}",
                trigger=Trigger(type=TriggerType.PERIODIC, time=state.due_at),
            )
            started(self._core, request)
            self._core.store.triggers.save(state.evolve(fired_at=now, due_at=_following(job, state.due_at, now)))


def _following(job: Job, due_at: datetime, now: datetime) -> datetime | None:
    """Return the first due time after one that has passed, which lies in the future."""
    starter = job.settings.started_by
    if isinstance(starter, Periodic):
        return due_at + starter.interval * ((now - due_at) // starter.interval + 1)
    return _next(starter, max(now, due_at + LEAST_BETWEEN - _SECOND))


def _next(starter: object, after: datetime) -> datetime | None:
    return starter.quartz.next_after(after, starter.zone) if isinstance(starter, Schedule) else None

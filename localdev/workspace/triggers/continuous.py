"""`continuous`: a job of which one run is always active.

A run follows the last one within 60 seconds, however that ended, and after failures in a row ever later:
https://docs.databricks.com/aws/en/jobs/continuous. The numbers are ours.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from localdev.workspace.core import Core
from localdev.workspace.model.job import Job
from localdev.workspace.model.request import RunRequest, Trigger, TriggerType
from localdev.workspace.model.run import Run
from localdev.workspace.triggers.driver import started
from localdev.workspace.triggers.model import Continuous
from localdev.workspace.triggers.trigger_table import TriggerState

BETWEEN_RUNS = timedelta(seconds=5)
LONGEST_BACKOFF = timedelta(hours=1)
_DOUBLINGS = 12  # more make no difference


class ContinuousRuns:
    """Keeps one run of a job going."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def begun(self, job: Job, state: TriggerState, now: datetime) -> TriggerState:
        """Return the state of a trigger that is new: the first run starts at once, unless one is active."""
        return state.evolve(due_at=None if _is_running(self._core, job.id) else now)

    def resumed(self, job: Job, state: TriggerState, now: datetime) -> TriggerState:
        """Return the state as it was, or with a run to start where neither one is active nor one is due."""
        return self.begun(job, state, now) if state.due_at is None else state

    async def act(self, job: Job) -> None:
        """Start the next run, unless somebody else has started one."""
        with self._core.store.transaction():
            state = self._core.store.triggers.get(job.id)
            now = self._core.clock.now()
            if state is None or state.due_at is None or state.due_at > now:
                return
            self._core.store.triggers.save(state.evolve(due_at=None, fired_at=now))
            if not _is_running(self._core, job.id):
                started(self._core, RunRequest(job_id=job.id, trigger=Trigger(type=TriggerType.CONTINUOUS)))

    def run_ended(self, run: Run, now: datetime) -> bool:
        """Note the end of a run, inside the transaction that saves it; tell whether another one is due for it."""
        state = self._core.store.triggers.get(run.job_id)
        job = self._core.store.jobs.get(run.job_id)
        if state is None or job is None or not isinstance(job.settings.started_by, Continuous):
            return False
        if state.key != job.settings.started_by.key or _is_running(self._core, job.id):
            return False
        failures = state.failures + 1 if _has_failed(run) else 0
        self._core.store.triggers.save(state.evolve(failures=failures, due_at=now + _pause(failures)))
        return True


def is_held(core: Core, job_id: int) -> bool:
    """Tell whether a job is continuous and has an active run: run-now then answers 200, and starts nothing.

    https://github.com/databricks/databricks-sdk-py/issues/389
    """
    job = core.store.jobs.get(job_id)
    return job is not None and isinstance(job.settings.started_by, Continuous) and _is_running(core, job_id)


def _is_running(core: Core, job_id: int) -> bool:
    """Tell whether a run of the job is active."""
    return bool(core.store.runs.active_ids(job_id))


def _has_failed(run: Run) -> bool:
    """Tell whether a run ended badly by itself: one that is cancelled makes way for the next."""
    return run.outcome is not None and not run.outcome.succeeded and run.outcome.result_state != "CANCELED"


def _pause(failures: int) -> timedelta:
    return min(LONGEST_BACKOFF, BETWEEN_RUNS * (1 << min(failures, _DOUBLINGS)))

"""Making the run that somebody asks for, inside the caller's transaction."""

from __future__ import annotations

from datetime import datetime

from localdev.workspace.access.identity import OWNER
from localdev.workspace.errors import job_missing
from localdev.workspace.flow import lifecycle
from localdev.workspace.model.request import RunRequest
from localdev.workspace.model.run import Run
from localdev.workspace.storage.store import Store


def begun(
    store: Store, request: RunRequest, now: datetime, *, parent_id: int | None = None, by: str = OWNER.name
) -> Run:
    """Save and return a new run of a job; raises ApiError. The scheduler has to be told of it."""
    job = store.jobs.get(request.job_id)
    if job is None:
        raise job_missing(request.job_id)
    active = store.runs.admitted_count(job.id)
    run = lifecycle.new_run(job.id, job.settings, request, now, active=active, new_id=store.new_id)
    run = run.evolve(parent_id=parent_id)
    store.save_run(run)
    store.creators.note(run.id, by)
    return run

"""Starting runs: the one way, whoever asks for them."""

from __future__ import annotations

from localdev.workspace import lifecycle
from localdev.workspace.endpoint import Core
from localdev.workspace.errors import invalid, job_missing
from localdev.workspace.model import Run, RunRequest


def start(core: Core, request: RunRequest, *, parent_id: int | None = None) -> Run:
    """Start a run of a job, or return the run that the same token has started before; raises ApiError.

    Safe to repeat with a token, also after a crash. A run without a token is made anew each time. `parent_id` is the
    attempt for which it runs.
    """
    with core.store.transaction():
        job = core.store.jobs.get(request.job_id)
        if job is None:
            raise job_missing(request.job_id)
        known = None if request.token is None else core.store.runs.run_id_of(request.token)
        if known is not None:
            return _run_of_token(core, known)
        active = core.store.runs.admitted_count(job.id)
        run = lifecycle.new_run(
            job.id, job.settings, request, core.clock.now(), active=active, new_id=core.store.new_id
        ).evolve(parent_id=parent_id)
        core.store.save_run(run)
        if request.token is not None:
            core.store.runs.add_token(request.token, run.id)
    core.scheduler.notice(run.id)
    return run


def _run_of_token(core: Core, run_id: int) -> Run:
    run = core.store.runs.get_seen(run_id)
    if run is None:
        raise invalid(f"The run {run_id} that this idempotency_token started has been deleted.")
    return run

"""Starting runs: the one way, whoever asks for them."""

from __future__ import annotations

from localdev.workspace.access.identity import OWNER
from localdev.workspace.core import Core
from localdev.workspace.errors import invalid, job_missing
from localdev.workspace.flow import new_runs
from localdev.workspace.model.request import RunRequest
from localdev.workspace.model.run import Run


def start(core: Core, request: RunRequest, *, by: str = OWNER.name) -> Run:
    """Start a run of a job, or return the run that the same token has started before; raises ApiError.

    Safe to repeat with a token, also after a crash. A run without a token is made anew each time. `by` is the name of
    the one who asks.
    """
    with core.store.transaction():
        if core.store.jobs.get(request.job_id) is None:
            raise job_missing(request.job_id)
        known = None if request.token is None else core.store.runs.run_id_of(request.token)
        if known is not None:
            return run_of_token(core, known)
        run = new_runs.begun(core.store, request, core.clock.now(), by=by)
        if request.token is not None:
            core.store.runs.add_token(request.token, run.id)
    core.scheduler.notice(run.id)
    return run


def run_of_token(core: Core, run_id: int) -> Run:
    """Return the run that a token has started; raises ApiError when that is deleted."""
    run = core.store.runs.get_seen(run_id)
    if run is None:
        raise invalid(f"The run {run_id} that this idempotency_token started has been deleted.")
    return run

"""jobs/run-now and jobs/runs/get, list, get-output, cancel and delete."""

from __future__ import annotations

from localdev.workspace import lifecycle, paging, repair_endpoint, run_request, starting, views
from localdev.workspace.database import milliseconds
from localdev.workspace.endpoint import Call, Core
from localdev.workspace.errors import invalid, run_missing, wrong_state
from localdev.workspace.json_fields import LARGEST_ID, Document, Fields
from localdev.workspace.model import Ending, Run
from localdev.workspace.run_table import RunFilter
from localdev.workspace.task_pages import with_task_page

RUNS_IN_A_PAGE = 20
MOST_RUNS_IN_A_PAGE = 25
_RUN_TYPES = ("JOB_RUN", "WORKFLOW_RUN", "SUBMIT_RUN")


def run_now(core: Core, call: Call) -> Document:
    """Start a run of a job, or answer with the run that the same idempotency_token has started before."""
    run = starting.start(core, run_request.read(call.body))
    return {"run_id": run.id, "number_in_job": run.id}


def get(core: Core, call: Call) -> Document:
    """Show a run, a hundred of its task runs at a time; or a task run by its own id."""
    run_id = call.fields().identifier("run_id")
    run = _seen(core, run_id)
    if run_id != run.id:
        return views.task_run_view(run, run.attempt(run_id), call.workspace, core.clock.now())
    view = views.run_view(run, call.workspace, core.clock.now())
    view["tasks"], rest = with_task_page(call, views.attempt_views(run, call.workspace, run.attempts))
    return {**view, **rest, **repair_endpoint.with_history(core, call, run)}


def list_all(core: Core, call: Call) -> Document:
    """Show runs, newest first."""
    fields = call.fields()
    call.refuse_offset()
    limit = fields.whole_number("limit", RUNS_IN_A_PAGE, least=1, most=MOST_RUNS_IN_A_PAGE)
    token = fields.text("page_token")
    before = paging.place_of(token, 2) if token else paging.FROM_THE_START
    runs = core.store.runs.page(_filter(call), (before[0], before[1]), limit + 1) if _has_runs(call) else []
    shown = [_list_view(core, call, run) for run in runs[:limit]]
    place = (milliseconds(runs[limit - 1].created_at), runs[limit - 1].id) if len(runs) > limit else None
    return paging.page_view("runs", shown, place, call.version)


def get_output(core: Core, call: Call) -> Document:
    """Show the output of a task run; the id of the job run is refused, even for a job of one task."""
    run_id = call.fields().identifier("run_id")
    run = _seen(core, run_id)
    if run_id == run.id:
        raise invalid(
            "Retrieving the output of runs with multiple tasks is not supported. "
            "Please retrieve the output of each individual task run instead."
        )
    attempt = run.attempt(run_id)
    metadata = views.task_run_view(run, attempt, call.workspace, core.clock.now())
    return views.output_view(run.settings.tasks[attempt.task_key].kind, core.store.runs.output(run_id), metadata)


def cancel(core: Core, call: Call) -> Document:
    """Have a run or a task run ended soon; one that has ended stays as it is. Safe to repeat."""
    run_id = Fields(call.body).identifier("run_id")
    with core.store.transaction():
        run = _seen(core, run_id)
        if run_id == run.id:
            told = lifecycle.told_to_end(run, Ending.CANCELLED)
        else:
            told = lifecycle.attempt_told_to_end(run, run_id, Ending.CANCELLED)
        core.store.save_run(told, run)
    core.scheduler.notice(run.id)
    return {}


def delete(core: Core, call: Call) -> Document:
    """Delete a run that has ended, and all it left behind but its token."""
    run = _seen(core, Fields(call.body).identifier("run_id"))
    if run.is_active:
        raise wrong_state(f"Run {run.id} is active and cannot be deleted: cancel it first.")
    with core.store.transaction():
        core.store.runs.delete(run.id)
    for attempt in run.attempts:
        core.runner.forget(attempt.id)
    return {}


def _seen(core: Core, run_id: int) -> Run:
    run = core.store.runs.get_seen(run_id)
    if run is None:
        raise run_missing(run_id)
    return run


def _has_runs(call: Call) -> bool:
    """Tell whether there can be runs of the type asked for: all local ones are JOB_RUN."""
    run_type = call.fields().text("run_type", "JOB_RUN")
    if run_type not in _RUN_TYPES:
        raise invalid(f"run_type is {run_type!r}; it must be one of {', '.join(_RUN_TYPES)}.")
    return run_type == "JOB_RUN"


def _filter(call: Call) -> RunFilter:
    fields = call.fields()
    active, completed = call.flag("active_only"), call.flag("completed_only")
    if active and completed:
        raise invalid("active_only and completed_only cannot both be true.")
    return RunFilter(
        job_id=fields.identifier("job_id") if fields.has("job_id") else None,
        active=active if active or completed else None,
        start_from=fields.whole_number("start_time_from", 0, most=LARGEST_ID),
        start_to=fields.whole_number("start_time_to", LARGEST_ID, most=LARGEST_ID),
    )


def _list_view(core: Core, call: Call, run: Run) -> Document:
    view = views.run_view(run, call.workspace, core.clock.now())
    if not call.flag("expand_tasks"):
        view.pop("job_clusters", None)
        return view
    shown = run.attempts[: views.TASKS_IN_A_PAGE]
    if call.version == "2.2" and len(run.attempts) > len(shown):
        view["has_more"] = True
    return {**view, "tasks": views.attempt_views(run, call.workspace, shown)}

"""jobs/run-now and jobs/runs/get, list, get-output, cancel, cancel-all and delete."""

from __future__ import annotations

from localdev.workspace.access import permissions
from localdev.workspace.access.access_level import Level
from localdev.workspace.api import loop_views, paging, repair_endpoint, views
from localdev.workspace.api.endpoint import Call
from localdev.workspace.api.resolved_values import of_attempt
from localdev.workspace.api.task_pages import with_array_pages
from localdev.workspace.core import Core
from localdev.workspace.errors import invalid, job_missing, run_missing, wrong_state
from localdev.workspace.flow import lifecycle, starting
from localdev.workspace.jobs import run_request
from localdev.workspace.json_fields import LARGEST_ID, Document, Fields
from localdev.workspace.model.request import RunType
from localdev.workspace.model.run import Ending, Phase, Run
from localdev.workspace.storage.database import milliseconds
from localdev.workspace.storage.run_table import RunFilter
from localdev.workspace.triggers import continuous

RUNS_IN_A_PAGE = 20
MOST_RUNS_IN_A_PAGE = 25  # as documented, and what `limit=0` means
GREATEST_LIMIT = 26  # that a workspace takes all the same: https://github.com/databricks/databricks-cli/issues/464
_PAGED = ("tasks", "job_clusters", "job_parameters", "repair_history")


def run_now(core: Core, call: Call) -> Document:
    """Start a run of a job, or answer with the run that the same idempotency_token has started before."""
    request = run_request.read(call.body)
    permissions.require(core, call, request.job_id, Level.CAN_MANAGE_RUN)
    if core.store.jobs.get_seen(request.job_id) is None:
        raise job_missing(request.job_id)
    if continuous.is_held(core, request.job_id):
        return {}
    run = starting.start(core, request, by=call.caller.name)
    return {"run_id": run.id, "number_in_job": run.id}


def get(core: Core, call: Call) -> Document:
    """Show a run, a hundred of its task runs at a time; or a task run by its own id."""
    run_id = call.fields().identifier("run_id")
    run = _seen(core, call, run_id, Level.CAN_VIEW)
    creator = core.store.creators.of(run.id)
    resolved = call.flag("include_resolved_values")
    if run_id != run.id:
        attempt = run.attempt(run_id)
        more = of_attempt(core, run, attempt) if resolved else {}
        shown = views.task_run_view(run, attempt, call.workspace, core.clock.now(), creator)
        shown = loop_views.with_iterations(core, call, run, attempt, {**shown, **more})
        page, rest = with_array_pages(call, shown, ("iterations",))
        return {**page, **rest}
    view = views.run_view(run, call.workspace, core.clock.now(), creator)
    attempts = tuple(run.latest_attempts().values()) if call.flag("only_latest") else run.attempts
    view["tasks"] = loop_views.with_stats(core, run, views.attempt_views(run, call.workspace, attempts))
    if resolved:
        view["tasks"] = [
            {**shown, **of_attempt(core, run, attempt)} for shown, attempt in zip(view["tasks"], attempts, strict=True)
        ]
    view |= repair_endpoint.with_history(core, call, run)
    page, rest = with_array_pages(call, view, _PAGED)
    return {**page, **rest}


def list_all(core: Core, call: Call) -> Document:
    """Show the runs that the caller may see, newest first."""
    fields = call.fields()
    call.refuse_offset()
    token = fields.text("page_token")
    before = paging.place_of(token, 2) if token else paging.FROM_THE_START
    limit = paging.size_of(_limit(fields), token, short=core.short_pages)
    runs = core.store.runs.page(_filter(call), (before[0], before[1]), limit + 1)
    shown = [_list_view(core, call, run) for run in runs[:limit]]
    place = (milliseconds(runs[limit - 1].created_at), runs[limit - 1].id) if len(runs) > limit else None
    return paging.page_view("runs", shown, place, call.version)


def get_output(core: Core, call: Call) -> Document:
    """Show the output of a task run; the id of the job run is refused, even for a job of one task."""
    run_id = call.fields().identifier("run_id")
    run = _seen(core, call, run_id, Level.CAN_VIEW)
    if run_id == run.id:
        raise invalid(
            "Retrieving the output of runs with multiple tasks is not supported. "
            "Please retrieve the output of each individual task run instead."
        )
    attempt = run.attempt(run_id)
    creator = core.store.creators.of(run.id)
    metadata = views.task_run_view(run, attempt, call.workspace, core.clock.now(), creator)
    return views.output_view(run.settings.tasks[attempt.task_key].kind, core.store.runs.output(run_id), metadata)


def cancel(core: Core, call: Call) -> Document:
    """Have a run or a task run ended soon; one that has ended stays as it is. Safe to repeat."""
    run_id = Fields(call.body).identifier("run_id")
    with core.store.transaction():
        run = _seen(core, call, run_id, Level.CAN_MANAGE_RUN)
        if run_id == run.id:
            told = lifecycle.told_to_end(run, Ending.CANCELLED)
        else:
            told = lifecycle.attempt_told_to_end(run, run_id, Ending.CANCELLED)
        core.store.save_run(told, run)
    core.scheduler.notice(run.id)
    return {}


def cancel_all(core: Core, call: Call) -> Document:
    """Have all active runs of a job ended soon, or only those in the queue: without a job, those of all jobs.

    https://docs.databricks.com/api/workspace/jobs/cancelallruns
    """
    fields = Fields(call.body)
    queued_only = fields.flag("all_queued_runs") or False
    job_id = fields.identifier("job_id") if fields.has("job_id") or not queued_only else None
    if job_id is not None:
        permissions.require(core, call, job_id, Level.CAN_MANAGE_RUN)
        if core.store.jobs.get_seen(job_id) is None:
            raise job_missing(job_id)
    with core.store.transaction():
        found = [core.store.runs.get(run_id) for run_id in core.store.runs.active_ids(job_id)]
        runs = [run for run in found if run is not None and (run.phase is Phase.QUEUED or not queued_only)]
        allowed = [run for run in runs if permissions.is_allowed(core, call, run.job_id, Level.CAN_MANAGE_RUN)]
        for run in allowed:
            core.store.save_run(lifecycle.told_to_end(run, Ending.CANCELLED), run)
    for run in allowed:
        core.scheduler.notice(run.id)
    return {}


def delete(core: Core, call: Call) -> Document:
    """Delete a run that has ended, and all it left behind but its token."""
    run = _seen(core, call, Fields(call.body).identifier("run_id"), Level.CAN_MANAGE)
    if run.is_active:
        raise wrong_state(f"Run {run.id} is active and cannot be deleted: cancel it first.")
    with core.store.transaction():
        attempt_ids = core.store.runs.delete(run.id)
    for attempt_id in attempt_ids:
        core.runner.forget(attempt_id)
    return {}


def _seen(core: Core, call: Call, run_id: int, needed: Level) -> Run:
    run = core.store.runs.get_seen(run_id)
    if run is None:
        raise run_missing(run_id)
    permissions.require(core, call, run.job_id, needed)
    return run


def _limit(fields: Fields) -> int:
    limit = fields.whole_number("limit", RUNS_IN_A_PAGE)
    if limit > GREATEST_LIMIT:
        raise invalid(f"Invalid limit {limit} - it has to be no more than {GREATEST_LIMIT}.")
    return limit or MOST_RUNS_IN_A_PAGE


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
        run_type=_run_type(fields.text("run_type")),
        held_by=permissions.narrowed_to(call),
    )


def _run_type(text: str) -> RunType | None:
    if text and text not in list(RunType):
        raise invalid(f"run_type is {text!r}; it must be one of {', '.join(RunType)}.")
    return RunType(text) if text else None


def _list_view(core: Core, call: Call, run: Run) -> Document:
    view = views.run_view(run, call.workspace, core.clock.now(), core.store.creators.of(run.id))
    if not call.flag("expand_tasks"):
        view.pop("job_clusters", None)
        return view
    shown = run.attempts[: views.TASKS_IN_A_PAGE]
    if call.version == "2.2" and len(run.attempts) > len(shown):
        view["has_more"] = True
    return {**view, "tasks": views.attempt_views(run, call.workspace, shown)}

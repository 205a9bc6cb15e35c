"""jobs/create, get, list, update, reset and delete."""

from __future__ import annotations

from localdev.workspace.access import permissions
from localdev.workspace.access.access_level import Level
from localdev.workspace.api import paging
from localdev.workspace.api.endpoint import Call
from localdev.workspace.api.task_pages import with_array_pages
from localdev.workspace.api.views import job_view, trigger_state_view
from localdev.workspace.core import Core
from localdev.workspace.errors import job_missing
from localdev.workspace.flow import lifecycle
from localdev.workspace.jobs import job_settings, job_update
from localdev.workspace.json_fields import Document, Fields
from localdev.workspace.model.job import Job, JobSettings
from localdev.workspace.model.run import Ending
from localdev.workspace.notifications import settings as notification_settings

JOBS_IN_A_PAGE = 20
MOST_JOBS_IN_A_PAGE = 100
_PAGED = ("tasks", "job_clusters", "environments", "parameters")


def create(core: Core, call: Call) -> Document:
    """Create a job, which belongs to the caller; names need not be unique."""
    body = {name: value for name, value in call.body.items() if name != "access_control_list"}
    settings = job_settings.read(job_settings.completed(body, call.version))
    notification_settings.check(dict(settings.document), core.store.destinations.exists)
    grants = permissions.with_changes(permissions.first_grants(call), permissions.read(Fields(call.body)))
    with core.store.transaction():
        job = Job(id=core.store.new_id(), settings=settings, created_at=core.clock.now())
        core.store.jobs.add(job)
        core.store.grants.replace(job.id, grants)
        core.store.creators.note(job.id, call.caller.name)
    return {"job_id": job.id}


def get(core: Core, call: Call) -> Document:
    """Show a job with all its settings, the elements of its arrays a hundred at a time."""
    job = _existing(core, call, call.fields().identifier("job_id"), Level.CAN_VIEW)
    view = _view(core, job, expanded=True)
    settings, rest = with_array_pages(call, view["settings"], _PAGED)
    state = trigger_state_view(job) if call.flag("include_trigger_state") else {}
    return {**view, "settings": settings, **rest, **state}


def list_all(core: Core, call: Call) -> Document:
    """Show the jobs that the caller may see, newest first; `name` matches exactly but for its case."""
    fields = call.fields()
    call.refuse_offset()
    expanded = call.flag("expand_tasks")
    limit = fields.whole_number("limit", JOBS_IN_A_PAGE, least=1, most=MOST_JOBS_IN_A_PAGE)
    token = fields.text("page_token")
    limit = paging.size_of(limit, token, short=core.short_pages)
    before = paging.place_of(token, 1)[0] if token else paging.FROM_THE_START[0]
    jobs = core.store.jobs.page(
        name=fields.text("name") or None, before=before, limit=limit + 1, held_by=permissions.narrowed_to(call)
    )
    shown = [_view(core, job, expanded=expanded) for job in jobs[:limit]]
    return paging.page_view("jobs", shown, (jobs[limit - 1].id,) if len(jobs) > limit else None, call.version)


def update(core: Core, call: Call) -> Document:
    """Change some of a job's settings and keep the others, see job_update.py."""
    fields = Fields(call.body)
    with core.store.transaction():
        job = _existing(core, call, fields.identifier("job_id"), Level.CAN_MANAGE)
        new, remove = fields.object("new_settings"), fields.text_list("fields_to_remove")
        merged = job_update.merged(job.settings.document, new, remove)
        document = job_settings.completed(merged, call.version)
        if "queue" not in merged:
            del document["queue"]  # the default of a new job, and this one is not new
        _save(core, job, job_settings.read(document))
    return {}


def reset(core: Core, call: Call) -> Document:
    """Replace a job's settings; the cloud keeps a `run_as` that is left out, and so do we."""
    fields = Fields(call.body)
    new = fields.object("new_settings")
    job = _existing(core, call, fields.identifier("job_id"), Level.CAN_MANAGE)
    if "run_as" in job.settings.document:
        new = {"run_as": job.settings.document["run_as"], **new}
    settings = job_settings.read(job_settings.completed(new, call.version))
    with core.store.transaction():
        _save(core, job, settings)
    return {}


def delete(core: Core, call: Call) -> Document:
    """Delete a job: it and its runs are no longer seen, and active runs are ended. Safe to repeat.

    https://docs.databricks.com/aws/en/reference/jobs-2.0-api
    """
    job_id = Fields(call.body).identifier("job_id")
    permissions.require(core, call, job_id, Level.CAN_MANAGE)
    if core.store.jobs.get_seen(job_id) is None:
        return {}
    with core.store.transaction():
        core.store.jobs.delete(job_id)
        run_ids = core.store.runs.active_ids(job_id)
        for run_id in run_ids:
            run = core.store.runs.get(run_id)
            if run is not None:
                core.store.save_run(lifecycle.told_to_end(run, Ending.CANCELLED), run)
    for run_id in run_ids:
        core.scheduler.notice(run_id)
    return {}


def _existing(core: Core, call: Call, job_id: int, needed: Level) -> Job:
    permissions.require(core, call, job_id, needed)
    job = core.store.jobs.get_seen(job_id)
    if job is None:
        raise job_missing(job_id)
    return job


def _view(core: Core, job: Job, *, expanded: bool) -> Document:
    owner = permissions.owner_of(permissions.grants_of(core, job.id))
    return job_view(job, expanded=expanded, creator=core.store.creators.of(job.id), owner=owner)


def _save(core: Core, job: Job, settings: JobSettings) -> None:
    """Save a job's new settings; of all of them the time-out alone holds for active runs too.

    https://docs.databricks.com/api/workspace/jobs/update
    """
    notification_settings.check(dict(settings.document), core.store.destinations.exists)
    core.store.jobs.save_settings(job.id, settings)
    if settings.timeout == job.settings.timeout:
        return
    for run_id in core.store.runs.active_ids(job.id):
        run = core.store.runs.get(run_id)
        if run is not None:
            seconds = settings.document["timeout_seconds"]
            core.store.runs.save_settings(
                run_id, job_settings.read({**run.settings.document, "timeout_seconds": seconds})
            )
            core.scheduler.notice(run_id)

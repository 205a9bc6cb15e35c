"""jobs/create, get, list, reset and delete."""

from __future__ import annotations

from localdev.workspace import job_settings, lifecycle, paging
from localdev.workspace.endpoint import Call, Core
from localdev.workspace.errors import job_missing
from localdev.workspace.json_fields import Document, Fields
from localdev.workspace.model import Ending, Job
from localdev.workspace.task_pages import with_task_page
from localdev.workspace.views import job_view

JOBS_IN_A_PAGE = 20
MOST_JOBS_IN_A_PAGE = 100


def create(core: Core, call: Call) -> Document:
    """Create a job; names need not be unique."""
    settings = job_settings.read(job_settings.completed(call.body, call.version))
    with core.store.transaction():
        job = Job(id=core.store.new_id(), settings=settings, created_at=core.clock.now())
        core.store.jobs.add(job)
    return {"job_id": job.id}


def get(core: Core, call: Call) -> Document:
    """Show a job with all its settings, a hundred tasks at a time."""
    job = _existing(core, call.fields().identifier("job_id"))
    view = job_view(job, expanded=True)
    tasks = view["settings"].pop("tasks")
    view["settings"]["tasks"], rest = with_task_page(call, tasks)
    return {**view, **rest}


def list_all(core: Core, call: Call) -> Document:
    """Show jobs, newest first; `name` matches exactly but for its case."""
    fields = call.fields()
    call.refuse_offset()
    expanded = call.flag("expand_tasks")
    limit = fields.whole_number("limit", JOBS_IN_A_PAGE, least=1, most=MOST_JOBS_IN_A_PAGE)
    token = fields.text("page_token")
    before = paging.place_of(token, 1)[0] if token else paging.FROM_THE_START[0]
    jobs = core.store.jobs.page(name=fields.text("name") or None, before=before, limit=limit + 1)
    shown = [job_view(job, expanded=expanded) for job in jobs[:limit]]
    return paging.page_view("jobs", shown, (jobs[limit - 1].id,) if len(jobs) > limit else None, call.version)


def reset(core: Core, call: Call) -> Document:
    """Replace a job's settings; the cloud keeps a `run_as` that is left out, and so do we."""
    fields = Fields(call.body)
    new = fields.object("new_settings")
    job = _existing(core, fields.identifier("job_id"))
    if "run_as" in job.settings.document:
        new = {"run_as": job.settings.document["run_as"], **new}
    settings = job_settings.read(job_settings.completed(new, call.version))
    with core.store.transaction():
        core.store.jobs.save_settings(job.id, settings)
    return {}


def delete(core: Core, call: Call) -> Document:
    """Delete a job: it and its runs are no longer seen, and active runs are ended. Safe to repeat.

    https://docs.databricks.com/aws/en/reference/jobs-2.0-api
    """
    job_id = Fields(call.body).identifier("job_id")
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


def _existing(core: Core, job_id: int) -> Job:
    job = core.store.jobs.get(job_id)
    if job is None:
        raise job_missing(job_id)
    return job

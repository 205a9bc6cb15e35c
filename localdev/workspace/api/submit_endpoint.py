"""jobs/runs/submit: a run of its own, without a job.

It is kept as the run of a hidden job. https://docs.databricks.com/api/workspace/jobs/submit
"""

from __future__ import annotations

import re
from dataclasses import replace

from localdev.workspace.access import permissions
from localdev.workspace.api.endpoint import Call
from localdev.workspace.core import Core
from localdev.workspace.flow import starting
from localdev.workspace.jobs import job_settings, run_request
from localdev.workspace.json_fields import Document, Fields
from localdev.workspace.model.job import Job, JobSettings, TaskKind
from localdev.workspace.model.request import RunType
from localdev.workspace.notifications import settings as notification_settings

_OF_THE_REQUEST = frozenset({"access_control_list", "idempotency_token", "run_name", "tasks"})
_OF_THE_TASK = frozenset({"existing_cluster_id", "libraries", "new_cluster"})
LONGEST_KEY = 100  # characters


def submit(core: Core, call: Call) -> Document:
    """Start a one-time run, or answer with the run that the same idempotency_token has started before."""
    request = run_request.read({**_kept(call.body, "idempotency_token", "queue"), "job_id": 0})
    grants = permissions.with_changes(permissions.first_grants(call), permissions.read(Fields(call.body)))
    settings = _settings(call)
    notification_settings.check(dict(settings.document), core.store.destinations.exists)
    with core.store.transaction():
        known = None if request.token is None else core.store.runs.run_id_of(request.token)
        if known is not None:
            return {"run_id": starting.run_of_token(core, known).id}
        job_id = _hidden_job(core, settings, grants)
        run = starting.start(core, replace(request, job_id=job_id, run_type=RunType.SUBMIT), by=call.caller.name)
    return {"run_id": run.id}


def _settings(call: Call) -> JobSettings:
    document = {name: value for name, value in call.body.items() if name not in _OF_THE_REQUEST}
    name = Fields(call.body).text("run_name") or "Untitled"
    tasks = Fields(call.body).objects("tasks") or [_only_task(document, name)]
    document |= {"name": name, "tasks": tasks, "max_concurrent_runs": 1}
    return job_settings.read(job_settings.completed(document, call.version))


def _only_task(document: Document, run_name: str) -> Document:
    """Return the task of the older form of the request, which has no `tasks`; its fields leave the document.

    Its key is the run's name, by which Airflow looks for it (https://github.com/apache/airflow/issues/41816, which
    also tells where it is cut), with `_` for what a key cannot hold (https://github.com/flyteorg/flytekit/pull/1935).
    """
    key = re.sub(r"[^A-Za-z0-9_-]", "_", run_name)[:LONGEST_KEY]
    names = [name for name in document if name in _OF_THE_TASK or name in list(TaskKind)]
    return {"task_key": key, **{name: document.pop(name) for name in names}}


def _hidden_job(core: Core, settings: JobSettings, grants: permissions.Grants) -> int:
    job = Job(id=core.store.new_id(), settings=settings, created_at=core.clock.now())
    core.store.jobs.add(job, hidden=True)
    core.store.grants.replace(job.id, grants)
    return job.id


def _kept(body: Document, *names: str) -> Document:
    return {name: body[name] for name in names if name in body}

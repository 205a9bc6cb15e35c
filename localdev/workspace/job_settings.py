"""Reading a job's settings: what jobs/create and jobs/reset are given, and what is kept of it.

Everything a workspace would take is kept and shown again. What the local workspace cannot do is refused here and by
name, when the job is created and not in the middle of its first run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter
from typing import Any

from localdev.workspace.errors import invalid, not_supported
from localdev.workspace.json_fields import Document, Fields
from localdev.workspace.model import JobSettings, TaskKind, TaskSettings

MOST_TASKS = 1000
MOST_TASKS_BEFORE_2_2 = 100
LONGEST_NAME = 4096  # bytes
LONGEST_BASE_PARAMETERS = 1_000_000  # bytes
_TASK_KEY = re.compile(r"[A-Za-z0-9_-]{1,100}")
_PARAMETER_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_RUN_IF = {"ALL_SUCCESS", "AT_LEAST_ONE_SUCCESS", "NONE_FAILED", "ALL_DONE", "AT_LEAST_ONE_FAILED", "ALL_FAILED"}


def completed(body: Mapping[str, Any], version: str) -> Document:
    """Return the document of a new job with the defaults that Databricks adds and shows.

    Queueing is on for jobs created through 2.2 and off before:
    https://docs.databricks.com/aws/en/reference/jobs-api-2-2-updates
    """
    document = {"name": "Untitled", "timeout_seconds": 0, "max_concurrent_runs": 1, **_present(body)}
    document.setdefault("email_notifications", {})
    document.setdefault("webhook_notifications", {})
    if version == "2.2":
        document.setdefault("queue", {"enabled": True})
    document["format"] = "MULTI_TASK"
    document["tasks"] = [_completed_task(task) for task in Fields(body).objects("tasks")]
    if version != "2.2" and len(document["tasks"]) > MOST_TASKS_BEFORE_2_2:
        raise invalid("Resources with more than 100 tasks can only be handled by API 2.2 and above.")
    return document


def read(document: Document) -> JobSettings:
    """Return the settings of a completed document; raises ApiError for what is wrong or not supported locally."""
    fields = Fields(document)
    _refuse_what_is_not_here(fields)
    name = fields.text("name")
    if len(name.encode()) > LONGEST_NAME:
        raise invalid(f"The job's name is longer than {LONGEST_NAME} bytes.")
    return JobSettings(
        name=name,
        tasks=_in_order(_tasks(fields)),
        max_concurrent_runs=fields.whole_number("max_concurrent_runs", 1, most=1000),
        queue=Fields(fields.object("queue")).flag("enabled") or False,
        timeout=_seconds(fields),
        parameters=_job_parameters(fields),
        document=document,
    )


@lru_cache(maxsize=100)
def read_text(text: str) -> JobSettings:
    """Return the settings that were kept as JSON; they are shared, so nobody may change their document."""
    return read(json.loads(text))


def _refuse_what_is_not_here(fields: Fields) -> None:
    for name in ("git_source", "continuous"):
        if fields.has(name):
            raise not_supported(name)
    for name in ("notebook_task", "spark_python_task", "existing_cluster_id", "new_cluster"):
        if fields.has(name):
            raise invalid(f"{name} belongs into an element of tasks: the single-task format ended with API 2.0.")


def _tasks(fields: Fields) -> dict[str, TaskSettings]:
    documents = fields.objects("tasks")
    if not 1 <= len(documents) <= MOST_TASKS:
        raise invalid(f"A job has between 1 and {MOST_TASKS} tasks, and this one has {len(documents)}.")
    clusters = {Fields(cluster).text("job_cluster_key") for cluster in fields.objects("job_clusters")}
    tasks: dict[str, TaskSettings] = {}
    for task in (_task(document, clusters) for document in documents):
        if task.key in tasks:
            raise invalid(f"Two tasks have the task_key {task.key!r}.")
        tasks[task.key] = task
    return tasks


def _task(document: Document, clusters: set[str]) -> TaskSettings:
    fields = Fields(document)
    key = fields.text("task_key")
    if not _TASK_KEY.fullmatch(key):
        raise invalid(f"task_key is {key!r}; it must have 1 to 100 letters, digits, - and _.")
    where = f"Task {key!r}"
    kind = _kind(document, where)
    _check_run_if(fields, where)
    if fields.flag("disabled"):
        raise not_supported(f"{where}: disabled")
    cluster = fields.text("job_cluster_key")
    if cluster and cluster not in clusters:
        raise invalid(f"{where}: job_cluster_key {cluster!r} is not among the job's job_clusters.")
    work = Fields(fields.object(kind))
    return TaskSettings(
        key=key,
        kind=kind,
        path=_path(work, kind, where),
        parameters=_base_parameters(work, where),
        arguments=work.text_list("parameters"),
        depends_on=tuple(Fields(each).required_text("task_key", where) for each in fields.objects("depends_on")),
        timeout=_seconds(fields),
        max_retries=fields.whole_number("max_retries", 0, least=-1),
        retry_interval=timedelta(milliseconds=fields.whole_number("min_retry_interval_millis", 0)),
        retry_on_timeout=fields.flag("retry_on_timeout") or False,
        document=document,
    )


def _kind(document: Document, where: str) -> TaskKind:
    found = sorted(name for name, value in document.items() if name.endswith("_task") and value is not None)
    for name in found:
        if name not in list(TaskKind):
            raise not_supported(f"{where}: {name}")
    if len(found) != 1:
        raise invalid(f"{where} must have exactly one of {' and '.join(TaskKind)}.")
    return TaskKind(found[0])


def _check_run_if(fields: Fields, where: str) -> None:
    run_if = fields.text("run_if", "ALL_SUCCESS")
    if run_if not in _RUN_IF:
        raise invalid(f"{where}: run_if is {run_if!r}; it must be one of {', '.join(sorted(_RUN_IF))}.")
    if run_if != "ALL_SUCCESS":
        raise not_supported(f"{where}: run_if {run_if}")


def _path(work: Fields, kind: TaskKind, where: str) -> str:
    path = work.required_text("notebook_path" if kind is TaskKind.NOTEBOOK else "python_file", where)
    if work.text("source", "WORKSPACE") != "WORKSPACE":
        raise not_supported(f"{where}: source {work.text('source')}")
    if not path.startswith("/"):
        raise invalid(f"{where}: {path!r} must be an absolute workspace path, such as /Workspace/ETL/01_Ingestion.")
    return path


def _base_parameters(work: Fields, where: str) -> dict[str, str]:
    parameters = work.text_map("base_parameters")
    if len(json.dumps(parameters, ensure_ascii=False, separators=(",", ":")).encode()) > LONGEST_BASE_PARAMETERS:
        raise invalid(f"{where}: base_parameters are longer than 1 MB.")
    return parameters


def _job_parameters(fields: Fields) -> dict[str, str]:
    parameters = {}
    for definition in map(Fields, fields.objects("parameters")):
        name = definition.required_text("name", "parameters")
        if not _PARAMETER_NAME.fullmatch(name):
            raise invalid(f"The job parameter {name!r} may hold letters, digits, '_', '-' and '.' only.")
        if name in parameters:
            raise invalid(f"Two job parameters have the name {name!r}.")
        parameters[name] = definition.text("default")
    return parameters


def _in_order(tasks: dict[str, TaskSettings]) -> dict[str, TaskSettings]:
    """Return the tasks so that each comes after all it depends on; raises ApiError where that cannot be."""
    for task in tasks.values():
        for upstream in task.depends_on:
            if upstream not in tasks:
                raise invalid(f"Task {task.key!r} depends on {upstream!r}, which is no task of this job.")
    try:
        order = list(TopologicalSorter({task.key: task.depends_on for task in tasks.values()}).static_order())
    except CycleError as error:
        raise invalid(f"The tasks depend on each other in a circle: {' -> '.join(error.args[1])}.") from error
    return {key: tasks[key] for key in order}


def _seconds(fields: Fields) -> timedelta | None:
    seconds = fields.whole_number("timeout_seconds", 0, most=10 * 365 * 86400)
    return timedelta(seconds=seconds) if seconds else None


def _completed_task(task: Document) -> Document:
    document = {"run_if": "ALL_SUCCESS", "timeout_seconds": 0, "email_notifications": {}, **_present(task)}
    for kind in TaskKind:
        if isinstance(document.get(kind), dict):
            document[kind] = {"source": "WORKSPACE", **_present(document[kind])}
    if upstream := Fields(document).objects("depends_on"):
        # A workspace shows them sorted: https://github.com/databricks/cli, libs/testserver/jobs.go.
        document["depends_on"] = sorted(upstream, key=lambda each: str(each.get("task_key")))
    return document


def _present(document: Mapping[str, Any]) -> Document:
    return {name: value for name, value in document.items() if value is not None}

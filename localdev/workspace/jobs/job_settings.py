"""Reading a job's settings: what jobs/create and jobs/reset are given, and what is kept of it.

Everything a workspace would take is kept and shown again. What the local workspace cannot do is refused here and by
name, when the job is created and not in the middle of its first run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter
from typing import Any

from localdev.workspace.errors import invalid, not_supported
from localdev.workspace.jobs import task_settings
from localdev.workspace.json_fields import Document, Fields
from localdev.workspace.model.job import JobSettings, TaskKind, TaskSettings
from localdev.workspace.notifications import settings as notification_settings
from localdev.workspace.triggers import settings as trigger_settings

MOST_TASKS = 1000
MOST_TASKS_BEFORE_2_2 = 100
LONGEST_NAME = 4096  # bytes
LONGEST_DESCRIPTION = 27_700  # characters. https://learn.microsoft.com/azure/databricks/resources/limits
MOST_TAGS = 25
_PARAMETER_NAME = re.compile(r"[A-Za-z0-9_.-]+")


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
    _check_texts(Fields(document))
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
        timeout=task_settings.seconds(fields),
        parameters=_job_parameters(fields),
        started_by=trigger_settings.read(fields),
        document=document,
        notifications=notification_settings.read(fields),
    )


@lru_cache(maxsize=100)
def read_text(text: str) -> JobSettings:
    """Return the settings that were kept as JSON; they are shared, so nobody may change their document."""
    return read(json.loads(text))


def _check_texts(fields: Fields) -> None:
    length, tags = len(fields.text("description")), len(fields.text_map("tags"))
    if length > LONGEST_DESCRIPTION:
        raise invalid(f"description has {length} characters; it must have at most {LONGEST_DESCRIPTION}.")
    if tags > MOST_TAGS:
        raise invalid(f"The job has {tags} tags; a maximum of {MOST_TAGS} tags can be added to a job.")


def _refuse_what_is_not_here(fields: Fields) -> None:
    if fields.has("git_source"):
        raise not_supported("git_source")
    for name in ("notebook_task", "spark_python_task", "existing_cluster_id", "new_cluster"):
        if fields.has(name):
            raise invalid(f"{name} belongs into an element of tasks: the single-task format ended with API 2.0.")


def _tasks(fields: Fields) -> dict[str, TaskSettings]:
    documents = fields.objects("tasks")
    if not 1 <= len(documents) <= MOST_TASKS:
        raise invalid(f"A job has between 1 and {MOST_TASKS} tasks, and this one has {len(documents)}.")
    clusters = {Fields(cluster).text("job_cluster_key") for cluster in fields.objects("job_clusters")}
    tasks: dict[str, TaskSettings] = {}
    for task in (task_settings.read(document, clusters) for document in documents):
        if task.key in tasks:
            raise invalid(f"Two tasks have the task_key {task.key!r}.")
        tasks[task.key] = task
    return tasks


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
            if upstream.key not in tasks:
                raise invalid(f"Task {task.key!r} depends on {upstream.key!r}, which is no task of this job.")
            if upstream.outcome is not None and tasks[upstream.key].kind is not TaskKind.CONDITION:
                # https://github.com/Nike-Inc/brickflow/issues/172 has the cloud's words.
                raise invalid(
                    f'The dependency on a non-if/else condition "{upstream.key}" specifies an outcome '
                    f'"{upstream.outcome}". Outcomes can only be specified for if/else condition dependencies.'
                )
    graph = {task.key: [upstream.key for upstream in task.depends_on] for task in tasks.values()}
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise invalid(f"The tasks depend on each other in a circle: {' -> '.join(error.args[1])}.") from error
    return {key: tasks[key] for key in order}


def _completed_task(task: Document) -> Document:
    document = {"run_if": "ALL_SUCCESS", "timeout_seconds": 0, "email_notifications": {}, **_present(task)}
    for kind in (TaskKind.NOTEBOOK, TaskKind.PYTHON, TaskKind.DBT):
        if isinstance(document.get(kind), dict):
            document[kind] = {"source": "WORKSPACE", **_present(document[kind])}
    if isinstance(sql := document.get(TaskKind.SQL), dict) and isinstance(sql.get("file"), dict):
        document[TaskKind.SQL] = {**_present(sql), "file": {"source": "WORKSPACE", **_present(sql["file"])}}
    if upstream := Fields(document).objects("depends_on"):
        # A workspace shows them sorted: https://github.com/databricks/cli, libs/testserver/jobs.go.
        document["depends_on"] = sorted(upstream, key=lambda each: str(each.get("task_key")))
    return document


def _present(document: Mapping[str, Any]) -> Document:
    return {name: value for name, value in document.items() if value is not None}

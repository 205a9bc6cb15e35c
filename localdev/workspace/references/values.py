"""The value of one reference."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from localdev.workspace.references.facts import NO_INPUT, RunFacts, TaskFacts
from localdev.workspace.references.names import INPUT, UnknownReference, is_literal, problem_of
from localdev.workspace.references.syntax import Reference
from localdev.workspace.references.times import part_of
from shared.wording import unknown

_T = TypeVar("_T")
# https://docs.databricks.com/aws/en/jobs/dynamic-value-references writes `onetime` and `run_job_task`.
_TRIGGER_TYPES = {"ONE_TIME": "onetime"}
_OF_RUN: Mapping[str, Callable[[RunFacts], str]] = {
    "job.id": lambda facts: str(facts.job_id),
    "job.name": lambda facts: facts.job_name,
    "job.run_id": lambda facts: str(facts.run_id),
    "job.repair_count": lambda facts: str(facts.repair_count),
    "job.trigger.type": lambda facts: _TRIGGER_TYPES.get(facts.trigger.type, facts.trigger.type.lower()),
    "job.trigger.file_arrival.location": lambda facts: facts.trigger.location,
    "task.name": lambda facts: facts.task_key,
    "workspace.id": lambda facts: str(facts.workspace_id),
    "workspace.url": lambda facts: facts.workspace_url,
    "job_id": lambda facts: str(facts.job_id),
    "run_id": lambda facts: str(facts.task.run_id),
    "start_date": lambda facts: part_of(facts.task_started_at, "iso_date"),
    "start_time": lambda facts: part_of(facts.task_started_at, "timestamp_ms"),
    "task_key": lambda facts: facts.task_key,
    "parent_run_id": lambda facts: str(facts.run_id),
    "task_retry_count": lambda facts: str(facts.task.execution_count - 1),
}


def value_of(reference: Reference, facts: RunFacts, parameters: Mapping[str, str]) -> str | None:
    """Return a reference's value, None for one that stays as it is; raises UnknownReference.

    `parameters` are the values of the job's parameters, as the run has them.
    """
    if is_literal(reference):
        return None
    if problem := problem_of(reference):
        raise problem
    if simple := _OF_RUN.get(".".join(reference.names)):
        return simple(facts)
    namespace, path = reference.names[0], reference.names[1:]
    if namespace == INPUT:
        return None if facts.input is NO_INPUT else _input(reference, facts.input, path)
    if namespace == "job":
        return _job(reference, path, facts, parameters)
    if namespace == "task":
        return _of_task(reference, facts.task, path)
    return _of_task(reference, _named(reference, path[0], facts.tasks, "is no task of the job"), path[1:])


def text_of(value: object) -> str:
    """Return a value as it stands in a text: a string as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _job(reference: Reference, path: tuple[str, ...], facts: RunFacts, parameters: Mapping[str, str]) -> str:
    match path:
        case ("start_time", part):
            return part_of(facts.started_at, part)
        case ("trigger", "time", part):
            return part_of(facts.triggered_at, part)
        case ("parameters", name):
            return _named(reference, name, parameters, "is no parameter of the job")
    return ""  # of a table trigger, which no run here has had


def _of_task(reference: Reference, task: TaskFacts, path: tuple[str, ...]) -> str:
    match path:
        case ("run_id",):
            found: str | None = str(task.run_id)
        case ("execution_count",):
            found = str(task.execution_count)
        case ("notebook_path",):
            found = task.notebook_path
        case ("result_state",):
            found = _ended(reference, task.result_state).lower()
        case ("error_code",):
            found = _error_code(_ended(reference, task.code))
        case ("values", name):
            found = text_of(_named(reference, name, task.values, "is no value that the task has set"))
        case _:
            found = _output(reference, task, path[1:])
    if found is None:
        raise UnknownReference(reference.name, "has no value: the task is no notebook")
    return found


def _error_code(code: str) -> str:
    """Return RunExecutionError for RUN_EXECUTION_ERROR, as the document writes them, and "" for success."""
    return "" if code == "SUCCESS" else "".join(word.capitalize() for word in code.split("_"))


def _named(reference: Reference, name: str, known: Mapping[str, _T], says: str) -> _T:
    if name not in known:
        raise UnknownReference(reference.name, f"has no value: {unknown(name, known or ['none'], says)}".rstrip("."))
    return known[name]


def _ended(reference: Reference, state: str | None) -> str:
    if state is None:
        hint = "Let the task that asks depend on it."
        raise UnknownReference(reference.name, "has no value: the task has not ended", hint=hint)
    return state


def _output(reference: Reference, task: TaskFacts, path: tuple[str, ...]) -> str:
    if path == ("alert_state",) or task.rows is None:
        raise UnknownReference(reference.name, "has no value: the task has left no such output")
    if path == ("rows",):
        return text_of([*map(dict, task.rows)])
    first = dict(task.rows[0]) if task.rows else {}
    if path == ("first_row",):
        return text_of(first)
    return text_of(_named(reference, path[1], first, "is no column of the first row"))


def _input(reference: Reference, item: Any, path: tuple[str, ...]) -> str:
    for name in path:
        item = _named(reference, name, item if isinstance(item, Mapping) else {}, "is no key of this iteration's input")
    return text_of(item)

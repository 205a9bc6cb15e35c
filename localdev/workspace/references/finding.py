"""The references of a job's settings, and where they stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from localdev.workspace.references.names import is_literal
from localdev.workspace.references.syntax import Reference, references_in, unescaped_in


@dataclass(frozen=True, slots=True)
class Found:
    """A reference, or what looks like one that lacks its backticks (`meant` says how it would be one)."""

    reference: Reference
    path: str  # "tasks[0].notebook_task.base_parameters.date"
    task_key: str = ""  # of the task it stands in, "" for a parameter's default
    in_for_each: bool = False
    meant: str = ""


def found_in(document: Mapping[str, Any]) -> list[Found]:
    """Return the references of a job's settings: in what its tasks do, and in its parameters' defaults.

    Nothing else of a job is resolved, names and e-mail addresses among it
    (https://github.com/databricks/cli/issues/4934). What stays literal is left out.
    """
    found: list[Found] = []
    for number, parameter in enumerate(_objects(document.get("parameters"))):
        found += _of_text(parameter.get("default"), f"parameters[{number}].default")
    for number, task in enumerate(_objects(document.get("tasks"))):
        found += _of_task(task, f"tasks[{number}]")
    return found


def _of_task(task: Mapping[str, Any], path: str) -> Iterator[Found]:
    key = task.get("task_key")
    for name, work in task.items():
        if name.endswith("_task"):
            for each in _of_value(work, f"{path}.{name}"):
                yield Found(
                    each.reference,
                    each.path,
                    key if isinstance(key, str) else "",
                    each.path.startswith(f"{path}.for_each_task.task."),
                    each.meant,
                )


def _of_value(value: Any, path: str) -> Iterator[Found]:
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield from _of_value(each, f"{path}.{name}")
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _of_value(each, f"{path}[{number}]")
    else:
        yield from _of_text(value, path)


def _of_text(value: Any, path: str) -> Iterator[Found]:
    if isinstance(value, str):
        yield from (Found(each, path) for each in references_in(value) if not is_literal(each))
        yield from (Found(Reference(text, ()), path, meant=meant) for text, meant in unescaped_in(value))


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []

"""Reading a job's settings without trust: what is missing or odd reads as empty, and `structure` complains of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from shared.jobs.json_values import object_of, objects_of

Settings = Mapping[str, Any]


def levels(settings: Settings) -> Iterator[tuple[str, Settings]]:
    """Yield the job and all its tasks, those within a for_each_task too, each with the path before its fields."""
    yield "", settings
    yield from tasks(settings)


def tasks(settings: Settings) -> Iterator[tuple[str, Settings]]:
    """Yield all tasks with the path before their fields: `tasks[0].`."""
    for number, task in enumerate(objects_of(settings.get("tasks"))):
        yield f"tasks[{number}].", task
        if nested := object_of(object_of(task.get("for_each_task")).get("task")):
            yield f"tasks[{number}].for_each_task.task.", nested


def texts(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield every text in a value with its path."""
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield from texts(each, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from texts(each, f"{path}[{number}]")
    elif isinstance(value, str):
        yield path, value


def called(path: str, settings: Settings) -> str:
    """Return how a message names a task, or the job, whose path this is."""
    key = settings.get("task_key")
    return f"Task {_quoted(key)}" if path and isinstance(key, str) else "The job"


def _quoted(text: str) -> str:
    return f"`{re.sub(r'[^ -~]', '?', text)[:100]}`"

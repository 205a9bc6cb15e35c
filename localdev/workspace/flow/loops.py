"""The settings of a run whose tasks are the iterations of a for-each task: the nested task once for each element."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from localdev.workspace.jobs import job_settings
from localdev.workspace.json_fields import Document, Fields
from localdev.workspace.model.job import JobSettings, TaskKind, TaskSettings
from localdev.workspace.model.run import Run
from localdev.workspace.tasks import for_each
from localdev.workspace.tasks.for_each import IterationWork

_LOOP = "loop"  # the field of ours beside those of a job
_KEPT = ("job_clusters", "environments", "parameters")  # what a nested task may refer to


def document_of(run: Run, task: TaskSettings, elements: Sequence[Any], concurrency: int) -> Document:
    """Return the settings, as they are kept, of the run that a for-each task of `run` starts."""
    work = Fields(Fields(task.document).object(TaskKind.FOR_EACH))
    kept = {name: run.settings.document[name] for name in _KEPT if name in run.settings.document}
    return {
        **kept,
        "name": task.key,
        "tasks": [for_each.nested_task(work)],
        "max_concurrent_runs": 1,
        _LOOP: {"elements": list(elements), "concurrency": concurrency},
    }


def read(document: Document) -> JobSettings:
    """Return the settings of a document that `document_of` made."""
    settings = job_settings.read(document)
    (nested,) = settings.tasks.values()
    loop = document[_LOOP]
    tasks = [_iteration(nested, number, element) for number, element in enumerate(loop["elements"])]
    return replace(settings, tasks={task.key: task for task in tasks}, concurrency=loop["concurrency"])


@lru_cache(maxsize=20)
def read_text(text: str) -> JobSettings:
    """Return the settings that were kept as JSON; they are shared, so nobody may change their document."""
    return read(json.loads(text))


def elements_of(settings: JobSettings) -> list[Any]:
    """Return the elements over which a run of iterations goes."""
    elements: list[Any] = settings.document[_LOOP]["elements"]
    return elements


def _iteration(nested: TaskSettings, number: int, element: Any) -> TaskSettings:
    return replace(nested, key=f"{nested.key}_{number}", work=IterationWork(work=nested.work, element=element))

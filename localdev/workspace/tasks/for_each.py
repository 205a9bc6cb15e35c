"""for_each_task: another task once for each element of an array.

The nested task refers to the element with {{input}}, and to a field of an object with {{input.name}}:
https://docs.databricks.com/aws/en/jobs/tasks/for-each
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from localdev.workspace.errors import invalid
from localdev.workspace.json_fields import Document, Fields, finite
from localdev.workspace.model.job import TaskKind, Work
from localdev.workspace.model.request import RunRequest

# https://registry.terraform.io/providers/databricks/databricks/latest/docs/resources/job, for_each_task
MOST_AT_ONCE = 100
MOST_ITERATIONS = 1000  # ours: each end of one looks at all


@dataclass(frozen=True, kw_only=True, slots=True)
class ForEachWork:
    """An array, as JSON text or a reference to it; the nested task stays in the task's document."""

    inputs: str
    concurrency: int

    @property
    def kind(self) -> TaskKind:
        """Return the kind of task."""
        return TaskKind.FOR_EACH

    def given(self, request: RunRequest, job_parameters: Mapping[str, str]) -> ForEachWork:
        """Return it as it is: parameters are for its iterations."""
        del request, job_parameters
        return self

    def elements(self) -> list[Any]:
        """Return the array's elements; raises ValueError when the inputs are none."""
        try:
            found = json.loads(self.inputs, parse_constant=finite, parse_float=finite)
        except ValueError as error:
            raise ValueError(f"The inputs are no JSON: {error}") from error
        except RecursionError as error:
            raise ValueError("The inputs are nested too deeply") from error
        if not isinstance(found, list):
            raise ValueError("The inputs are no JSON array")  # noqa: TRY004 - what is wrong is a text that users wrote
        if len(found) > MOST_ITERATIONS:
            raise ValueError(f"The inputs have {len(found)} elements, and at most {MOST_ITERATIONS} are run")
        return found


@dataclass(frozen=True, kw_only=True, slots=True)
class IterationWork:
    """The work of the nested task for one element."""

    work: Work
    element: Any

    @property
    def kind(self) -> TaskKind:
        """Return the kind of the nested task."""
        return self.work.kind

    def given(self, request: RunRequest, job_parameters: Mapping[str, str]) -> IterationWork:
        """Return it with the nested task's parameters."""
        return replace(self, work=self.work.given(request, job_parameters))


def read(work: Fields, where: str) -> ForEachWork:
    """Return the work of a for_each_task; raises ApiError."""
    where = f"{where}: for_each_task"
    nested = nested_task(work)
    if not nested:
        raise invalid(f"{where}: task is missing.")
    if nested.get(TaskKind.FOR_EACH) is not None:
        raise invalid(f"{where}: the nested task cannot be another for_each_task.")
    if nested.get("depends_on"):
        raise invalid(f"{where}: the nested task cannot depend on other tasks.")
    return ForEachWork(
        inputs=work.required_text("inputs", where),
        concurrency=work.whole_number("concurrency", 1, least=1, most=MOST_AT_ONCE),
    )


def nested_task(work: Fields) -> Document:
    """Return the document of the nested task of a for_each_task."""
    return work.object("task")

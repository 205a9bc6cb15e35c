"""spark_python_task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from localdev.workspace.json_fields import Fields
from localdev.workspace.model.job import TaskKind
from localdev.workspace.model.request import RunRequest
from localdev.workspace.tasks.workspace_path import workspace_path


@dataclass(frozen=True, kw_only=True, slots=True)
class PythonFileWork:
    """A Python file of the workspace and its arguments."""

    path: str
    arguments: tuple[str, ...]

    @property
    def kind(self) -> TaskKind:
        """Return the kind of task."""
        return TaskKind.PYTHON

    def given(self, request: RunRequest, job_parameters: Mapping[str, str]) -> PythonFileWork:
        """Return it with python_params instead of its own arguments, where run-now gave any."""
        del job_parameters
        return replace(self, arguments=tuple(request.overriding.get("python_params", self.arguments)))


def read(work: Fields, where: str) -> PythonFileWork:
    """Return the work of a spark_python_task; raises ApiError."""
    return PythonFileWork(path=workspace_path(work, "python_file", where), arguments=work.text_list("parameters"))

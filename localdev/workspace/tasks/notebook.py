"""notebook_task."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from localdev.workspace.errors import invalid
from localdev.workspace.json_fields import Fields
from localdev.workspace.model.job import TaskKind
from localdev.workspace.model.request import RunRequest
from localdev.workspace.tasks.workspace_path import workspace_path

LONGEST_BASE_PARAMETERS = 1_000_000  # bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class NotebookWork:
    """A notebook of the workspace and its parameters."""

    path: str  # "/Workspace/ETL/01_Ingestion"
    parameters: Mapping[str, str]

    @property
    def kind(self) -> TaskKind:
        """Return the kind of task."""
        return TaskKind.NOTEBOOK

    def given(self, request: RunRequest, job_parameters: Mapping[str, str]) -> NotebookWork:
        """Return it with notebook_params merged over base_parameters, and the job's parameters over both.

        Those "override" what a task has under the same name: https://docs.databricks.com/aws/en/jobs/job-parameters.
        """
        params = request.overriding.get("notebook_params", {})
        return replace(self, parameters={**self.parameters, **params, **job_parameters})


def read(work: Fields, where: str) -> NotebookWork:
    """Return the work of a notebook_task; raises ApiError."""
    parameters = work.text_map("base_parameters")
    if len(json.dumps(parameters, ensure_ascii=False, separators=(",", ":")).encode()) > LONGEST_BASE_PARAMETERS:
        raise invalid(f"{where}: base_parameters are longer than 1 MB.")
    return NotebookWork(path=workspace_path(work, "notebook_path", where), parameters=parameters)

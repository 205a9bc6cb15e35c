"""pipeline_task: one update of a declarative pipeline, once called Delta Live Tables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from localdev.workspace.errors import invalid, not_supported
from localdev.workspace.json_fields import Fields
from localdev.workspace.model.job import TaskKind
from localdev.workspace.model.request import RunRequest

_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")  # also the name of its folder
_NOT_HERE = ("refresh_flow_selection", "reset_checkpoint_selection")


@dataclass(frozen=True, kw_only=True, slots=True)
class PipelineWork:
    """A pipeline, and which of its tables are refreshed, or made anew: all where nothing is chosen."""

    path: str  # of its folder, or of its one file without the suffix
    pipeline_id: str
    full_refresh: bool
    full_refresh_of: tuple[str, ...]
    refresh_of: tuple[str, ...]
    parameters: Mapping[str, str]

    @property
    def kind(self) -> TaskKind:
        """Return the kind of task."""
        return TaskKind.PIPELINE

    def given(self, request: RunRequest, job_parameters: Mapping[str, str]) -> PipelineWork:
        """Return it with pipeline_params instead of what it says itself about refreshing.

        The job's parameters do not reach a pipeline: https://learn.microsoft.com/azure/databricks/jobs/task-parameters
        names the tasks that they reach.
        """
        del job_parameters
        params = request.overriding.get("pipeline_params")
        return replace(self, **_refreshing(Fields(params))) if params else self


def read(work: Fields, where: str) -> PipelineWork:
    """Return the work of a pipeline_task; raises ApiError."""
    for name in _NOT_HERE:
        if work.has(name):
            raise not_supported(f"{where}: {name}")
    pipeline_id = work.required_text("pipeline_id", where)
    if not _ID.fullmatch(pipeline_id):
        raise invalid(
            f"{where}: {pipeline_id!r} is no pipeline_id: it may hold letters, digits, '_', '-' and '.' only."
        )
    return PipelineWork(
        path=f"/Workspace/pipelines/{pipeline_id}",
        pipeline_id=pipeline_id,
        parameters=work.text_map("parameters"),
        **_refreshing(work),
    )


def _refreshing(fields: Fields) -> dict[str, Any]:
    return {
        "full_refresh": fields.flag("full_refresh") or False,
        "full_refresh_of": fields.text_list("full_refresh_selection"),
        "refresh_of": fields.text_list("refresh_selection"),
    }

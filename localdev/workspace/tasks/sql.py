"""sql_task: a file or a saved query. Alerts and dashboards need a real SQL warehouse and are refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from localdev.workspace.errors import invalid, not_supported
from localdev.workspace.json_fields import Fields
from localdev.workspace.model.job import TaskKind
from localdev.workspace.model.request import RunRequest
from localdev.workspace.tasks.workspace_path import workspace_path

_KINDS = ("query", "file", "alert", "dashboard")


@dataclass(frozen=True, kw_only=True, slots=True)
class SqlWork:
    """Statements of the workspace and their parameters."""

    path: str  # of the file with the statements
    parameters: Mapping[str, str]
    warehouse_id: str  # shown again, and without effect

    @property
    def kind(self) -> TaskKind:
        """Return the kind of task."""
        return TaskKind.SQL

    def given(self, request: RunRequest, job_parameters: Mapping[str, str]) -> SqlWork:
        """Return it with sql_params merged over its own, and the job's parameters over both."""
        params = request.overriding.get("sql_params", {})
        return replace(self, parameters={**self.parameters, **params, **job_parameters})


def read(work: Fields, where: str) -> SqlWork:
    """Return the work of a sql_task; raises ApiError."""
    found = [name for name in _KINDS if work.has(name)]
    if len(found) != 1:
        raise invalid(f"{where}: sql_task must have exactly one of {', '.join(_KINDS)}.")
    if found[0] in {"alert", "dashboard"}:
        raise not_supported(f"{where}: sql_task.{found[0]}")
    return SqlWork(
        path=_path(found[0], Fields(work.object(found[0])), where),
        parameters=work.text_map("parameters"),
        warehouse_id=work.required_text("warehouse_id", where),
    )


def _path(kind: str, fields: Fields, where: str) -> str:
    """Return the file of the statements: that of a saved query is `queries/<query_id>.sql` in the workspace."""
    if kind == "file":
        return workspace_path(fields, "path", where)
    return f"/Workspace/queries/{fields.required_text('query_id', where)}.sql"

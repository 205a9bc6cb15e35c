"""dbt_task."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace

from localdev.workspace.errors import ApiError, invalid
from localdev.workspace.json_fields import Fields
from localdev.workspace.model.job import TaskKind
from localdev.workspace.model.request import RunRequest
from localdev.workspace.tasks.workspace_path import workspace_path

MOST_COMMANDS = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class DbtWork:
    """Commands of dbt, one after the other, on a project of the workspace."""

    path: str  # of the folder with dbt_project.yml
    commands: tuple[str, ...]
    profiles: str  # the folder with profiles.yml below the project; "" for none
    catalog: str  # "" for the warehouse's own
    schema: str  # "" for DuckDB's own
    has_warehouse: bool  # whether a profile is made for it, whatever the project brings

    @property
    def kind(self) -> TaskKind:
        """Return the kind of task."""
        return TaskKind.DBT

    def given(self, request: RunRequest, job_parameters: Mapping[str, str]) -> DbtWork:
        """Return it with dbt_commands instead of its own, where run-now gave any."""
        del job_parameters
        return replace(self, commands=tuple(request.overriding.get("dbt_commands", self.commands)))


def read(work: Fields, where: str) -> DbtWork:
    """Return the work of a dbt_task; raises ApiError."""
    commands = work.text_list("commands")
    if not 1 <= len(commands) <= MOST_COMMANDS:
        raise invalid(
            f"{where}: dbt_task has between 1 and {MOST_COMMANDS} commands, and this one has {len(commands)}."
        )
    for command in commands:
        _check(command, where)
    if work.has("catalog") and not work.has("warehouse_id"):
        raise invalid(f"{where}: catalog can only be specified if a warehouse_id is.")
    if work.has("profiles_directory") and work.has("warehouse_id"):
        raise invalid(f"{where}: profiles_directory can only be specified if no warehouse_id is.")
    return DbtWork(
        path=workspace_path(work, "project_directory", where),
        commands=commands,
        profiles=work.text("profiles_directory"),
        catalog=work.text("catalog"),
        schema=work.text("schema"),
        has_warehouse=work.has("warehouse_id"),
    )


def _check(command: str, where: str) -> None:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise _refusal(command, where) from error
    if words[:1] != ["dbt"]:
        raise _refusal(command, where)


def _refusal(command: str, where: str) -> ApiError:
    return invalid(f"{where}: {command!r} is no command of dbt; it must start with dbt.")

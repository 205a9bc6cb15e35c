"""The programs of the kinds of task that run in a process."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from localdev.workspace.model.job import TaskKind
from localdev.workspace.programs.program import Places, Program
from localdev.workspace.runners.runner import Launch
from localdev.workspace.tasks.dbt import DbtWork
from localdev.workspace.tasks.jar import JarWork
from localdev.workspace.tasks.notebook import NotebookWork
from localdev.workspace.tasks.pipeline import PipelineWork
from localdev.workspace.tasks.python_file import PythonFileWork
from localdev.workspace.tasks.sql import SqlWork
from localdev.workspace.tasks.wheel import WheelWork


def program_of(launch: Launch, places: Places) -> Program:
    """Return how to start a task; raises ResourceMissing, and TypeError for a kind that has no process."""
    work = launch.work
    if isinstance(work, NotebookWork | PythonFileWork):
        return _of_file(work, places)
    if isinstance(work, WheelWork):
        return Program(folder=_empty(places), instructions=_of_wheel(work))
    if isinstance(work, SqlWork):
        return _of_sql(work, launch, places)
    if isinstance(work, DbtWork):
        return _of_dbt(work, places)
    if isinstance(work, JarWork):
        return Program(
            folder=_empty(places), instructions={"main_class": work.main_class, "arguments": list(work.arguments)}
        )
    if isinstance(work, PipelineWork):
        return _of_pipeline(work, places)
    raise TypeError(f"{launch.kind} is no task of a process")


def _of_file(work: NotebookWork | PythonFileWork, places: Places) -> Program:
    file = places.find(work.path, work.kind)
    given: Mapping[str, object] = (
        {"parameters": dict(work.parameters)} if isinstance(work, NotebookWork) else {"arguments": list(work.arguments)}
    )
    return Program(folder=file.parent, instructions={"path": work.path, "file": str(file), **given})


def _of_wheel(work: WheelWork) -> dict[str, object]:
    return {"package": work.package, "entry_point": work.entry_point, "arguments": list(work.command_line)}


def _of_sql(work: SqlWork, launch: Launch, places: Places) -> Program:
    file = places.find(work.path, TaskKind.SQL)
    return Program(
        folder=_empty(places),
        instructions={
            "file": str(file),
            "parameters": dict(work.parameters),
            "warehouse_id": work.warehouse_id,
            "lookup_key": f"{launch.run_id}-{launch.attempt_id}",
            "results": str(places.task / "results.csv"),
        },
    )


def _of_dbt(work: DbtWork, places: Places) -> Program:
    project = places.find_folder(work.path)
    return Program(
        folder=_empty(places),
        instructions={
            "project": str(project),
            "commands": list(work.commands),
            "profiles": work.profiles,
            "catalog": work.catalog,
            "schema": work.schema,
            "makes_profile": work.has_warehouse,
            "artifacts": str(places.task / "dbt_artifacts.tar.gz"),
        },
    )


def _of_pipeline(work: PipelineWork, places: Places) -> Program:
    folder = places.notebooks.find_folder(work.path)
    source = folder if folder is not None else places.find(work.path, TaskKind.PIPELINE)
    return Program(
        folder=_empty(places),
        instructions={
            "pipeline": work.pipeline_id,
            "source": str(source),
            "storage": str(places.data / "pipelines" / work.pipeline_id),
            "parameters": dict(work.parameters),
            "full_refresh": work.full_refresh,
            "full_refresh_of": list(work.full_refresh_of),
            "refresh_of": list(work.refresh_of),
        },
    )


def _empty(places: Places) -> Path:
    """Return an empty folder for a task that has none of its own in the workspace."""
    folder = places.task / "work"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder

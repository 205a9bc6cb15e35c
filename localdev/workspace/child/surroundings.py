"""What a notebook's process was told of its task, its folders and its rights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


class ExecutionError(Exception):
    """What dbutils raises when a call fails; on Databricks too it tells of the error on the other side in words."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Surroundings:
    """All that a notebook can reach but its own cells."""

    root: Path  # the notebooks folder, which /Workspace stands for
    folder: Path  # the task's own
    dbfs: Path
    warehouse: Path
    allows_shell: bool
    run_id: int
    job_id: int
    attempt_id: int
    task_key: str
    values: Mapping[str, Mapping[str, Any]]  # what earlier tasks of the run have set, by task key and key
    instructions: Mapping[str, Any] = field(repr=False)  # what the process was told but secrets, to tell another one


def read(instructions: Mapping[str, Any]) -> Surroundings:
    """Return the surroundings that a line of instructions describes."""
    folders = instructions["folders"]
    return Surroundings(
        root=Path(instructions["notebooks"]),
        folder=Path(folders["task"]),
        dbfs=Path(folders["dbfs"]),
        warehouse=Path(folders["warehouse"]),
        allows_shell=instructions["shell"],
        run_id=instructions["run_id"],
        job_id=instructions["job_id"],
        attempt_id=instructions["attempt_id"],
        task_key=instructions["task_key"],
        values=instructions["values"],
        instructions={**instructions, "secrets": {}},
    )


def find_notebook(root: Path, folder: Path, path: str) -> Path | None:
    """Return the file of a notebook that is named relative to a folder, or from the top: `../x`, `/Workspace/etl/x`.

    None when there is none below the notebooks folder.
    """
    base = root / path.removeprefix("/Workspace/").lstrip("/") if path.startswith("/") else folder / path
    try:
        candidates = [base.with_name(f"{base.name}{suffix}").resolve() for suffix in ("", ".py", ".ipynb", ".sql")]
        return next((file for file in candidates if file.is_relative_to(root) and file.is_file()), None)
    except (OSError, RuntimeError, ValueError):  # no name that a disk could hold
        return None


def workspace_path(root: Path, file: Path) -> str:
    """Return the path of a notebook's file as the workspace names it, without its suffix."""
    return f"/{file.relative_to(root).with_suffix('').as_posix()}"

"""`dbutils.notebook.run`: another notebook as a run of its own, with a process, widgets and names of its own.

https://docs.databricks.com/aws/en/notebooks/notebook-workflows. The process belongs to the group of the task and ends
with it. It is no row of the workspace: its output stands in the caller's.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from localdev.workspace.child.services import Services
from localdev.workspace.child.surroundings import ExecutionError, Surroundings, find_notebook, workspace_path

_BOOT = Path(__file__).with_name("boot.py")
_GRACE = 3.0  # seconds between asking a notebook to end and making it
_numbers = itertools.count(1)


class WorkflowException(ExecutionError):
    """The other notebook failed or took too long.

    https://github.com/databricks-industry-solutions/security-analysis-tool/issues/127
    """

    def __init__(self, state: str, what_happened: str) -> None:
        super().__init__(
            f"com.databricks.WorkflowException: com.databricks.NotebookExecutionException: {state}: {what_happened}"
        )


class OtherNotebooks:
    """Starts notebooks on behalf of one in `folder`. Safe to use from several threads, as notebooks do."""

    def __init__(self, surroundings: Surroundings, services: Services, folder: Path) -> None:
        self._surroundings = surroundings
        self._services = services
        self._folder = folder

    def run(self, path: str, timeout_seconds: float, arguments: Mapping[str, Any]) -> str:
        """Run a notebook to its end; return what it left with, "" for nothing.

        `timeout_seconds` of 0 is no limit. Raises WorkflowException.
        """
        file = find_notebook(self._surroundings.root, self._folder, path)
        if file is None:
            raise WorkflowException("FAILED", f"Unable to access the notebook {path}: it does not exist")
        folder = self._surroundings.folder / "notebooks" / str(next(_numbers))
        folder.mkdir(parents=True)
        process = self._started(file, folder, {str(name): str(value) for name, value in arguments.items()})
        with process:
            try:
                process.wait(timeout_seconds or None)
            except subprocess.TimeoutExpired:
                _end(process)
                raise WorkflowException("TIMEDOUT", f"{path} ran for more than {timeout_seconds} seconds") from None
            except BaseException:
                _end(process)
                raise
        return _result(folder, path)

    def _started(self, file: Path, folder: Path, parameters: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """Start the process; its standard input stays open for as long as this one lives."""
        instructions = {
            **self._surroundings.instructions,
            "kind": "notebook_task",
            "path": workspace_path(self._surroundings.root, file),
            "file": str(file),
            "parameters": parameters,
            "report": str(folder / "report.json"),
            "folders": {**self._surroundings.instructions["folders"], "task": str(folder)},
        }
        with self._services.share() as connection:
            instructions["services"] = connection.fileno()
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and our own file
                [sys.executable, str(_BOOT)],
                stdin=subprocess.PIPE,
                cwd=file.parent,
                pass_fds=[connection.fileno()],
                env=dict(os.environ),
            )
        if process.stdin is not None:
            with suppress(BrokenPipeError):  # it died already: its missing report will tell
                process.stdin.write(json.dumps(instructions).encode() + b"\n")
                process.stdin.flush()
        return process


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        process.kill()


def _result(folder: Path, path: str) -> str:
    try:
        report = json.loads((folder / "report.json").read_bytes())
        (folder / "report.json").unlink()  # it may hold a secret, which the task's own report does not
    except (OSError, ValueError):
        raise WorkflowException("FAILED", f"The process of {path} ended before the notebook was finished") from None
    if not report["succeeded"]:
        raise WorkflowException("FAILED", f"Workload failed, see run output for details: {report['error']}")
    return str(report["result"] or "")

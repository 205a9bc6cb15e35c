"""Runs each task in a process of its own, which cannot outlive the server.

A process gets nothing of the server's environment: only what the server's owner configured, a plain PATH and an empty
HOME. It leads a process group that is ended as a whole. It holds a pipe to the server and ends its group when the
server is gone, however that happened (child/run.py); what is left all the same is ended by the next server.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from localdev.workspace import outcomes, task_report
from localdev.workspace.model import TaskOutput
from localdev.workspace.notebooks import Notebooks
from localdev.workspace.process_group import end_leftover, remember, signal_group
from localdev.workspace.runner import Execution, Launch, TaskResult
from localdev.workspace.tasks.notebook import NotebookWork
from localdev.workspace.tasks.python_file import PythonFileWork

BOOT = Path(__file__).parent / "child" / "boot.py"
GRACE = 3.0  # seconds between asking a process to end and making it
_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"


class ProcessRunner:
    """Starts child/boot.py in a fresh interpreter for each task; each has a folder of its own below `folder`."""

    def __init__(self, *, notebooks: Notebooks, folder: Path, environment: Mapping[str, str]) -> None:
        self._notebooks = notebooks
        self._folder = folder
        self._environment = dict(environment)

    async def start(self, launch: Launch) -> Execution:
        """Start a task's process; when its notebook is not there, return an execution that has already failed."""
        work = launch.work
        if not isinstance(work, NotebookWork | PythonFileWork):
            raise TypeError(f"{launch.kind} is no task of a process")
        file = self._notebooks.find(work.path, launch.kind)
        if file is None:
            return _failed_before_start(work.path)
        folder = self._folder / str(launch.attempt_id)
        (folder / "home").mkdir(parents=True, exist_ok=True, mode=0o700)
        with task_report.output_file(folder).open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                str(BOOT),
                stdin=asyncio.subprocess.PIPE,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                env=self._environment_of(folder),
                cwd=file.parent,
                start_new_session=True,
            )
        remember(folder, process.pid)
        await _instruct(process, self._instructions(work, file, folder))
        return ProcessExecution(process, folder)

    def recover(self, attempt_id: int) -> TaskResult | None:
        """End the process group that a killed server left, if any, and return the result it had reported."""
        folder = self._folder / str(attempt_id)
        end_leftover(folder)
        return task_report.read(folder)

    def forget(self, attempt_id: int) -> None:
        """Remove a task's folder; safe to repeat."""
        shutil.rmtree(self._folder / str(attempt_id), ignore_errors=True)

    def _instructions(self, work: NotebookWork | PythonFileWork, file: Path, folder: Path) -> dict[str, object]:
        return {
            "kind": work.kind,
            "path": work.path,
            "file": str(file),
            "notebooks": str(self._notebooks.folder),
            "parameters": dict(work.parameters) if isinstance(work, NotebookWork) else {},
            "arguments": list(work.arguments) if isinstance(work, PythonFileWork) else [],
            "report": str(task_report.report_file(folder)),
        }

    def _environment_of(self, folder: Path) -> dict[str, str]:
        basics = {
            "PATH": f"{Path(sys.executable).parent}:{_SYSTEM_PATH}",
            "HOME": str(folder / "home"),
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONNOUSERSITE": "1",
        }
        return {**basics, **self._environment}


class ProcessExecution:
    """A task's process and all that it started."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path) -> None:
        self._process = process
        self._folder = folder
        self._force: asyncio.TimerHandle | None = None

    async def wait(self) -> TaskResult:
        """Wait for the process, end what it left running, and read what it reported."""
        code = await self._process.wait()
        if self._force is not None:
            self._force.cancel()
        signal_group(self._process.pid, signal.SIGKILL)
        return task_report.read(self._folder) or task_report.of_crash(self._folder, code)

    def end(self) -> None:
        """Ask the process group to end, and make it after a grace period; safe to repeat."""
        if self._force is None and self._process.returncode is None:
            signal_group(self._process.pid, signal.SIGTERM)
            loop = asyncio.get_running_loop()
            self._force = loop.call_later(GRACE, signal_group, self._process.pid, signal.SIGKILL)


class Finished:
    """An execution that has ended already."""

    def __init__(self, result: TaskResult) -> None:
        self._result = result

    async def wait(self) -> TaskResult:
        """Return the result."""
        return self._result

    def end(self) -> None:
        """Do nothing: there is nothing left to end."""


def _failed_before_start(path: str) -> Finished:
    outcome = outcomes.not_found(path)
    return Finished(TaskResult(outcome=outcome, output=TaskOutput(error=outcome.message)))


async def _instruct(process: asyncio.subprocess.Process, instructions: dict[str, object]) -> None:
    """Send a process its one line; its standard input stays open for as long as the server lives."""
    if process.stdin is None:
        raise AssertionError("a task's process always has a pipe")
    process.stdin.write(json.dumps(instructions).encode() + b"\n")
    with suppress(ConnectionError):  # it died already: its exit code will tell
        await process.stdin.drain()

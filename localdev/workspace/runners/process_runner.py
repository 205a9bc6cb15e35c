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

from localdev.workspace.files.belongings import Belongings
from localdev.workspace.files.notebooks import Notebooks
from localdev.workspace.flow import outcomes
from localdev.workspace.model.run import Outcome, TaskOutput
from localdev.workspace.programs import library_files
from localdev.workspace.programs.program import LibraryMissing, Places, ResourceMissing
from localdev.workspace.programs.registry import program_of
from localdev.workspace.runners import task_report
from localdev.workspace.runners.process_group import end_leftover, remember, signal_group
from localdev.workspace.runners.runner import Execution, Launch, TaskResult

BOOT = Path(__file__).parents[1] / "child" / "boot.py"
GRACE = 3.0  # seconds between asking a process to end and making it
_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"


class ProcessRunner:
    """Starts child/boot.py in a fresh interpreter for each task; each has a folder of its own below `folder`."""

    def __init__(
        self,
        *,
        notebooks: Notebooks,
        folder: Path,
        environment: Mapping[str, str],
        belongings: Belongings,
        install_libraries: bool = False,
    ) -> None:
        self._notebooks = notebooks
        self._folder = folder
        self._environment = dict(environment)
        self._belongings = belongings
        self._install_libraries = install_libraries

    async def start(self, launch: Launch) -> Execution:
        """Start a task's process; when its notebook is not there, or what else it needs, return a failed one."""
        folder = self._folder / str(launch.attempt_id)
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)  # `mode` is not that of the parents
        (folder / "home").mkdir(parents=True, exist_ok=True, mode=0o700)
        places = Places(notebooks=self._notebooks, data=self._folder.parent, task=folder)
        try:
            libraries = library_files.instructions_of(launch, places, may_install=self._install_libraries)
            program = program_of(launch, places)
        except LibraryMissing as missing:
            return _failed_before_start(outcomes.library_not_found(missing.path))
        except ResourceMissing as missing:
            return _failed_before_start(outcomes.not_found(missing.path))
        with task_report.output_file(folder).open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                str(BOOT),
                stdin=asyncio.subprocess.PIPE,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                env=self._environment_of(folder),
                cwd=program.folder,
                start_new_session=True,
            )
        remember(folder, process.pid)
        await _instruct(process, {**self._instructions(launch, folder), "libraries": libraries, **program.instructions})
        return ProcessExecution(process, folder)

    def recover(self, attempt_id: int) -> TaskResult | None:
        """End the process group that a killed server left, if any, and return the result it had reported."""
        folder = self._folder / str(attempt_id)
        end_leftover(folder)
        return task_report.read(folder)

    def forget(self, attempt_id: int) -> None:
        """Remove a task's folder; safe to repeat."""
        shutil.rmtree(self._folder / str(attempt_id), ignore_errors=True)

    def _instructions(self, launch: Launch, folder: Path) -> dict[str, object]:
        return {
            "kind": launch.kind,
            "notebooks": str(self._notebooks.folder),
            "report": str(task_report.report_file(folder)),
            "output": str(task_report.output_file(folder)),
            "run_id": launch.run_id,
            "job_id": launch.job_id,
            "attempt_id": launch.attempt_id,
            "task_key": launch.task_key,
            "values": {key: dict(values) for key, values in launch.values.items()},
            **self._belongings.instructions(folder),
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


def _failed_before_start(outcome: Outcome) -> Finished:
    return Finished(TaskResult(outcome=outcome, output=TaskOutput(error=outcome.message)))


async def _instruct(process: asyncio.subprocess.Process, instructions: dict[str, object]) -> None:
    """Send a process its one line; its standard input stays open for as long as the server lives."""
    if process.stdin is None:
        raise AssertionError("a task's process always has a pipe")
    process.stdin.write(json.dumps(instructions).encode() + b"\n")
    with suppress(ConnectionError):  # it died already: its exit code will tell
        await process.stdin.drain()

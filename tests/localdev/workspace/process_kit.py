"""What the tests of tasks in processes share: one task, read as in a job's settings and run as the server runs it."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from localdev.workspace.files.belongings import Belongings
from localdev.workspace.files.notebooks import Notebooks
from localdev.workspace.jobs import task_settings
from localdev.workspace.model.request import RunRequest
from localdev.workspace.runners.process_runner import ProcessRunner
from localdev.workspace.runners.runner import Execution, Launch, TaskResult
from tests.localdev.workspace.kit import Json


class Processes:
    """Runs tasks below a folder: their files in `notebooks`, what they leave in `data`."""

    def __init__(
        self, folder: Path, *, path: str = "", packages: Path | None = None, may_install: bool = False
    ) -> None:
        self.notebooks = folder / "notebooks"
        self.data = folder / "data"
        self.notebooks.mkdir(exist_ok=True)
        self._ids = count(1)
        variables = {"PATH": path, "PYTHONPATH": str(packages or "")}
        self.runner = ProcessRunner(
            notebooks=Notebooks(self.notebooks),
            folder=self.data / "tasks",
            environment={name: value for name, value in variables.items() if value},
            belongings=Belongings(dbfs=self.data / "dbfs", warehouse=self.data / "warehouse.duckdb"),
            install_libraries=may_install,
        )

    async def start(
        self, task: Json, overriding: Mapping[str, Any] | None = None, job_parameters: Mapping[str, str] | None = None
    ) -> Execution:
        """Start a task as run-now would with these parameters."""
        settings = task_settings.read({"task_key": "main", **task}, set())
        request = RunRequest(job_id=1, overriding=overriding or {})
        return await self.runner.start(
            Launch(
                run_id=1,
                job_id=1,
                attempt_id=next(self._ids),
                task_key="main",
                work=settings.work.given(request, job_parameters or {}),
                libraries=settings.libraries,
            )
        )

    async def run(
        self, task: Json, overriding: Mapping[str, Any] | None = None, job_parameters: Mapping[str, str] | None = None
    ) -> TaskResult:
        """Run a task to its end."""
        return await (await self.start(task, overriding, job_parameters)).wait()

    def write(self, name: str, text: str) -> Path:
        """Write a file of the workspace."""
        file = self.notebooks / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file


def wheel(
    folder: Path,
    files: Mapping[str, str],
    *,
    name: str = "shop",
    version: str = "1.0",
    metadata: str = "",
    entry_points: Sequence[str] = (),
) -> Path:
    """Build a wheel of these files, as the build tools lay one out."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}-{version}-py3-none-any.whl"
    about = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(file, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
        archive.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{metadata}")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/entry_points.txt", "\n".join(["[console_scripts]", *entry_points, ""]))
        archive.writestr(f"{about}/RECORD", "")
    return file


def system_path() -> str:
    """Return a PATH with Java, where it is, and without what is installed for the tests."""
    java = shutil.which("java")
    return ":".join(["/usr/bin", "/bin", *([str(Path(java).parent)] if java else [])])

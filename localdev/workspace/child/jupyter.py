"""Executes a Jupyter notebook with Jupyter's own stack: a kernel runs the cells, nbclient drives it.

What the cells print goes to the task's output as it comes, and a copy of the notebook with all outputs is kept in the
task's folder. The kernel stays in the process group of the task, unlike Jupyter's own way to start one: so nothing of
it is left when the group is killed.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError

from localdev.workspace.child.cells import joined, read_sources
from localdev.workspace.child.failure import TaskFailed
from localdev.workspace.child.services import Services
from localdev.workspace.child.surroundings import Surroundings

EXECUTED = "executed.ipynb"
_BOOT = Path(__file__).with_name("kernel_boot.py")
_END = "kernel.json"
_STARTUP = 120  # seconds that a kernel may take until it answers


def run(file: Path, path: str, surroundings: Surroundings, services: Services) -> str | None:
    """Execute a notebook; return the value of dbutils.notebook.exit, None when it was not called.

    Raises TaskFailed with the notebook's own error and traceback.
    """
    read_sources(file)  # says what is wrong with it in the words of notebooks that need no kernel
    document = _document(file)
    instructions = {
        **surroundings.instructions,
        "file": str(file),
        "path": path,
        "end": str(surroundings.folder / _END),
    }
    manager = _Manager(file.parent, instructions, services)
    client = _Client(document, km=manager, timeout=None, startup_timeout=_STARTUP)
    try:
        return asyncio.run(_executed(client, surroundings.folder / _END))
    finally:
        cleaned = services.ask("clean", document)
        (surroundings.folder / EXECUTED).write_text(json.dumps(cleaned, indent=1), encoding="utf-8")


def _document(file: Path) -> Any:
    """Return the notebook as the current format has it, without the outputs it came with."""
    document = json.loads(file.read_text(encoding="utf-8-sig"))
    for number, cell in enumerate(document["cells"]):
        cell["source"] = joined(cell["source"])
        cell.setdefault("metadata", {})
        cell.setdefault("id", f"cell-{number}")
        if cell["cell_type"] == "code":
            cell.update(outputs=[], execution_count=None)
    current = {"metadata": {}, "nbformat": 4, **document, "nbformat_minor": 5}
    return nbformat.from_dict(current)  # type: ignore[no-untyped-call]  # it has no types


async def _executed(client: _Client, end_file: Path) -> str | None:
    async with client.async_setup_kernel(cleanup_kc=True):
        for index, cell in enumerate(client.nb.cells):
            if cell.cell_type == "code" and cell.source.strip():
                try:
                    await client.async_execute_cell(cell, index)
                except CellExecutionError:
                    return _end(end_file)
                except DeadKernelError as error:
                    raise _death(client.km.exit_code) from error
    return None


def _end(file: Path) -> str | None:
    """Return the value that the notebook has left with; raises TaskFailed when it has not."""
    end = json.loads(file.read_bytes())
    file.unlink()  # it may hold a secret, which the task's report does not
    if end["error"] is None:
        return str(end["result"])
    sys.stderr.write(end["error_trace"])
    raise TaskFailed(end["error"], trace=end["error_trace"])


def _death(code: int | None) -> TaskFailed:
    if code is not None and code < 0:
        return TaskFailed(f"The kernel of the notebook was ended by signal {-code}", code="DRIVER_ERROR")
    return TaskFailed(f"The kernel of the notebook ended with exit code {code} before the notebook was finished")


class _Client(NotebookClient):
    """nbclient, which also prints what comes."""

    km: _Manager

    def output(self, outs: Any, msg: Any, display_id: Any, cell_index: Any) -> Any:
        content = msg["content"]
        if msg["msg_type"] == "stream":
            sys.stdout.write(content["text"])
        elif msg["msg_type"] in {"display_data", "execute_result"}:
            sys.stdout.write(f"{content['data'].get('text/plain', '')}\n")
        return super().output(outs, msg, display_id, cell_index)


class _Manager(AsyncKernelManager):
    """Starts the kernel that knows what this notebook is told."""

    def __init__(self, folder: Path, instructions: Mapping[str, Any], services: Services) -> None:
        super().__init__()
        self.folder = folder
        self.instructions = instructions
        self.services = services
        self.exit_code: int | None = None

    async def _async_pre_start_kernel(self, **options: Any) -> Any:
        if self.provisioner is None:
            self.provisioner = _InGroup(kernel_id="notebook", kernel_spec=self.kernel_spec, parent=self)
        return await super()._async_pre_start_kernel(**options)


class _InGroup(LocalProvisioner):
    """A kernel in the process group of the task, and not in a session of its own."""

    parent: _Manager

    async def launch_kernel(self, cmd: list[str], **options: Any) -> Any:
        del cmd
        manager = self.parent
        with manager.services.share() as connection:
            instructions = {
                **manager.instructions,
                "connection_file": manager.connection_file,
                "services": connection.fileno(),
            }
            process = self.process = subprocess.Popen(  # noqa: ASYNC220, S603 - our own file, and it starts in a moment
                [sys.executable, str(_BOOT)],
                stdin=subprocess.PIPE,
                cwd=manager.folder,
                env=options.get("env", dict(os.environ)),
                pass_fds=[connection.fileno()],
            )
        if process.stdin is not None:
            with suppress(BrokenPipeError):  # it died already: nbclient will notice
                process.stdin.write(json.dumps(instructions).encode() + b"\n")
                process.stdin.flush()
        self.pid = process.pid
        self.pgid = None  # signals are for the kernel alone: its group is ours
        return self.connection_info

    async def poll(self) -> int | None:
        code: int | None = await super().poll()
        if code is not None:
            self.parent.exit_code = code
        return code

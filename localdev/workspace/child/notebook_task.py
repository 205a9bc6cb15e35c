"""The work of a notebook task: a source file's cells here, a Jupyter file's in a kernel where Jupyter is installed."""

from __future__ import annotations

import socket
import sys
import types
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from localdev.workspace.child import surroundings as around
from localdev.workspace.child.notebook import Notebook
from localdev.workspace.child.services import RemoteServices, Services, TaskServices
from localdev.workspace.child.utilities import NotebookExit, Utilities


def run(instructions: Mapping[str, Any], report: dict[str, Any]) -> None:
    """Execute a notebook; the report gets the value it leaves with, and the task values it sets."""
    surroundings = around.read(instructions)
    services = services_of(instructions, surroundings, report["values"])
    file = Path(instructions["file"])
    if file.suffix == ".ipynb" and find_spec("nbclient") is not None and find_spec("ipykernel") is not None:
        from localdev.workspace.child import jupyter  # noqa: PLC0415 - an extra

        report["result"] = jupyter.run(file, instructions["path"], surroundings, services)
    else:
        report["result"] = _run_here(file, instructions, surroundings, services)


def services_of(instructions: Mapping[str, Any], surroundings: around.Surroundings, values: dict[str, Any]) -> Services:
    """Return the services of the task: its own, or those at the other end of the socket that it was given."""
    if "services" in instructions:
        return RemoteServices(socket.socket(fileno=instructions["services"]))
    return TaskServices(instructions["secrets"], values, surroundings.folder)


def _run_here(
    file: Path, instructions: Mapping[str, Any], surroundings: around.Surroundings, services: Services
) -> str | None:
    """Execute the cells in this process; return the value of dbutils.notebook.exit, None when it was not called."""
    # Functions and classes of the notebook belong to __main__, as they do in a real one.
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    sys.argv = [str(file)]
    utilities = Utilities(instructions["parameters"], surroundings, services, file)
    notebook = Notebook(surroundings, utilities, module.__dict__)
    try:
        notebook.run_file(file, instructions["path"])
    except NotebookExit as way_out:
        return way_out.value
    finally:
        notebook.close()
    return None

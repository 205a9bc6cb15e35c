"""The kernel of a Jupyter notebook: IPython's own, with dbutils, widgets and the magic commands of Databricks.

It is a process of the task's group, and ends with the process that holds its standard input open (jupyter.py).
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import IPython.display
from ipykernel.kernelapp import IPKernelApp

from localdev.workspace.child import displaying, run, surroundings
from localdev.workspace.child.cells import as_cell, read_sources
from localdev.workspace.child.notebook import Notebook
from localdev.workspace.child.notebook_task import services_of
from localdev.workspace.child.utilities import NotebookExit, Utilities

_RUN_CELL = "__run_databricks_cell__"
_rich: Any = IPython.display  # it has no types
_MAGIC_NAME = "<magic command>"


def main() -> None:
    """Serve the notebook that standard input describes."""
    instructions = run.read_instructions()
    sys.path[0] = os.getcwd()  # noqa: PTH109 - the notebook's folder
    app: Any = IPKernelApp.instance()
    options = {"HistoryManager.enabled": "False", "IPKernelApp.parent_handle": os.getppid(), "log-level": "ERROR"}
    app.initialize(["-f", instructions["connection_file"], *(f"--{name}={value}" for name, value in options.items())])
    app.shell.run_line_magic("colors", "nocolor")
    KernelNotebook(instructions, app.shell).prepare()
    app.start()


class KernelNotebook:
    """A notebook whose cells come from a client, one by one."""

    def __init__(self, instructions: Mapping[str, Any], shell: Any) -> None:
        self._shell = shell
        self._file = Path(instructions["file"])
        self._path: str = instructions["path"]
        self._end = Path(instructions["end"])
        around = surroundings.read(instructions)
        services = services_of(instructions, around, {})
        utilities = Utilities(instructions["parameters"], around, services, self._file)
        self._notebook = Notebook(around, utilities, shell.user_ns)
        self._language, sources = read_sources(self._file)
        self._numbers = [number for number, source in enumerate(sources, start=1) if source.strip()]
        self._executed = 0

    def prepare(self) -> None:
        """Put into the shell what Databricks adds to it."""
        shell = self._shell
        shell.user_ns.update({_RUN_CELL: self._run_cell, "display": _display, "displayHTML": _display_html})
        shell.input_transformer_manager.cleanup_transforms.insert(0, self._transformed)
        shell.compile.get_code_name = self._code_name
        shell.events.register("pre_run_cell", self._begin)
        shell.events.register("post_run_cell", self._finish)
        for name in ("pip", "conda"):
            shell.register_magic_function(_line_magic(self._notebook, name), "line", name)

    def _transformed(self, lines: list[str]) -> list[str]:
        """Return Python that executes a cell in another language here; any other cell as it stands."""
        source = "".join(lines)
        cell = as_cell(0, source, self._language)
        if source.lstrip().startswith("%%"):  # IPython's own way to write a magic command
            return lines
        return cell.text.splitlines(keepends=True) if cell.language == "python" else [f"{_RUN_CELL}({source!r})\n"]

    def _run_cell(self, source: str) -> None:
        cell = as_cell(self._number(), source, self._language)
        self._notebook.run_cell(cell, self._file, self._path)

    def _begin(self, info: Any) -> None:
        if not info.silent:
            self._executed += 1

    def _number(self) -> int:
        return self._numbers[min(self._executed, len(self._numbers)) - 1]

    def _code_name(self, raw_code: str, transformed_code: str, number: int) -> str:
        """Return what tracebacks call a cell."""
        del raw_code, number
        return _MAGIC_NAME if transformed_code.startswith(_RUN_CELL) else f"{self._path} (cell {self._number()})"

    def _finish(self, result: Any) -> None:
        """Write down how the notebook ended, if this cell has ended it."""
        error = result.error_before_exec or result.error_in_exec
        if error is None:
            return
        if isinstance(error, NotebookExit):
            end = {"result": error.value, "error": None}
        else:
            self._notebook.explain(error)
            trace = "".join(traceback.format_exception(type(error), error, self._without_us(error)))
            end = {"error": traceback.format_exception_only(error)[-1].strip(), "error_trace": trace}
        draft = self._end.with_suffix(".draft")
        draft.write_text(json.dumps(end), encoding="utf-8")
        draft.replace(self._end)

    def _without_us(self, error: BaseException) -> Any:
        """Return the traceback from the notebook's own first line on."""
        step = error.__traceback__
        while step is not None and " (cell " not in step.tb_frame.f_code.co_filename:
            step = step.tb_next
        return step


def _line_magic(notebook: Notebook, name: str) -> Any:
    return lambda line: notebook.run_line_command(name, line)


def _display(*values: Any) -> None:
    """Show values as Jupyter does, and what it has no picture of as text."""
    for value in values:
        if any(hasattr(value, name) for name in ("_repr_html_", "_repr_png_", "_repr_mimebundle_", "savefig")):
            _rich.display(value)
        else:
            sys.stdout.write(f"{displaying.text_of(value)}\n")


def _display_html(html: str) -> None:
    _rich.display(_rich.HTML(html))

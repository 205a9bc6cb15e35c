"""Executes the cells of a notebook, one after the other, in one namespace."""

from __future__ import annotations

import ast
import inspect
import linecache
import sys
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from localdev.workspace.child.cells import Cell, read_cells
from localdev.workspace.child.utilities import NotebookExit, Utilities

_TEXT_LANGUAGES = {"md", "md-sandbox"}


class UnsupportedCell(Exception):
    """A cell asks for what the local workspace cannot do."""


class Notebook:
    """A notebook about to run; `workspace_path` is what tracebacks show."""

    def __init__(self, file: Path, workspace_path: str, root: Path, parameters: Mapping[str, str]) -> None:
        self._file = file
        self._path = workspace_path
        self._root = root
        # Functions and classes of the notebook belong to __main__, as they do in a real one.
        module = types.ModuleType("__main__")
        sys.modules["__main__"] = module
        self._namespace = module.__dict__
        self._namespace.update(dbutils=Utilities(parameters), display=_display, displayHTML=_display)
        self._runner: Any = None

    def run(self) -> str | None:
        """Execute all cells; return the value of dbutils.notebook.exit, None when it was not called."""
        try:
            self._run_file(self._file, self._path)
        except NotebookExit as way_out:
            return way_out.value
        finally:
            if self._runner is not None:
                self._runner.close()
        return None

    def _run_file(self, file: Path, path: str) -> None:
        for cell in read_cells(file):
            self._run_cell(cell, file, path)

    def _run_cell(self, cell: Cell, file: Path, path: str) -> None:
        if cell.language in _TEXT_LANGUAGES:
            return
        if cell.language == "run":
            self._run_other(cell, file)
        elif cell.language == "pip":
            sys.stdout.write(f"Not run locally: %pip {cell.text.strip()}\n")
        elif cell.language == "python":
            self._execute(cell.text, f"{path} (cell {cell.number})")
        else:
            raise UnsupportedCell(
                f"Cell {cell.number} of {path} is written in %{cell.language}: the local workspace runs Python only."
            )

    def _run_other(self, cell: Cell, file: Path) -> None:
        """Execute another notebook in this one's namespace: `%run ./path` or `%run /path`."""
        path = cell.text.strip().strip("\"'")
        base = self._root / path.removeprefix("/Workspace").lstrip("/") if path.startswith("/") else file.parent / path
        for candidate in (base.with_name(f"{base.name}{suffix}").resolve() for suffix in ("", ".py", ".ipynb")):
            if candidate.is_file() and candidate.is_relative_to(self._root):
                self._run_file(candidate, path)
                return
        raise FileNotFoundError(f"%run {path}: there is no such notebook below the notebooks folder.")

    def _execute(self, source: str, name: str) -> None:
        lines = source.splitlines(keepends=True)
        linecache.cache[name] = (len(source), None, lines, name)  # tracebacks show the cell's lines
        code = compile(source, name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        if code.co_flags & inspect.CO_COROUTINE:
            import asyncio  # noqa: PLC0415 - it takes as long as all the rest, and few notebooks await

            self._runner = self._runner or asyncio.Runner()
            self._runner.run(eval(code, self._namespace))  # noqa: S307 - running the owner's notebooks is the purpose  # nosec B307
        else:
            exec(code, self._namespace)  # noqa: S102 - running the owner's notebooks is the purpose  # nosec B102


def _display(*values: Any) -> None:
    """Print what Databricks would draw."""
    for value in values:
        sys.stdout.write(f"{value}\n")

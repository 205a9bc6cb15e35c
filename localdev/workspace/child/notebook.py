"""Executes the cells of a notebook, one after the other, in one namespace."""

from __future__ import annotations

import ast
import inspect
import linecache
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from localdev.workspace.child.cells import Cell, line_commands, read_cells
from localdev.workspace.child.surroundings import Surroundings, find_notebook
from localdev.workspace.child.utilities import Utilities, lent

_TEXT_LANGUAGES = {"md", "md-sandbox"}
_RUN_PARAMETER = re.compile(r"""\s\$(\w+)\s*=\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\S+)""")


class UnsupportedCell(Exception):
    """A cell asks for what the local workspace cannot do."""


class ShellCommandFailed(Exception):
    """A `%sh -e` cell ended with another exit code than 0."""


class Notebook:
    """The namespace of a notebook with what Databricks puts into it, and the cells that run there."""

    def __init__(self, surroundings: Surroundings, utilities: Utilities, namespace: dict[str, Any]) -> None:
        self._surroundings = surroundings
        self._utilities = utilities
        self._namespace = namespace
        self._runner: Any = None
        self._sql: Any = None
        namespace.update(dbutils=utilities, display=_display, displayHTML=_display_html)
        namespace["getArgument"] = utilities.widgets.getArgument
        if find_spec("pyspark") is not None:
            from localdev.workspace.child.lazy_spark import LazySpark  # noqa: PLC0415 - an extra

            namespace["spark"] = LazySpark()

    def run_file(self, file: Path, path: str) -> None:
        """Execute all cells of a notebook; `path` is what tracebacks show."""
        try:
            for cell in read_cells(file):
                self.run_cell(cell, file, path)
        except NameError as error:
            self.explain(error)
            raise

    def explain(self, error: BaseException) -> None:
        """Let an error say what to install, where that is what it takes."""
        if isinstance(error, NameError) and error.name == "spark" and "spark" not in self._namespace:
            error.args = (_NO_SPARK,)

    def close(self) -> None:
        """Let go of what cells have left open."""
        if self._runner is not None:
            self._runner.close()

    def run_cell(self, cell: Cell, file: Path, path: str) -> None:
        """Execute one cell of a notebook."""
        if cell.language in _TEXT_LANGUAGES:
            return
        magic: Callable[[Cell, Path], None] | None = {
            "run": self._run_other,
            "sql": self._run_sql,
            "sh": self._run_shell,
            "fs": self._run_file_system,
        }.get(cell.language)
        if magic is not None:
            magic(cell, file)
        elif cell.language == "python":
            self._run_python(cell, f"{path} (cell {cell.number})")
        else:
            raise UnsupportedCell(
                f"Cell {cell.number} of {path} is written in %{cell.language}: "
                "the local workspace runs Python, SQL and shell."
            )

    def run_line_command(self, name: str, arguments: str) -> None:
        """Do what IPython's commands for one line do: %pip, when it is allowed; the others mean nothing here."""
        if name != "pip" or not self._surroundings.allows_shell:
            sys.stdout.write(f"Not run locally: %{name} {arguments}\n")
            return
        packages = self._surroundings.folder / "packages"
        command = [sys.executable, "-m", "pip", *shlex.split(arguments)]
        if command[3:4] == ["install"]:
            command += ["--target", str(packages), "--upgrade", "--disable-pip-version-check"]
        sys.stdout.flush()
        subprocess.run(command, check=True)  # noqa: S603 - --allow-shell is what the owner said
        if str(packages) not in sys.path:
            sys.path.insert(1, str(packages))

    def _run_other(self, cell: Cell, file: Path) -> None:
        """Execute another notebook in this one's namespace: `%run ../path $name="value"`."""
        parameters = {name: _unquoted(value) for name, value in _RUN_PARAMETER.findall(cell.text)}
        path = _RUN_PARAMETER.sub("", cell.text).strip().strip("\"'")
        found = find_notebook(self._surroundings.root, file.parent, path)
        if found is None:
            raise FileNotFoundError(f"%run {path}: there is no such notebook below the notebooks folder.")
        with lent(self._utilities.widgets, parameters):
            self.run_file(found, path)

    def _run_sql(self, cell: Cell, file: Path) -> None:
        del file
        if self._sql is None:
            from localdev.workspace.child.sql_cells import SqlCells  # noqa: PLC0415 - most notebooks do without

            self._sql = SqlCells(self._surroundings.warehouse, self._surroundings.folder)
        result = self._sql.run(cell.text, self._utilities.widgets.getAll())
        if result is not None:
            self._namespace["_sqldf"] = result
            self._namespace["display"](result)

    def _run_shell(self, cell: Cell, file: Path) -> None:
        if not self._surroundings.allows_shell:
            raise UnsupportedCell("%sh cells are off: start the workspace with --allow-shell to run them.")
        first, _, rest = cell.text.partition("\n")
        is_strict = first.strip() == "-e"
        sys.stdout.flush()
        ended = subprocess.run(  # noqa: S603 - --allow-shell is what the owner said
            ["/bin/bash", *(["-e"] if is_strict else []), "-c", rest if is_strict else cell.text],
            cwd=file.parent,
            check=False,
        )
        if ended.returncode and is_strict:
            raise ShellCommandFailed(f"Command failed with exit code {ended.returncode}.")

    def _run_file_system(self, cell: Cell, file: Path) -> None:
        """Do what one line says: `%fs ls /landing`, `%fs cp -r /a /b`."""
        del file
        name, *words = shlex.split(cell.text)
        options = {word for word in words if word in {"-r", "--recurse"}}
        method = getattr(self._utilities.fs, name, None)
        if method is None or name.startswith("_"):
            raise UnsupportedCell(f"%fs {name} is not supported by the local workspace.")
        arguments = [word for word in words if word not in options]
        result = method(*arguments, **({"recurse": True} if options else {}))
        if result is not None:
            self._namespace["display"](result)

    def _run_python(self, cell: Cell, name: str) -> None:
        commands, source = line_commands(cell.text)
        for command, arguments in commands:
            self.run_line_command(command, arguments)
        self._execute(source, name)

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


_NO_SPARK = (
    "name 'spark' is not defined: there is no Spark here. "
    'Install the extra "spark" in the folder of Landfall: pip install -e ".[spark]", and Java.'
)


def _unquoted(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value[0] in "\"'" else value


def _display(*values: Any) -> None:
    from localdev.workspace.child import displaying  # noqa: PLC0415 - most notebooks do without

    displaying.display(*values)


def _display_html(html: str) -> None:
    sys.stdout.write(f"{html}\n")

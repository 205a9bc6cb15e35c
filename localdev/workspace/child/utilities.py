"""`dbutils` as far as it means something without a cluster.

https://docs.databricks.com/aws/en/dev-tools/databricks-utils
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from localdev.workspace.child.context import Context, EntryPoint
from localdev.workspace.child.other_notebook import OtherNotebooks
from localdev.workspace.child.secret_utilities import SecretUtilities
from localdev.workspace.child.services import Services
from localdev.workspace.child.surroundings import Surroundings, workspace_path
from localdev.workspace.child.task_values import JobsUtilities, TaskValues

if TYPE_CHECKING:
    from localdev.workspace.child.file_system import FileSystem


class NotebookExit(BaseException):
    """The notebook has called dbutils.notebook.exit: a way out and no error, so `except Exception` lets it pass."""

    def __init__(self, value: str) -> None:
        super().__init__(value)
        self.value = value

    def _render_traceback_(self) -> list[str]:
        """Return what Jupyter shows of it, in Databricks' words."""
        return [f"Notebook exited: {self.value}"]


class InputWidgetNotDefined(Exception):
    """A notebook asked for a widget that it neither made nor was given."""

    def __init__(self, name: str) -> None:
        super().__init__(f"No input widget named {name} is defined")


class Widgets:
    """Parameters: what the run gave wins over what the notebook made."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = dict(given)
        self._made: dict[str, str] = {}

    def text(self, name: str, defaultValue: str, label: str | None = None) -> None:  # noqa: N803 - Databricks' name
        """Make a widget for free text."""
        del label
        self._made[name] = str(defaultValue)

    def dropdown(self, name: str, defaultValue: str, choices: Sequence[str], label: str | None = None) -> None:  # noqa: N803 - Databricks' name
        """Make a widget for one of some choices, the default among them."""
        if defaultValue not in choices:
            raise ValueError(f"The default value {defaultValue!r} of the widget {name} is not among its choices.")
        self.text(name, defaultValue, label)

    def combobox(self, name: str, defaultValue: str, choices: Sequence[str], label: str | None = None) -> None:  # noqa: N803 - Databricks' name
        """Make a widget for one of some choices or free text."""
        del choices
        self.text(name, defaultValue, label)

    def multiselect(self, name: str, defaultValue: str, choices: Sequence[str], label: str | None = None) -> None:  # noqa: N803 - Databricks' name
        """Make a widget for several of some choices."""
        self.dropdown(name, defaultValue, choices, label)

    def get(self, name: str) -> str:
        """Return a widget's value."""
        if name in self._given:
            return self._given[name]
        if name in self._made:
            return self._made[name]
        raise InputWidgetNotDefined(name)

    def getArgument(self, name: str, optional: str | None = None) -> str:  # noqa: N802 - Databricks' name
        """Return a widget's value, or `optional` when there is no such widget."""
        try:
            return self.get(name)
        except InputWidgetNotDefined:
            if optional is None:
                raise
            return optional

    def getAll(self) -> dict[str, str]:  # noqa: N802 - Databricks' name
        """Return the values of all widgets by name."""
        return {**self._made, **self._given}

    def remove(self, name: str) -> None:
        """Remove a widget."""
        self._given.pop(name, None)
        self._made.pop(name, None)

    def removeAll(self) -> None:  # noqa: N802 - Databricks' name
        """Remove all widgets."""
        self._given.clear()
        self._made.clear()


@contextmanager
def lent(widgets: Widgets, parameters: Mapping[str, str]) -> Iterator[None]:
    """Let `%run ./other $name="value"` give parameters, for as long as the other notebook's cells run."""
    before = dict(widgets._given)  # noqa: SLF001 - of this module, and no method that notebooks could call
    widgets._given.update(parameters)  # noqa: SLF001 - the same
    try:
        yield
    finally:
        widgets._given = before  # noqa: SLF001 - the same


class NotebookUtilities:
    """What a notebook can do with itself, and with others."""

    def __init__(self, others: OtherNotebooks, context: Context, widgets: Widgets) -> None:
        self._others = others
        self._context = context
        self.entry_point = EntryPoint(context, widgets.getAll)

    def exit(self, value: object = "") -> NoReturn:
        """Leave the notebook successfully with a value."""
        raise NotebookExit(str(value))

    def run(self, path: str, timeout_seconds: float = 0, arguments: Mapping[str, Any] | None = None) -> str:
        """Run another notebook as a run of its own, and return what it left with; raises WorkflowException."""
        return self._others.run(path, timeout_seconds, arguments or {})

    def getContext(self) -> Context:  # noqa: N802 - Databricks' name
        """Return the run that the notebook is part of."""
        return self._context


class LibraryUtilities:
    """What is left of `dbutils.library`."""

    def restartPython(self) -> None:  # noqa: N802 - Databricks' name
        """Do nothing, and say so: what %pip has installed can be imported as it is."""
        sys.stdout.write("Not run locally: dbutils.library.restartPython()\n")


class Utilities:
    """`dbutils`."""

    def __init__(
        self, parameters: Mapping[str, str], surroundings: Surroundings, services: Services, file: Path
    ) -> None:
        path = workspace_path(surroundings.root, file)
        others = OtherNotebooks(surroundings, services, file.parent)
        self.widgets = Widgets(parameters)
        self.notebook = NotebookUtilities(others, Context(path, surroundings), self.widgets)
        self.jobs = JobsUtilities(TaskValues(surroundings.values, services))
        self.secrets = SecretUtilities(services)
        self.library = LibraryUtilities()
        self._surroundings = surroundings
        self._file_system: FileSystem | None = None

    @property
    def fs(self) -> FileSystem:
        """Return `dbutils.fs`."""
        from localdev.workspace.child.file_system import FileSystem  # noqa: PLC0415 - most notebooks do without

        if self._file_system is None:
            self._file_system = FileSystem(self._surroundings.dbfs, self._surroundings.root)
        return self._file_system

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):
            raise AttributeError(name)
        raise NotImplementedError(f"dbutils.{name} is not supported by the local workspace.")

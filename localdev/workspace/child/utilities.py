"""`dbutils` as far as it means something without a cluster: widgets, and leaving a notebook with a value.

https://docs.databricks.com/aws/en/dev-tools/databricks-utils
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NoReturn


class NotebookExit(BaseException):
    """The notebook has called dbutils.notebook.exit: a way out and no error, so `except Exception` lets it pass."""

    def __init__(self, value: str) -> None:
        super().__init__(value)
        self.value = value


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


class NotebookUtilities:
    """What a notebook can do with itself."""

    def exit(self, value: object = "") -> NoReturn:
        """Leave the notebook successfully with a value."""
        raise NotebookExit(str(value))

    def run(self, path: str, timeout_seconds: int = 0, arguments: Mapping[str, str] | None = None) -> NoReturn:
        """Refuse to run another notebook as a run of its own."""
        del timeout_seconds, arguments
        raise NotImplementedError(
            f"dbutils.notebook.run({path!r}) is not supported by the local workspace yet: use %run, or a task."
        )


class Utilities:
    """`dbutils`."""

    def __init__(self, parameters: Mapping[str, str]) -> None:
        self.widgets = Widgets(parameters)
        self.notebook = NotebookUtilities()

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):
            raise AttributeError(name)
        raise NotImplementedError(f"dbutils.{name} is not supported by the local workspace yet.")

"""`dbutils` inside a task."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from localdev.workspace.child import surroundings
from localdev.workspace.child.services import RemoteServices, Services, TaskServices
from localdev.workspace.child.surroundings import ExecutionError
from localdev.workspace.child.utilities import InputWidgetNotDefined, NotebookExit, Utilities, Widgets, lent

ROOT = Path("/notebooks")
INSTRUCTIONS = {
    "notebooks": str(ROOT),
    "folders": {"task": "/task", "dbfs": "/dbfs", "warehouse": "/warehouse"},
    "shell": False,
    "run_id": 1,
    "job_id": 2,
    "attempt_id": 3,
    "task_key": "main",
    "values": {"before": {"rows": 0}},
}


class NoServices:
    """A task that offers nothing."""

    def ask(self, name: str, *arguments: Any) -> Any:
        """Refuse."""
        raise ExecutionError(f"{name}{arguments}")

    def share(self) -> Any:
        """Refuse."""
        raise ExecutionError("share")


def utilities(parameters: Mapping[str, str], services: Services | None = None) -> Utilities:
    """Return the utilities of a notebook."""
    return Utilities(parameters, surroundings.read(INSTRUCTIONS), services or NoServices(), ROOT / "ETL" / "main.py")


def test_given_parameters_win_over_defaults() -> None:
    """A widget's default holds only when the run gave no value."""
    widgets = Widgets({"file_path": "a.csv"})
    widgets.text("file_path", "none", "File")
    widgets.dropdown("environment", "dev", ["dev", "production"])
    widgets.combobox("day", "today", ["today"])
    widgets.multiselect("sources", "crm", ["crm", "erp"])

    assert widgets.get("file_path") == "a.csv"
    assert widgets.getAll() == {"file_path": "a.csv", "environment": "dev", "day": "today", "sources": "crm"}


def test_parameters_need_no_widget() -> None:
    """What the run gave can be read without making a widget first."""
    assert Widgets({"x": "1"}).get("x") == "1"


def test_unknown_widget_is_an_error() -> None:
    """In Databricks' words, unless a value is offered instead."""
    widgets = Widgets({})

    with pytest.raises(InputWidgetNotDefined, match="No input widget named x is defined"):
        widgets.get("x")
    with pytest.raises(InputWidgetNotDefined):
        widgets.getArgument("x")
    assert widgets.getArgument("x", "y") == "y"


def test_default_must_be_a_choice() -> None:
    """A dropdown cannot begin with what it does not offer."""
    with pytest.raises(ValueError, match="not among its choices"):
        Widgets({}).dropdown("x", "a", ["b"])


def test_removed_widgets_are_gone() -> None:
    """One or all of them."""
    widgets = Widgets({"a": "1", "b": "2"})
    widgets.text("c", "3")
    widgets.remove("a")
    left = widgets.getAll()
    widgets.removeAll()

    assert (left, widgets.getAll()) == ({"b": "2", "c": "3"}, {})


def test_exit_passes_handlers_of_errors() -> None:
    """Leaving is no failure: whoever handles every Exception does not stop it."""

    def leave() -> None:
        with suppress(Exception):
            utilities({}).notebook.exit(42)

    with pytest.raises(NotebookExit) as way_out:
        leave()

    assert way_out.value.value == "42"


@pytest.mark.parametrize("name", ["credentials", "data", "meta"])
def test_what_is_missing_says_so(name: str) -> None:
    """Nothing pretends to work."""
    with pytest.raises(NotImplementedError, match=rf"dbutils\.{name} is not supported by the local workspace"):
        getattr(utilities({}), name)
    with pytest.raises(NotImplementedError, match="notebook context of the local workspace has no clusterId"):
        utilities({}).notebook.getContext().clusterId()
    assert not hasattr(utilities({}), "_repr_html_")


def test_falsy_task_values_are_values() -> None:
    """A default is for what was never set, and not for a 0."""
    assert utilities({}).jobs.taskValues.get("before", "rows", default=7) == 0


def test_parameters_of_run_magic_end_with_it() -> None:
    """They win over what the run gave, for as long as the other notebook's cells run."""
    widgets = Widgets({"x": "run"})
    with lent(widgets, {"x": "magic", "y": "new"}):
        inside = widgets.getAll()

    assert (inside, widgets.getAll()) == ({"x": "magic", "y": "new"}, {"x": "run"})


def test_services_are_the_same_from_afar(tmp_path: Path) -> None:
    """Another process of the task is answered with the same values, and the same errors."""
    values: dict[str, Any] = {}
    services = TaskServices({}, values, tmp_path)
    with services.share() as connection:
        remote = RemoteServices(connection)
        remote.ask("keep", "x", {"é": [1, None]})

        with pytest.raises(ExecutionError, match="Secret does not exist with scope: etl and key: no"):
            remote.ask("secret", "etl", "no")

        assert remote.ask("scopes") == []
    assert values == {"x": {"é": [1, None]}}

"""`dbutils` inside a task."""

from __future__ import annotations

from contextlib import suppress

import pytest

from localdev.workspace.child.utilities import InputWidgetNotDefined, NotebookExit, Utilities


def test_given_parameters_win_over_defaults() -> None:
    """A widget's default holds only when the run gave no value."""
    widgets = Utilities({"file_path": "a.csv"}).widgets
    widgets.text("file_path", "none", "File")
    widgets.dropdown("environment", "dev", ["dev", "production"])
    widgets.combobox("day", "today", ["today"])
    widgets.multiselect("sources", "crm", ["crm", "erp"])

    assert widgets.get("file_path") == "a.csv"
    assert widgets.getAll() == {"file_path": "a.csv", "environment": "dev", "day": "today", "sources": "crm"}


def test_parameters_need_no_widget() -> None:
    """What the run gave can be read without making a widget first."""
    assert Utilities({"x": "1"}).widgets.get("x") == "1"


def test_unknown_widget_is_an_error() -> None:
    """In Databricks' words, unless a value is offered instead."""
    widgets = Utilities({}).widgets

    with pytest.raises(InputWidgetNotDefined, match="No input widget named x is defined"):
        widgets.get("x")
    with pytest.raises(InputWidgetNotDefined):
        widgets.getArgument("x")
    assert widgets.getArgument("x", "y") == "y"


def test_default_must_be_a_choice() -> None:
    """A dropdown cannot begin with what it does not offer."""
    with pytest.raises(ValueError, match="not among its choices"):
        Utilities({}).widgets.dropdown("x", "a", ["b"])


def test_removed_widgets_are_gone() -> None:
    """One or all of them."""
    widgets = Utilities({"a": "1", "b": "2"}).widgets
    widgets.text("c", "3")
    widgets.remove("a")
    left = widgets.getAll()
    widgets.removeAll()

    assert (left, widgets.getAll()) == ({"b": "2", "c": "3"}, {})


def test_exit_passes_handlers_of_errors() -> None:
    """Leaving is no failure: whoever handles every Exception does not stop it."""

    def leave() -> None:
        with suppress(Exception):
            Utilities({}).notebook.exit(42)

    with pytest.raises(NotebookExit) as way_out:
        leave()

    assert way_out.value.value == "42"


@pytest.mark.parametrize("name", ["fs", "secrets", "jobs", "library"])
def test_what_is_missing_says_so(name: str) -> None:
    """Nothing pretends to work."""
    with pytest.raises(NotImplementedError, match=rf"dbutils\.{name} is not supported by the local workspace"):
        getattr(Utilities({}), name)
    with pytest.raises(NotImplementedError, match="use %run"):
        Utilities({}).notebook.run("/other")
    assert not hasattr(Utilities({}), "_repr_html_")

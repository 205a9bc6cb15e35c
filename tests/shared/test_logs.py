"""Log lines: one line per fact, whatever the values hold."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import logs
from shared.model import State


def test_line_is_the_fact_and_its_fields() -> None:
    """A line reads `fact.name key=value`; a field without a value is left out."""
    time = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

    line = logs.line("run.submitted", rule="crm", run_id=7, at=time, state=State.DEAD, ok=True, s=1.5, error=None)

    assert line == "run.submitted rule=crm run_id=7 at=2026-11-22T12:00:00.000+00:00 state=dead ok=true s=1.500"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a b", '"a b"'),
        ("", '""'),
        ('x" rule=evil "', '"x\\" rule=evil \\""'),
        ("x\nrun.submitted rule=evil", '"x\\nrun.submitted rule=evil"'),
        ("\x1b[31m", '"\\x1b[31m"'),
        ("inv\u202egpj.exe", '"inv\\u202egpj.exe"'),
        ("\u2028", '"\\u2028"'),
        ("\ud800", '"\\ud800"'),
        ("back\\slash", '"back\\\\slash"'),
        ("été.csv", '"été.csv"'),
        ("x=y", '"x=y"'),
    ],
)
def test_value_cannot_forge_a_field_or_a_line(value: str, shown: str) -> None:
    """Whatever a blob is called, its name stays one value on one line."""
    assert logs.quoted(value) == shown


def test_long_value_is_cut() -> None:
    """A very long name does not fill the log."""
    assert len(logs.quoted("x" * 5000)) < logs.LONGEST_VALUE + 30


@given(st.text(), st.text())
def test_any_values_make_one_printable_line(first: str, second: str) -> None:
    """No text whatever breaks the line or hides a part of it."""
    line = logs.line("fact.name", first=first, second=second)

    assert line.isprintable()
    assert line.split(" ", 1)[0] == "fact.name"


def test_facts_go_to_the_landfall_logger(caplog: pytest.LogCaptureFixture) -> None:
    """Fields are part of the message, because the Functions worker forwards nothing else."""
    with caplog.at_level(logging.INFO, logger="landfall"):
        logs.fact("a.fact", key="value")
        logs.warning("a.warning")
        logs.error("an.error")

    assert caplog.record_tuples == [
        ("landfall", logging.INFO, "a.fact key=value"),
        ("landfall", logging.WARNING, "a.warning"),
        ("landfall", logging.ERROR, "an.error"),
    ]


def test_chatty_libraries_are_hushed() -> None:
    """A log line per HTTP request would drown the facts."""
    logs.hush_libraries()

    assert not logging.getLogger("httpx").isEnabledFor(logging.INFO)
    assert not logging.getLogger("azure.core.pipeline.policies.http_logging_policy").isEnabledFor(logging.INFO)

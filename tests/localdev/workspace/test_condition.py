"""condition_task: how its comparisons turn out."""

from __future__ import annotations

import operator
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localdev.workspace.errors import ApiError
from localdev.workspace.json_fields import Fields
from localdev.workspace.tasks import condition
from tests.localdev.workspace.kit import settings_of, task

NUMBERS: dict[str, Callable[[Any, Any], bool]] = {
    "GREATER_THAN": operator.gt,
    "GREATER_THAN_OR_EQUAL": operator.ge,
    "LESS_THAN": operator.lt,
    "LESS_THAN_OR_EQUAL": operator.le,
}


def holds(op: str, left: str, right: str) -> bool:
    """Return how a comparison turns out."""
    return condition.read(Fields({"op": op, "left": left, "right": right}), "Task 'a'").holds()


@pytest.mark.parametrize(
    ("op", "left", "right", "expected"),
    [
        ("EQUAL_TO", "12.0", "12", False),
        ("NOT_EQUAL", "12.0", "12", True),
        ("EQUAL_TO", "true", "true", True),
        ("EQUAL_TO", "", "", True),
        ("EQUAL_TO", "a ", "a", False),
        ("GREATER_THAN_OR_EQUAL", "12.0", "12", True),
        ("GREATER_THAN_OR_EQUAL", "10.0", "12", False),
        ("LESS_THAN", "9", "10", True),
        ("GREATER_THAN", " 1e3 ", "999.5", True),
        ("LESS_THAN", "-1e999999", ".5", True),
    ],
)
def test_documented_comparisons_hold(op: str, left: str, right: str, expected: bool) -> None:  # noqa: FBT001 - a table's column
    """https://docs.databricks.com/aws/en/jobs/tasks/if-else: text for two of them, numbers for the others."""
    assert holds(op, left, right) is expected


@given(st.sampled_from(sorted(NUMBERS)), st.decimals(allow_nan=False, allow_infinity=False, places=3), st.integers())
def test_numbers_compare_as_numbers(op: str, left: Decimal, right: int) -> None:
    """Exactly, without the rounding of floating point."""
    assert holds(op, str(left), str(right)) is NUMBERS[op](left, Decimal(right))


@pytest.mark.parametrize("text", ["", "a", "NaN", "Infinity", "1_000", "0x10", "١٢", "1,5", "1e9999999", "{{x}}"])
def test_other_text_is_no_number(text: str) -> None:
    """The error shows what it is, so that one sees the reference that was not resolved."""
    with pytest.raises(ValueError, match="is not a number"):
        holds("GREATER_THAN", text, "1")


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"op": "LIKE", "left": "a", "right": "b"}, "condition_task.op is 'LIKE'"),
        ({"left": "a", "right": "b"}, "op is missing"),
        ({"op": "EQUAL_TO", "right": "b"}, "left is missing"),
        ({"op": "EQUAL_TO", "left": "a"}, "right is missing"),
    ],
)
def test_incomplete_condition_is_refused(document: dict[str, str], message: str) -> None:
    """When the job is created, and not in its first run."""
    with pytest.raises(ApiError, match=message):
        condition.read(Fields(document), "Task 'a'")


def test_outcome_of_another_task_is_refused() -> None:
    """In the cloud's words: https://github.com/Nike-Inc/brickflow/issues/172."""
    dependent = {**task("b"), "depends_on": [{"task_key": "a", "outcome": "false"}]}

    with pytest.raises(ApiError, match='The dependency on a non-if/else condition "a" specifies an outcome "false"'):
        settings_of(task("a"), dependent)

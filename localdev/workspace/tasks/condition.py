"""condition_task: a comparison that decides which way a job goes.

EQUAL_TO and NOT_EQUAL compare text ("12.0" is not "12"), the others numbers ("12.0" >= "12"):
databricks/sdk/service/jobs.py, ConditionTask.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from localdev.workspace.errors import invalid
from localdev.workspace.json_fields import Fields
from localdev.workspace.model.job import TaskKind
from localdev.workspace.model.request import RunRequest

_OF_TEXT: Mapping[str, Callable[[Any, Any], bool]] = {"EQUAL_TO": operator.eq, "NOT_EQUAL": operator.ne}
_OF_NUMBERS: Mapping[str, Callable[[Any, Any], bool]] = {
    "GREATER_THAN": operator.gt,
    "GREATER_THAN_OR_EQUAL": operator.ge,
    "LESS_THAN": operator.lt,
    "LESS_THAN_OR_EQUAL": operator.le,
}
OPERATORS = (*_OF_TEXT, *_OF_NUMBERS)
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,6})?")
_SHOWN = 100  # characters of an operand in an error


@dataclass(frozen=True, kw_only=True, slots=True)
class ConditionWork:
    """A comparison of two texts, each of which may hold references."""

    op: str
    left: str
    right: str

    @property
    def kind(self) -> TaskKind:
        """Return the kind of task."""
        return TaskKind.CONDITION

    def given(self, request: RunRequest, job_parameters: Mapping[str, str]) -> ConditionWork:
        """Return it as it is: it takes no parameters, and refers to those it compares."""
        del request, job_parameters
        return self

    def holds(self) -> bool:
        """Return how the comparison turns out; raises ValueError when a number was needed and there is none."""
        if self.op in _OF_TEXT:
            return _OF_TEXT[self.op](self.left, self.right)
        return _OF_NUMBERS[self.op](_number(self.left), _number(self.right))


def read(work: Fields, where: str) -> ConditionWork:
    """Return the work of a condition_task; raises ApiError."""
    op = work.required_text("op", f"{where}: condition_task")
    if op not in OPERATORS:
        raise invalid(f"{where}: condition_task.op is {op!r}; it must be one of {', '.join(sorted(OPERATORS))}.")
    for side in ("left", "right"):
        if not work.has(side):
            raise invalid(f"{where}: condition_task: {side} is missing.")
    return ConditionWork(op=op, left=work.text("left"), right=work.text("right"))


def _number(text: str) -> Decimal:
    if _NUMBER.fullmatch(text.strip()):
        try:
            return Decimal(text.strip())
        except InvalidOperation:  # more digits than a number can have
            pass
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    raise ValueError(f"{shown!r} is not a number, and this operator compares numbers")

"""A fault plan as JSON: `{"landing/a.csv": ["drop"], "landing/b.csv": [{"repeat": 3}, {"delay": 5}]}`.

The words: "drop", "reorder", {"repeat": times}, {"delay": seconds}, {"malform": "truncated" or another Malformation}.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from localdev.event_grid.faults import Delay, Drop, Fault, FaultPlan, Malform, Malformation, Reorder, Repeat
from shared.errors import ConfigurationError
from shared.errors import Fault as Mistake

MOST_COPIES = 100
LONGEST_DELAY = 86_400
_HINT = (
    'A plan is {"container/path": [faults]}; a fault is "drop", "reorder", {"repeat": 3}, {"delay": 5} or '
    f'{{"malform": "..."}} with one of: {", ".join(Malformation)}.'
)


def read_fault_plan(source: str, text: str) -> FaultPlan:
    """Return the plan in a JSON text; raises ConfigurationError with everything that is wrong in it at once."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise ConfigurationError(source, [Mistake(f"the plan is not JSON: {error}")], hint=_HINT) from None
    if not isinstance(document, dict):
        raise ConfigurationError(source, [Mistake("the plan is not an object")], hint=_HINT)
    plan = FaultPlan()
    mistakes: list[Mistake] = []
    for full_path, listed in document.items():
        faults, wrong = _read_faults(full_path, listed)
        plan.add(full_path, *faults)
        mistakes += wrong
    if mistakes:
        raise ConfigurationError(source, mistakes, hint=_HINT)
    return plan


def _read_faults(full_path: str, listed: object) -> tuple[Sequence[Fault], Sequence[Mistake]]:
    if "/" not in full_path.strip("/"):
        return (), (Mistake(f"{full_path!r} is no container/path"),)
    if not isinstance(listed, list) or not listed:
        return (), (Mistake(f"{full_path!r}: the faults are not a list, or an empty one"),)
    read = [(item, _read_fault(item)) for item in listed]
    wrong = [Mistake(f"{full_path!r}: {json.dumps(item)} is no fault") for item, fault in read if fault is None]
    return [fault for _, fault in read if fault is not None], wrong


def _read_fault(item: object) -> Fault | None:
    if item == "drop":
        return Drop()
    if item == "reorder":
        return Reorder()
    if not isinstance(item, dict) or len(item) != 1:
        return None
    ((name, value),) = item.items()
    reader = _READERS.get(name)
    return reader(value) if reader else None


def _repeat(value: Any) -> Fault | None:
    return Repeat(value) if type(value) is int and 1 <= value <= MOST_COPIES else None


def _delay(value: Any) -> Fault | None:
    return Delay(float(value)) if type(value) in {int, float} and 0 <= value <= LONGEST_DELAY else None


def _malform(value: Any) -> Fault | None:
    return Malform(Malformation(value)) if value in list(Malformation) else None


_READERS: dict[str, Callable[[Any], Fault | None]] = {"repeat": _repeat, "delay": _delay, "malform": _malform}

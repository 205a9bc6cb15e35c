"""What is not the same in two jobs, field by field."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

# The arrays whose elements have a key, in whose order no meaning lies.
_KEYS = {
    "tasks": "task_key",
    "depends_on": "task_key",
    "job_clusters": "job_cluster_key",
    "environments": "environment_key",
    "parameters": "name",
}

LONGEST_SHOWN = 400


class _Absent(Enum):
    """What stands in place of a field that is not there."""

    ABSENT = "absent"


ABSENT = _Absent.ABSENT


@dataclass(frozen=True, slots=True)
class Difference:
    """A field that is not the same: `ABSENT` on the side that does not have it."""

    path: str  # tasks[transform_data].notebook_task.base_parameters.date
    before: Any
    after: Any

    @property
    def mark(self) -> str:
        """Return + for what is new, - for what goes, ~ for what changes."""
        if self.before is ABSENT:
            return "+"
        return "-" if self.after is ABSENT else "~"

    def says(self) -> str:
        """Return the difference as one line of text."""
        sides = [_shown(each) for each in (self.before, self.after) if each is not ABSENT]
        return f"{self.mark} {self.path}: {' -> '.join(sides)}"


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """Return how one job's settings differ from another's, in the order of the new ones, then what they lack."""
    return [*_of_values("", "", before, after)]


def _of_values(path: str, name: str, before: Any, after: Any) -> Iterator[Difference]:
    if before is ABSENT:  # what is new is shown field by field, too
        before = {} if isinstance(after, Mapping) and after else [] if _by_key(name, after) else ABSENT
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        yield from _of_fields(path, before, after)
    elif (one := _by_key(name, before)) is not None and (other := _by_key(name, after)) is not None:
        yield from _of_elements(path, one, other)
    elif before != after or type(before) is not type(after):
        yield Difference(path, before, after)


def _of_fields(path: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    for name in [*after, *(name for name in before if name not in after)]:
        below = f"{path}.{name}" if path else name
        yield from _of_values(below, name, before.get(name, ABSENT), after.get(name, ABSENT))


def _of_elements(path: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    for key in [*after, *(key for key in before if key not in after)]:
        yield from _of_values(f"{path}[{key}]", "", before.get(key, ABSENT), after.get(key, ABSENT))


def _by_key(name: str, value: Any) -> dict[str, Any] | None:
    """Return the elements of an array by their key, None where they have none or share one."""
    key = _KEYS.get(name)
    if key is None or not isinstance(value, list):
        return None
    found = {each[key]: each for each in value if isinstance(each, Mapping) and isinstance(each.get(key), str)}
    return found if len(found) == len(value) else None


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"

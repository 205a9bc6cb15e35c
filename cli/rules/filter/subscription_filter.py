"""The filter of an Event Grid subscription, and which events pass it.

Semantics: https://learn.microsoft.com/azure/event-grid/event-filtering. Filters are a conjunction, the values of one a
disjunction; advanced filters compare text without case.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from shared.events import CREATED, RENAMED

SUBJECT_HEAD = "/blobServices/default/containers/"
# Where the Functions host keeps its own blobs: no rule ever matches there.
HOST_CONTAINERS = f"{SUBJECT_HEAD}azure-webjobs-"
SUBJECT_KEY = "subject"
API_KEY = "data.api"
# https://learn.microsoft.com/azure/event-grid/event-filtering#limitations: of all filters together.
MOST_VALUES = 25

Event = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AdvancedFilter:
    """One advanced filter; `values` is empty only for operators that take none."""

    key: str
    operator: str  # one of OPERATORS
    values: tuple[Any, ...] = ()

    @property
    def is_about_subject(self) -> bool:
        """Tell whether it looks at the subject."""
        return self.key.lower() == SUBJECT_KEY

    def passes(self, event: Event) -> bool:
        """Tell whether an event passes; one that lacks the key passes only what asks for nothing to be there."""
        found = value_at(event, self.key)
        if found is None or self.operator in _UNARY:
            return self.operator in _PASSED_BY_NOTHING if found is None else self.operator == "IsNotNull"
        judge, negated = OPERATORS[self.operator]
        return any(judge(found, value) for value in self.values) != negated

    def as_json(self) -> dict[str, Any]:
        """Return it as Azure Resource Manager writes it."""
        written: dict[str, Any] = {"operatorType": self.operator, "key": self.key}
        if self.operator in SINGLE:
            written["value"] = self.values[0]
        elif self.values:
            written["values"] = [*self.values]
        return written


@dataclass(frozen=True, kw_only=True, slots=True)
class SubscriptionFilter:
    """All that an event subscription filters by. An empty text and no event types let everything through."""

    event_types: tuple[str, ...] = ()
    begins_with: str = ""
    ends_with: str = ""
    is_case_sensitive: bool = False  # of these two only
    advanced: tuple[AdvancedFilter, ...] = ()

    def passes(self, event: Event) -> bool:
        """Tell whether Event Grid delivers an event, in the schema of Event Grid or as a CloudEvent."""
        event_type = event.get("eventType") or event.get("type") or ""
        subject = str(event.get("subject") or "")
        return (
            self.takes_type(str(event_type))
            and self.takes_ends(subject)
            and all(each.passes(event) for each in self.advanced)
        )

    def takes_type(self, event_type: str) -> bool:
        """Tell whether events of a type pass."""
        names = {name.lower() for name in self.event_types}
        return not names or "all" in names or event_type.lower() in names

    def takes_ends(self, subject: str) -> bool:
        """Tell whether a subject passes what is asked of its beginning and its end."""
        begins, ends = self.begins_with, self.ends_with
        if not self.is_case_sensitive:
            subject, begins, ends = subject.lower(), begins.lower(), ends.lower()
        return subject.startswith(begins) and subject.endswith(ends)

    def as_json(self) -> dict[str, Any]:
        """Return the `filter` object of Azure Resource Manager."""
        return {
            "includedEventTypes": [*self.event_types] or None,
            "subjectBeginsWith": self.begins_with,
            "subjectEndsWith": self.ends_with,
            "isSubjectCaseSensitive": self.is_case_sensitive,
            "advancedFilters": [each.as_json() for each in self.advanced],
        }


def subject_of(full_path: str) -> str:
    """Return the subject of the events about a blob."""
    container, _, path = full_path.partition("/")
    return f"{SUBJECT_HEAD}{container}/blobs/{path}"


def subject_beginning(beginning: str) -> str:
    """Return what the subjects begin with of blobs whose full paths begin so."""
    container, slash, path = beginning.partition("/")
    return f"{SUBJECT_HEAD}{container}/blobs/{path}" if slash else f"{SUBJECT_HEAD}{container}"


def value_at(event: Event, key: str) -> Any:
    """Return what an event holds at a key such as `data.api`, None where there is nothing; names have no case."""
    found: Any = event
    for name in key.split("."):
        if not isinstance(found, Mapping):
            return None
        found = next((value for each, value in found.items() if each.lower() == name.lower()), None)
    return found


def _text(compare: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    # What is of another type than the filter's values is passed over.
    return lambda found, value: isinstance(found, str) and compare(found.lower(), str(value).lower())


def _number(compare: Callable[[float, float], bool]) -> Callable[[Any, Any], bool]:
    return lambda found, value: _is_number(found) and compare(found, value)


def _in_range(found: Any, value: Any) -> bool:
    return _is_number(found) and value[0] <= found <= value[1]


def _is_number(found: Any) -> bool:
    return isinstance(found, int | float) and not isinstance(found, bool)


# How a value is judged, and whether the filter passes where no value holds.
OPERATORS: dict[str, tuple[Callable[[Any, Any], bool], bool]] = {
    "StringBeginsWith": (_text(str.startswith), False),
    "StringNotBeginsWith": (_text(str.startswith), True),
    "StringEndsWith": (_text(str.endswith), False),
    "StringNotEndsWith": (_text(str.endswith), True),
    "StringContains": (_text(str.__contains__), False),
    "StringNotContains": (_text(str.__contains__), True),
    "StringIn": (_text(str.__eq__), False),
    "StringNotIn": (_text(str.__eq__), True),
    "NumberIn": (_number(lambda found, value: found == value), False),
    "NumberNotIn": (_number(lambda found, value: found == value), True),
    "NumberInRange": (_in_range, False),
    "NumberNotInRange": (_in_range, True),
    "NumberLessThan": (_number(lambda found, value: found < value), False),
    "NumberLessThanOrEquals": (_number(lambda found, value: found <= value), False),
    "NumberGreaterThan": (_number(lambda found, value: found > value), False),
    "NumberGreaterThanOrEquals": (_number(lambda found, value: found >= value), False),
    "BoolEquals": (lambda found, value: isinstance(found, bool) and found == value, False),
    "IsNullOrUndefined": (lambda _found, _value: False, False),
    "IsNotNull": (lambda _found, _value: True, False),
}
_UNARY = frozenset({"IsNullOrUndefined", "IsNotNull"})
SINGLE = frozenset(
    {"NumberLessThan", "NumberLessThanOrEquals", "NumberGreaterThan", "NumberGreaterThanOrEquals", "BoolEquals"}
)
_PASSED_BY_NOTHING = frozenset({"StringNotIn", "NumberNotIn", "IsNullOrUndefined"})
EVENT_TYPES = (CREATED, RENAMED)  # those that may start a job; BlobRenamed only where names are a hierarchy

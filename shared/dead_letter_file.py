"""A file of Event Grid's dead letters -> the events that could not be delivered. Pure, total.

A file holds an array of one or more events, in the schema of their subscription
(https://github.com/Azure/azure-sdk-for-net/issues/26198); a bare object and one JSON value per line are read too. Each
event is the original one plus what became of its delivery, in camel case or, in CloudEvents, in lower case:
https://learn.microsoft.com/azure/event-grid/delivery-and-retry#dead-letter-events
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_REASON = "deadletterreason"
_OUTCOME = "lastdeliveryoutcome"
_ADDED = frozenset(
    {_REASON, _OUTCOME, "deliveryattempts", "publishtime", "lastdeliveryattempttime", "lasthttpstatuscode"}
)
_WORD = re.compile(r"[A-Za-z0-9_-]{1,64}")
UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadLetter:
    """One event that was given up on."""

    event: Mapping[str, Any]
    body: str  # the event as JSON, as its door would have got it
    reason: str  # MaxDeliveryAttemptsExceeded, TimeToLiveExceeded, ..., or UNKNOWN
    outcome: str  # of the last delivery: NotFound, Forbidden, TimedOut, ..., or UNKNOWN


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadLetterFile:
    """What a file holds: all events that could be read, and what is wrong with the rest ("" when nothing is)."""

    letters: tuple[DeadLetter, ...] = ()
    fault: str = ""


def read_dead_letters(content: bytes) -> DeadLetterFile:
    """Return what a file holds. Never raises; a fault quotes nothing of the content."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return DeadLetterFile(fault=f"it is not UTF-8 text: byte {error.start} is wrong")
    if not text.strip():
        return DeadLetterFile(fault="it is empty")
    values, faults = _values(text)
    items = [item for value in values for item in (value if isinstance(value, list) else [value])]
    read = [_letter(item) for item in items]
    faults += [f"item {number} {fault}" for number, fault in enumerate(read, start=1) if isinstance(fault, str)]
    if not items and not faults:
        faults = ["it holds no event"]
    letters = tuple(letter for letter in read if isinstance(letter, DeadLetter))
    return DeadLetterFile(letters=letters, fault=_summed_up(faults))


def _values(text: str) -> tuple[list[Any], list[str]]:
    """Return the JSON values of a text and what is wrong with the rest of it."""
    value, fault = _parsed(text)
    if not fault:
        return [value], []
    lines = [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    if len(lines) < 2 or _parsed(lines[0][1])[1]:
        return [], [fault]
    parsed = [_parsed(line, number) for number, line in lines]
    return [value for value, fault in parsed if not fault], [fault for _, fault in parsed if fault]


def _parsed(text: str, line: int = 1) -> tuple[Any, str]:
    """Return the value of a JSON text that starts on a line, and why there is none ("" when there is)."""
    try:
        return json.loads(text), ""
    except json.JSONDecodeError as error:
        return None, f"it is not JSON: {error.msg} (line {line + error.lineno - 1}, column {error.colno})"
    except (ValueError, RecursionError) as error:  # a number of thousands of digits; lists in lists in lists
        return None, f"it is not JSON: {type(error).__name__} (line {line})"


def _letter(item: object) -> DeadLetter | str:
    """Return the dead letter that an item is, or what is wrong with it."""
    if not isinstance(item, dict):
        return f"is no JSON object but a {type(item).__name__}"
    if not any(isinstance(item.get(key), str) and item[key] for key in ("eventType", "type")):
        return "is no event: it has neither eventType nor type"
    added = {key.lower(): value for key, value in item.items() if key.lower() in _ADDED}
    event = {key: value for key, value in item.items() if key.lower() not in _ADDED}
    try:
        body = json.dumps(event)
    except RecursionError:
        return "is nested too deeply"
    return DeadLetter(event=event, body=body, reason=_word(added.get(_REASON)), outcome=_word(added.get(_OUTCOME)))


def _word(value: object) -> str:
    return value if isinstance(value, str) and _WORD.fullmatch(value) else UNKNOWN


def _summed_up(faults: list[str]) -> str:
    return f"{faults[0]} (and {len(faults) - 1} more)" if len(faults) > 1 else "".join(faults)

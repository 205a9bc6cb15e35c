"""Values of a Databricks answer, read without trust: what is missing or odd reads as empty."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

JsonObject = Mapping[str, Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DIGITS = re.compile(r"[0-9]{1,19}")


def parse_object(body: bytes) -> JsonObject | None:
    """Return the JSON object that the bytes hold; None for anything else, nesting bombs included."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def object_of(value: Any) -> JsonObject:
    """Return a JSON object, an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def objects_of(value: Any) -> list[JsonObject]:
    """Return the objects in a JSON array; Databricks leaves empty arrays out."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text_of(value: Any, longest: int) -> str:
    """Return a JSON string cut to its longest useful length, "" for anything else."""
    return value[:longest] if isinstance(value, str) else ""


def whole_of(value: Any) -> int | None:
    """Return a whole number that came as a number or as digits, as Databricks' ids do; None for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(value) if isinstance(value, str) and _DIGITS.fullmatch(value) else None


def id_of(value: Any) -> int | None:
    """Return an id: a positive whole number of 64 bits, as all of Databricks' are; None for anything else."""
    number = whole_of(value)
    return number if number is not None and 0 < number < 2**63 else None


def moment_of(value: Any) -> datetime | None:
    """Return the moment of epoch milliseconds; None for 0, which stands for "not yet", and for anything odd."""
    milliseconds = id_of(value)
    if milliseconds is None:
        return None
    try:
        return _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return None


def milliseconds_of(moment: datetime) -> int:
    """Return a moment as epoch milliseconds, rounded down."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)

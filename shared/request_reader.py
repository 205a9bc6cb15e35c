"""What a person asks for in a JSON object, read strictly: every fault is named, nothing is guessed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NoReturn, TypeVar

from shared.durations import parse_duration
from shared.errors import RequestError, RequestTooLarge
from shared.moments import parse_moment
from shared.wording import shown, unknown

LONGEST_BODY = 64 * 1024  # bytes
# Each is looked for among the known ones, which takes its time.
_MOST_STRANGERS = 10
_T = TypeVar("_T")


class RequestReader:
    """Reads the fields of one object and gathers what is wrong with them; an empty body is an empty object."""

    def __init__(self, body: bytes, fields: Sequence[str], example: str) -> None:
        self._given = _object(body, example)
        strangers = [name for name in self._given if name not in fields][:_MOST_STRANGERS]
        self._faults = [unknown(name, fields, "is no field of this request") for name in strangers]

    def text(self, name: str, otherwise: str = "") -> str:
        """Return a text."""
        return self._read(name, _text, otherwise)

    def texts(self, name: str, otherwise: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Return a list of texts."""
        return self._read(name, _texts, otherwise)

    def flag(self, name: str) -> bool:
        """Return true or false; false where it is not given."""
        return self._read(name, _flag, otherwise=False)

    def whole(self, name: str, otherwise: int) -> int:
        """Return a whole number."""
        return self._read(name, _whole, otherwise)

    def whole_or_none(self, name: str) -> int | None:
        """Return a whole number, None where it is not given."""
        return self._read(name, _whole, None)

    def number(self, name: str, otherwise: float) -> float:
        """Return a number, with a fraction or without."""
        return self._read(name, _number, otherwise)

    def moment(self, name: str, now: datetime) -> datetime | None:
        """Return a moment, such as `7d` ago or `2026-11-22`."""
        return self._read(name, lambda value: parse_moment(_text(value), now), None)

    def duration(self, name: str) -> timedelta | None:
        """Return a length of time, such as `7d`."""
        return self._read(name, lambda value: parse_duration(_text(value)), None)

    def finish(self) -> None:
        """Raise RequestError with everything that was wrong."""
        if self._faults:
            raise RequestError(self._faults)

    def _read(self, name: str, read: Callable[[Any], _T], otherwise: _T) -> _T:
        value = self._given.get(name)
        try:
            return otherwise if value is None else read(value)
        except (TypeError, ValueError) as error:
            self._faults.append(f"`{name}`: {error}.")
            return otherwise


def _object(body: bytes, example: str) -> Mapping[str, Any]:
    if len(body) > LONGEST_BODY:
        raise RequestTooLarge([f"The body has {len(body)} bytes; no request needs more than {LONGEST_BODY}."])
    try:
        given = json.loads(body, object_pairs_hook=_once, parse_constant=_no_constant) if body.strip() else {}
    except _Twice as error:
        raise RequestError([str(error)]) from None
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise RequestError([f"The body must be a JSON object such as {example}."])
    return given


class _Twice(ValueError):
    """A field that is given more than once: nobody knows which is meant."""


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
        raise _Twice(f"{shown(twice)} is given more than once.")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("it must be text")
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise TypeError("it must be a list of texts")
    return tuple(value)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError("it must be true or false")
    return value


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError("it must be a whole number")
    return value


def _number(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError("it must be a number")
    try:
        return float(value)
    except OverflowError:
        raise ValueError("it is no number that anything could have") from None

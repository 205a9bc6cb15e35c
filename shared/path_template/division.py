"""Divides paths among the things that vary in a template: what each takes, and that all the rest is literal text.

In almost every template a segment holds at most one thing whose width varies, and at most one thing crosses segments.
Then only one division is possible: what such a thing takes ends a known number of characters before the next slash, or
before a slash counted from the end. In `{a}_{b}.csv` the first takes as much as it can: it ends where `_` stands last.
Nothing is tried and nothing compiled; the time is linear in the path, and each step is a search or a comparison that
the interpreter does at once. Where many rules share an expression and only one division is possible, the standard
library's `re` is twice as fast and as safe, having nothing to try again. RE2 divides by all other templates, and takes
ten times as long.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from shared.path_template.elements import ANY_CHARACTER, ANY_TEXT
from shared.path_template.linear_expression import compile_expression
from shared.path_template.outline import ANY_SEGMENTS, REST, Varying
from shared.path_template.parser import parse_capture

# Takes a path and where the literal beginning of the template ends in it; returns what the captures take, or None.
Divide = Callable[[str, int], Sequence[str] | None]


class _Reach(Enum):
    """Where something that varies ends."""

    WIDTH = 0  # after so many characters
    SEGMENT = 1  # so many characters before the next slash, or before the end of the path
    SLASH = 2  # so many characters before a slash that is counted from the end of the path
    FOLDER = 3  # just behind a slash that is counted from the end of the path, or where it starts
    LITERAL = 4  # where the literal behind it stands last, so many characters before the next slash or the end


_WIDTH, _SEGMENT, _SLASH, _FOLDER, _LITERAL = _Reach


class _Thing(NamedTuple):
    """Something that varies, whatever stands beside it."""

    pattern: str  # RE2, a group if it is a capture
    reach: _Reach
    least: int  # characters that it takes; with _WIDTH it never takes more
    read: Callable[[str], object] | None  # gives None for a text that it does not take; None: it takes any
    is_capture: bool
    shape: str = ""  # with _WIDTH, a text that it might take


class _Step(NamedTuple):
    """How to take one such thing and the literal text behind it off a path."""

    reach: _Reach
    distance: int  # characters
    slashes: int  # how many of them follow in the path; counted for _SLASH and _FOLDER
    least: int
    read: Callable[[str], object] | None
    is_capture: bool
    literal: str
    width: int  # of the literal


def division(varying: Varying, literals: tuple[str, ...], *, is_shared: bool) -> Divide:
    """Return what divides paths by the part of a template that follows its literal beginning.

    With `is_shared` an expression is made where one is faster; it takes about 3 KB and 200 us.
    """
    steps = _steps(varying, literals)
    if steps is None:
        return _by_linear_expression(varying, literals)
    is_only_one = all(step.reach is not _LITERAL for step in steps)
    return _by_expression(varying, literals) if is_shared and steps and is_only_one else _by_steps(steps)


def _by_steps(steps: Sequence[_Step]) -> Divide:
    def divide(path: str, position: int) -> Sequence[str] | None:
        size = len(path)
        texts: list[str] = []
        for reach, distance, slashes, least, read, is_capture, literal, width in steps:
            if reach is _SEGMENT:
                end = path.find("/", position)
                end = (size if end < 0 else end) - distance
            elif reach is _WIDTH:
                end = position + distance
            elif reach is _LITERAL:
                end = _last(literal, path, position + least, distance)
            else:
                end = _counted(path, position, reach, slashes, distance)
            if end - position < least:
                return None
            if read is not None and read(path[position:end]) is None:
                return None
            if is_capture:
                texts.append(path[position:end])
            position = end + width
            if path[end:position] != literal:
                return None
        return texts if position == size else None

    return divide


def _last(literal: str, path: str, start: int, distance: int) -> int:
    """Return where a literal stands last, so many characters before the next slash, -1 where it does not."""
    slash = path.find("/", start)
    return path.rfind(literal, start, (len(path) if slash < 0 else slash) - distance)


def _counted(path: str, start: int, reach: _Reach, slashes: int, distance: int) -> int:
    """Return where a thing that crosses segments ends, which may be before `start`."""
    end = len(path)
    for _ in range(slashes + (reach is _FOLDER)):
        end = path.rfind("/", start, end)
        if end < 0:
            break
    return max(start, end + 1) if reach is _FOLDER else end - distance


def _by_expression(varying: Varying, literals: tuple[str, ...]) -> Divide:
    fullmatch = re.compile(_pattern(varying, literals), re.DOTALL).fullmatch
    dates = [(index, kind.read) for index, kind in enumerate(varying.captures.values()) if kind.date_format]

    def divide(path: str, position: int) -> Sequence[str] | None:
        found = fullmatch(path, position)
        if not found:
            return None
        texts: tuple[str, ...] = found.groups()
        for index, read in dates:
            if read(texts[index]) is None:
                return None
        return texts

    return divide


def _by_linear_expression(varying: Varying, literals: tuple[str, ...]) -> Divide:
    expression = compile_expression(_pattern(varying, literals))
    reads = [kind.read for kind in varying.captures.values()]

    def divide(path: str, position: int) -> Sequence[str] | None:
        found = expression.fullmatch(path[position:].encode(errors="surrogatepass"))
        if not found:
            return None
        texts = [(taken or b"").decode(errors="surrogatepass") for taken in found.groups()]
        exist = all(read(text) is not None for read, text in zip(reads, texts, strict=True))
        return texts if exist else None

    return divide


def _pattern(varying: Varying, literals: tuple[str, ...]) -> str:
    pairs = zip(varying.written, literals, strict=True)
    return "".join(f"{_thing(written).pattern}{re.escape(literal)}" for written, literal in pairs)


def _steps(varying: Varying, literals: tuple[str, ...]) -> list[_Step] | None:
    """Return the steps of the only possible division, None where several may be possible."""
    if varying.crosses > 1:
        return None
    things = [_thing(written) for written in varying.written]
    steps: list[_Step] = []
    for index, (thing, literal) in enumerate(zip(things, literals, strict=True)):
        later = things[index + 1 :]
        end = _end(thing, later, literals[index:])
        if end is None:
            return None
        slashes = sum(each.count("/") for each in literals[index:]) + sum(each.shape.count("/") for each in later)
        read, is_capture = thing.read, thing.is_capture
        steps.append(_Step(*end, slashes, thing.least, read, is_capture, literal, len(literal)))
    return steps


def _end(thing: _Thing, later: Sequence[_Thing], literals: Sequence[str]) -> tuple[_Reach, int] | None:
    """Return where a thing ends, given what is behind it; None when that takes trying."""
    if thing.reach is _WIDTH:
        return _WIDTH, thing.least
    if thing.reach is _FOLDER:
        return _FOLDER, 0
    distance = _distance(later, literals)
    if distance is not None:
        return thing.reach, distance
    following = later[0]
    distance = _distance(later[1:], literals[1:])
    takes_anything = thing.read is None and following.read is None
    if distance is None or not literals[0] or not takes_anything or {thing.reach, following.reach} != {_SEGMENT}:
        return None
    return _LITERAL, distance + following.least


def _distance(things: Sequence[_Thing], literals: Sequence[str]) -> int | None:
    """Return how many characters there are up to the next slash or the end, None when that varies."""
    distance = 0
    for literal, thing in zip(literals, [*things, None], strict=True):
        text = literal
        if "/" not in literal and thing is not None:
            if thing.reach is not _WIDTH:
                return None
            text += thing.shape
        before, slash, _ = text.partition("/")
        distance += len(before)
        if slash:
            break
    return distance


@lru_cache(maxsize=4096)
def _thing(written: str) -> _Thing:
    if written == REST:
        return _Thing(".+", _SLASH, 1, None, is_capture=False)
    if written == ANY_SEGMENTS:
        return _Thing("(?:.*/)?", _FOLDER, 0, None, is_capture=False)
    if written == ANY_TEXT.written:
        return _Thing(ANY_TEXT.patterns[0], _SEGMENT, 0, None, is_capture=False)
    if written == ANY_CHARACTER.written:
        return _Thing(ANY_CHARACTER.patterns[0], _WIDTH, 1, _unless_slash, is_capture=False, shape="?")
    kind = parse_capture(written[1:-1]).kind
    pattern = f"({kind.pattern})"
    if kind.shape:
        return _Thing(pattern, _WIDTH, len(kind.shape), kind.read, is_capture=True, shape=kind.shape)
    read = None if kind.read is str else kind.read
    return _Thing(pattern, _SLASH if kind.crosses else _SEGMENT, 1, read, is_capture=True)


def _unless_slash(text: str) -> str | None:
    return None if text == "/" else text

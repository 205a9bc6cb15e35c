"""What a capture of a path template takes: text, digits, one of several words, a date.

A kind is data, so that a new one is a new row here: the shape it has in a path, the value it stands for, and the
words in which a mismatch is told.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from shared.path_template.braces import TemplateError
from shared.path_template.date_format import DateFormat
from shared.wording import shown

Value = str | int | datetime


@dataclass(frozen=True, slots=True)
class CaptureKind:
    """One kind of capture."""

    patterns: tuple[str, ...]  # RE2 without groups, one for each path segment that it spans
    expected: str  # completes "`x` is not ..."
    read: Callable[[str], Value | None]  # None: the text is not of this kind, or there is no such date
    is_open: bool = False  # takes as much as it can get, so that something definite must stand next to it
    crosses: bool = False  # may hold any number of `/`
    shape: str = ""  # a text of this kind, whose width and slashes all of them have; "" where the width varies
    date_format: DateFormat | None = None

    @property
    def pattern(self) -> str:
        """Return the regular expression of the whole capture."""
        return "/".join(self.patterns)


def _number(text: str) -> int | None:
    return int(text) if len(text) <= 18 and text.isascii() and text.isdigit() else None


TEXT = CaptureKind(("[^/]+",), "one or more characters", str, is_open=True)
PATH = CaptureKind((".+",), "one or more characters", str, is_open=True, crosses=True)
# 18 digits always fit the 64-bit integers of the tools downstream.
NUMBER = CaptureKind(("[0-9]{1,18}",), "a number of 1 to 18 digits", _number, is_open=True)

_FORBIDDEN_IN_CHOICE = re.compile(r"[*?%:,/\[\]\\]")
_ONE_WORD = re.compile(r"[A-Za-z0-9_.-]+")


@lru_cache(maxsize=4096)  # ten thousand rules use the same few kinds
def parse_kind(spec: str | None) -> CaptureKind:
    """Return the kind that stands after a capture's colon (None: no colon); columns of errors are within `spec`."""
    if spec is None:
        return TEXT
    if spec == "**":
        return PATH
    if spec == "int":
        return NUMBER
    if "|" in spec:
        return _choice(spec)
    if "%" in spec:
        return _date(spec)
    raise TemplateError(_unknown(spec), 1)


def _choice(spec: str) -> CaptureKind:
    if found := _FORBIDDEN_IN_CHOICE.search(spec):
        raise TemplateError(f"`{found[0]}` cannot stand in a choice; its words are literal text.", found.start() + 1)
    words: list[str] = []
    column = 1
    for word in spec.split("|"):
        if not word:
            raise TemplateError("A word of this choice is empty. Write two rules if the part may be missing.", column)
        if word != word.strip():
            raise TemplateError(f"Remove the spaces around {shown(word.strip())}: they would be part of it.", column)
        if word in words:
            raise TemplateError(f"{shown(word)} stands twice in this choice.", column)
        words.append(word)
        column += len(word) + 1
    expected = " or ".join([", ".join(shown(word) for word in words[:-1]), shown(words[-1])])
    widths = {len(word) for word in words}
    return CaptureKind(
        (f"(?:{'|'.join(map(re.escape, words))})",),
        expected,
        {word: word for word in words}.get,
        shape=words[0] if len(widths) == 1 else "",
    )


def _date(spec: str) -> CaptureKind:
    date_format = DateFormat.parse(spec)
    patterns = date_format.patterns()
    shape = re.compile("/".join(patterns))

    @lru_cache(maxsize=1024)  # files come in days
    def read(text: str) -> datetime | None:
        return date_format.read(text) if shape.fullmatch(text) else None

    expected = f"a date in the format `{date_format.text}`"
    return CaptureKind(patterns, expected, read, shape=date_format.shape, date_format=date_format)


def _unknown(spec: str) -> str:
    known = "Known are `int`, `**`, a choice `a|b`, and a date such as `%Y-%m-%d`."
    if not spec:
        return f"Nothing stands after the colon. {known}"
    if "," in spec and all(_ONE_WORD.fullmatch(word.strip()) for word in spec.split(",")):
        return f"Separate the words of a choice with `|`: `{'|'.join(word.strip() for word in spec.split(','))}`."
    return f"{shown(spec)} is no kind of capture. {known}"

"""Reads as much of a regular expression as can be said without matching: its groups and its literal text.

RE2 is the judge of what is in order; this only looks. It must never take text for literal that a match can do without,
so that whatever it does not know ends the literal text before it: https://github.com/google/re2/wiki/Syntax
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_TOKEN = re.compile(
    r"""
      \\Q (?P<quoted> .*? ) (?: \\E | \Z )
    | \\ (?P<code> [pP](?:\{[^}]*\}|.) | x(?:\{[^}]*\}|..) | [0-7]{1,3} | [A-Za-z0-9] )  # a class, or a code
    | \\ (?P<escaped> . )
    | \( \?P?< (?P<name> [^=!>][^>]* ) >
    | (?P<bare> \( \?: )
    | (?P<flags> \( \? [^:)]* [:)] )
    | (?P<group> \( )
    | (?P<close> \) )
    | (?P<one_of> \[ \^? \]? (?: \\. | \[:\^?\w+:\] | [^\]\\] )*+ \] )
    | (?P<repeat> (?: [*+?] | \{ \d+ (?:,\d*)? \} ) \?? )
    | (?P<either> \| )
    | (?P<position> [\^$] )
    | (?P<varies> [.\[{\\] )
    | (?P<text> . )
    """,
    re.DOTALL | re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Group:
    """A group that captures; `name` is "" for one without a name, and `column` that of its parenthesis."""

    name: str
    column: int


@dataclass(slots=True)
class RegexSyntax:
    """What could be read of a regular expression."""

    groups: list[Group] = field(default_factory=list)
    literal_runs: tuple[str, ...] = ("", "")  # as those of a path template
    never_closed: int = 0  # the column of the last parenthesis that is not closed, 0 when there is none
    closes_nothing: int = 0  # the column of the first that closes none
    byte_column: int = 0  # the column of a `\C`, which takes bytes and not characters

    @classmethod
    def of(cls, text: str) -> RegexSyntax:
        """Return what can be read of any text; sensible only where RE2 takes it."""
        syntax = cls()
        _Reader(syntax).read(text)
        return syntax


@dataclass(slots=True)
class _Level:
    """What stands in one pair of parentheses, or in none."""

    column: int
    runs: list[str] = field(default_factory=lambda: [""])
    has_choice: bool = False
    before_last: tuple[int, str] = (1, "")  # the runs without the last piece: how many, and how the last one ended

    def add(self, runs: list[str]) -> None:
        self.before_last = (len(self.runs), self.runs[-1])
        self.runs[-1] += runs[0]
        self.runs += runs[1:]

    def repeat(self) -> None:
        """The last piece may be missing, or be there several times: take it back."""
        count, end = self.before_last
        self.runs[count - 1 :] = [end, ""]
        self.before_last = (len(self.runs), "")


_ANYTHING = ["", ""]


class _Reader:
    def __init__(self, syntax: RegexSyntax) -> None:
        self._syntax = syntax
        self._levels = [_Level(0)]
        self._has_flags = False

    def read(self, text: str) -> None:
        for found in _TOKEN.finditer(text):
            self._take(str(found.lastgroup), found, found.start() + 1)
        self._syntax.never_closed = self._levels[-1].column
        if not self._has_flags and len(self._levels) == 1:
            self._syntax.literal_runs = tuple(self._content(self._levels[0]))

    def _take(self, kind: str, found: re.Match[str], column: int) -> None:
        level = self._levels[-1]
        if kind in {"name", "group"}:
            self._syntax.groups.append(Group(found[kind] if kind == "name" else "", column))
            self._levels.append(_Level(column))
        elif kind == "bare":
            self._levels.append(_Level(column))
        elif kind == "flags":
            self._has_flags = True  # upper and lower case may be the same letters now
            if found[0].endswith(":"):
                self._levels.append(_Level(column))
        elif kind == "close":
            self._close(column)
        elif kind == "repeat":
            level.repeat()
        elif kind == "either":
            level.has_choice = True
        else:
            self._take_characters(kind, found, level, column)

    def _take_characters(self, kind: str, found: re.Match[str], level: _Level, column: int) -> None:
        if kind == "quoted":
            for character in found["quoted"]:  # one by one: what repeats may be the last of them
                level.add([character])
        elif kind in {"escaped", "text"}:
            level.add([found[kind]])
        elif kind == "position":
            level.add([""])
        else:
            if found["code"] == "C" and not self._syntax.byte_column:
                self._syntax.byte_column = column
            level.add(_ANYTHING)

    def _close(self, column: int) -> None:
        if len(self._levels) == 1:
            self._syntax.closes_nothing = self._syntax.closes_nothing or column
            return
        content = self._content(self._levels.pop())
        self._levels[-1].add(content)

    @staticmethod
    def _content(level: _Level) -> list[str]:
        return _ANYTHING if level.has_choice else level.runs

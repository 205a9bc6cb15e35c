"""Regular expressions whose time is linear in the text whatever they say: the one home of RE2.

Python's own `re` took seconds for three wildcards in one segment of 1,000 characters. RE2 is imported when the first
expression is compiled and not before, so that a cold start does not pay for it.
"""

from __future__ import annotations

from typing import Protocol


class Match(Protocol):
    """A match of bytes."""

    def groups(self) -> tuple[bytes, ...]:
        """Return what the groups took."""

    def start(self, group: int) -> int:
        """Return the offset in bytes where a group starts."""


class LinearExpression(Protocol):
    """A compiled expression."""

    def fullmatch(self, text: bytes) -> Match | None:
        """Return the match of the whole text, or None."""


def compile_expression(pattern: str, *, ignore_case: bool = False) -> LinearExpression:
    """Return the compiled expression; it matches the UTF-8 of any text, line breaks being ordinary characters."""
    import re2  # type: ignore[import-untyped]  # noqa: PLC0415 - only a match pays for it; google-re2 ships no types

    options = re2.Options()
    options.dot_nl = True
    options.log_errors = False  # RE2 writes to stderr otherwise
    options.case_sensitive = not ignore_case
    expression: LinearExpression = re2.compile(pattern.encode(), options)
    return expression

"""Regular expressions whose time is linear in the text whatever they say: the one home of RE2.

Python's own `re` took seconds for three wildcards in one segment of 1,000 characters. RE2 is imported when the first
expression is compiled and not before, so that a cold start does not pay for it.
"""

from __future__ import annotations

from typing import Protocol


class ExpressionError(ValueError):
    """RE2 refuses an expression: what it says, and the part that it says it of ("" for none)."""

    def __init__(self, message: str, argument: str) -> None:
        super().__init__(message, argument)
        self.message = message
        self.argument = argument


class Match(Protocol):
    """A match of bytes."""

    def groups(self) -> tuple[bytes | None, ...]:
        """Return what the groups took, None for those that had no part in the match."""

    def start(self, group: int) -> int:
        """Return the offset in bytes where a group starts."""


class LinearExpression(Protocol):
    """A compiled expression."""

    @property
    def groups(self) -> int:
        """Return how many groups it has."""

    @property
    def programsize(self) -> int:
        """Return of how many instructions the program consists."""

    def fullmatch(self, text: bytes) -> Match | None:
        """Return the match of the whole text, or None."""


def compile_expression(pattern: str, *, ignore_case: bool = False) -> LinearExpression:
    """Return the compiled expression; it matches the UTF-8 of any text, line breaks being ordinary characters.

    Raises ExpressionError.
    """
    import re2  # type: ignore[import-untyped]  # noqa: PLC0415 - only a match pays for it; google-re2 ships no types

    options = re2.Options()
    options.dot_nl = True
    options.log_errors = False  # RE2 writes to stderr otherwise
    options.case_sensitive = not ignore_case
    try:
        expression: LinearExpression = re2.compile(pattern.encode(), options)
    except re2.error as error:
        message, _, argument = error.args[0].decode().partition(": ")
        raise ExpressionError(message, argument) from None
    return expression

"""The braces that path templates and parameter templates share: `{hole}`, and `{{` and `}}` for literal braces."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PIECE = re.compile(r"(?P<text>[^{}]+)|\{\{|\}\}|\{(?P<hole>[^{}]*)\}|(?P<stray>[{}])")


class TemplateError(ValueError):
    """A template cannot be used; `column` counts from 1 within the template's text."""

    def __init__(self, message: str, column: int) -> None:
        super().__init__(message, column)
        self.message = message
        self.column = column

    def __str__(self) -> str:
        return f"column {self.column}: {self.message}"

    def shifted(self, columns: int) -> TemplateError:
        """Return the same error, told in the columns of a text that this one is a part of."""
        return TemplateError(self.message, self.column + columns)


@dataclass(frozen=True, slots=True)
class Plain:
    """Text outside braces, or one literal brace; the brace stands alone so that columns stay exact."""

    text: str
    column: int
    is_brace: bool = False


@dataclass(frozen=True, slots=True)
class Hole:
    """What stands between braces; `column` is that of the opening brace."""

    content: str
    column: int


def scan(text: str) -> list[Plain | Hole]:
    """Return the pieces of a template in order; raises TemplateError for a brace that has no partner."""
    pieces: list[Plain | Hole] = []
    for found in _PIECE.finditer(text):
        column = found.start() + 1
        if found.lastgroup == "text":
            pieces.append(Plain(found[0], column))
        elif found.lastgroup == "hole":
            pieces.append(Hole(found["hole"], column))
        elif found.lastgroup == "stray":
            raise _stray(found[0], column)
        else:
            pieces.append(Plain(found[0][0], column, is_brace=True))
    return pieces


def _stray(brace: str, column: int) -> TemplateError:
    if brace == "{":
        return TemplateError("This `{` is never closed. Close it with `}`, or write `{{` for a literal brace.", column)
    return TemplateError("This `}` closes nothing. Write `}}` for a literal brace.", column)

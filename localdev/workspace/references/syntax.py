"""How a reference is written: names with dots between them, in double braces.

A name has letters, digits and `_`; one with anything else stands in backticks. What is written in another way is no
reference, and stays as it is. Blanks beside the braces are allowed, which no document says or denies.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_NAME = r"(?:[A-Za-z0-9_]+|`[^`{}]+`)"
_REFERENCE = re.compile(rf"\{{\{{[ \t]*({_NAME}(?:\.{_NAME})*)[ \t]*\}}\}}")
_PLAIN = re.compile(r"[A-Za-z0-9_]+")
_PARTS = re.compile(_NAME)
# Meant as a reference, it seems: a name in it has a character that wants backticks.
_UNESCAPED = re.compile(r"\{\{[ \t]*((?:job|tasks?|workspace|input)(?:\.[A-Za-z0-9_ -]+)+)[ \t]*\}\}")


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference as it is written, and the names it consists of, without their backticks."""

    text: str  # "{{tasks.`load-crm`.values.rows}}"
    names: tuple[str, ...]  # ("tasks", "load-crm", "values", "rows")

    @property
    def name(self) -> str:
        """Return the names with dots between them."""
        return ".".join(map(quoted, self.names))


def quoted(name: str) -> str:
    """Return a name as it has to be written in a reference."""
    return name if _PLAIN.fullmatch(name) else f"`{name}`"


def references_in(text: str) -> Iterator[Reference]:
    """Yield the references of a text, in its order."""
    return map(_reference, _REFERENCE.finditer(text))


def replaced(text: str, value_of: Callable[[Reference], str | None]) -> str:
    """Return the text with each reference replaced by its value, once; one whose value is None stays."""
    if "{{" not in text:
        return text

    def value(match: re.Match[str]) -> str:
        found = value_of(_reference(match))
        return match[0] if found is None else found

    return _REFERENCE.sub(value, text)


def unescaped_in(text: str) -> Iterator[tuple[str, str]]:
    """Yield what would be a reference but for its missing backticks, and how it would be one."""
    for match in _UNESCAPED.finditer(text):
        if not _REFERENCE.fullmatch(match[0]):
            names = [quoted(name.strip()) for name in match[1].split(".")]
            yield match[0], f"{{{{{'.'.join(names)}}}}}"


def _reference(match: re.Match[str]) -> Reference:
    return Reference(match[0], tuple(name.strip("`") for name in _PARTS.findall(match[1])))

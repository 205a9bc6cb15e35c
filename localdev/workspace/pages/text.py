"""Text that others chose, made fit to be shown: nothing in it stays hidden, and no page grows without end.

Escaping for HTML is the templates' work; this is about what escaping lets through: control characters, and those
that turn the direction of what follows (https://trojansource.codes).
"""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass
from typing import Any

LONGEST_TEXT = 64 * 1024  # characters of any one value on a page
LONGEST_DOCUMENT = 32 * 1024
_KEPT = frozenset("\n\t")


@dataclass(frozen=True, kw_only=True, slots=True)
class Excerpt:
    """A part of a text, and how much of it is left out."""

    text: str
    omitted: int
    unit: str = "characters"


def visible(text: str) -> str:
    r"""Return text in which every invisible character is written out: `\u202e`, `\x1b`; CR LF ends a line."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_shown, text.replace("\r\n", "\n")))


def on_one_line(text: str) -> str:
    """Return a name as one line, whatever it holds."""
    return visible(text).replace("\n", "\\n").replace("\t", "\\t")


def clipped(text: str, limit: int) -> str:
    """Return at most `limit` characters of a name; an ellipsis stands for the rest."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def beginning(text: str, limit: int) -> Excerpt:
    """Return the first characters of a text."""
    return Excerpt(text=text[:limit], omitted=max(0, len(text) - limit))


def end(text: str, limit: int) -> Excerpt:
    """Return the last characters of a text, which is where a log says what happened."""
    return Excerpt(text=text[-limit:], omitted=max(0, len(text) - limit))


def as_json(value: Any) -> Excerpt:
    """Return a value as JSON that people read."""
    return beginning(json.dumps(value, indent=2, ensure_ascii=False, default=str), LONGEST_DOCUMENT)


def finalized(value: Any) -> Any:
    """Return a template's value as it may be escaped and shown; what is HTML of ours already stays as it is."""
    if value is None:
        return ""
    if hasattr(value, "__html__"):
        return value
    return visible(clipped(str(value), LONGEST_TEXT))


def _shown(character: str) -> str:
    if character.isprintable() or character in _KEPT or unicodedata.category(character) == "Zs":
        return character
    number = ord(character)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"

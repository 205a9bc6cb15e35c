"""Says in a helpful sentence why text is not YAML: most often a value that needs quotes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shared.errors import Fault
from shared.wording import shown

if TYPE_CHECKING:
    from yaml.error import Mark, MarkedYAMLError

_NO_SPACE_AFTER_COLON = re.compile(r"\s*(?:- +)?[a-z_]+:[^\s:]")
_STARTS_A_VALUE = re.compile(r"""\s*(?:- +)*(?:[^\s:'"{\[]+ *: +|['"][^'"]*['"] *: +)?([{\['"])""")

_BAD_ESCAPE = "In double quotes a `\\` starts an escape. Write `\\\\`, or use single quotes."
_SENTENCES = {
    "sequence entries are not allowed": "A list starts on a line of its own, with `- ` before each item.",
    "escape": _BAD_ESCAPE,
    "hexdecimal": _BAD_ESCAPE,  # spelt so by libyaml
    "hexadecimal": _BAD_ESCAPE,
    "document start": "Nothing can follow here: what stands before it is complete.",
}


def syntax_fault(error: MarkedYAMLError, text: str) -> Fault:
    """Return the fault for an error of the YAML parser (libyaml's wording or PyYAML's own)."""
    context, problem = error.context or "", error.problem or "unexpected text"
    start, place = error.context_mark, error.problem_mark or error.context_mark
    if place is None:
        return Fault(f"This is not YAML: {problem}.")
    if start and "quoted scalar" in context and "end of stream" in problem:
        return _fault("This quote is never closed.", start)
    if start and ("an alias" in context or "an anchor" in context):
        return _fault(f"A value that begins with `{'*' if 'alias' in context else '&'}` must be quoted.", start)
    if start and "parsing a flow" in context:
        return _flow_fault(start, place, text)
    if "block mapping" in context or "block collection" in context:
        return _unexpected(context, place, text)
    return _fault(_sentence(problem, place, text), place)


def _flow_fault(start: Mark, place: Mark, text: str) -> Fault:
    is_at_end = not text[place.index :].strip()
    bracket = text[start.index : start.index + 1]
    if bracket not in ("{", "["):  # between brackets, where a value should start
        return _unclosed(text.rstrip()) if is_at_end else _fault("A value is missing here.", place)
    if is_at_end:
        return _fault(f"This `{bracket}` is never closed.", start)
    return _fault(
        f"Inside {'braces' if bracket == '{' else 'brackets'} values are separated by `,`, "
        "and a value that holds one of `{ } [ ] ,` must be quoted.",
        place,
    )


def _unclosed(text: str) -> Fault:
    """Return the fault of a text that ends where a value should stand: most often right behind a bracket."""
    what = f"This `{text[-1]}`" if text[-1] in "{[" else "A bracket"
    return Fault(f"{what} is never closed.", text.count("\n") + 1, len(text) - text.rfind("\n") - 1)


def _sentence(problem: str, place: Mark, text: str) -> str:
    here = text[place.index : place.index + 1]
    if "cannot start any token" in problem and here == "\t":
        return "Indent with spaces, not with a tab."
    if "cannot start any token" in problem:
        return f"A value that begins with {shown(here)} must be quoted."
    if "mapping values are not allowed" in problem:
        return _second_colon(_lines_before(place, text))
    for words, sentence in _SENTENCES.items():
        if words in problem:
            return sentence
    return f"This is not YAML: {problem}."


def _lines_before(place: Mark, text: str) -> list[str]:
    return text[: place.index].splitlines() or [""]


def _second_colon(lines: list[str]) -> str:
    before = next((line for line in reversed(lines[:-1]) if line.strip()), "")
    if _NO_SPACE_AFTER_COLON.match(before):
        return "No `key: value` can stand here: is a space missing after the `:` of the line before?"
    return "No second `: ` can stand here: quote a value that holds one, and check the indentation."


def _unexpected(context: str, place: Mark, text: str) -> Fault:
    begun = _STARTS_A_VALUE.match(_lines_before(place, text)[-1]) if place.column else None
    if begun and begun[1] in "{[":
        return Fault(f"A value that begins with `{begun[1]}` must be quoted.", place.line + 1, begun.start(1) + 1)
    if begun:
        return _fault("Text follows the closing quote: quote the whole value.", place)
    if "collection" in context:
        return _fault("Another item, `- `, was expected here: check the indentation.", place)
    return _fault("A `key: value` was expected here: check the indentation.", place)


def _fault(message: str, mark: Mark) -> Fault:
    return Fault(message, mark.line + 1, mark.column + 1)

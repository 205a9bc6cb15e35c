"""Reads the text of a path template into segments, or says what is wrong with it and at which column."""

from __future__ import annotations

import re
from collections.abc import Collection

from shared.path_template.braces import Hole, Plain, TemplateError, scan
from shared.path_template.capture_kinds import parse_kind
from shared.path_template.elements import ANY_CHARACTER, ANY_TEXT, Capture, Element, Literal, Segment
from shared.wording import shown

# A blob's name has at most 1,024 characters and its container 63; the rest is for what braces add.
LONGEST_TEMPLATE = 2048
# RE2 copies every capture for each place where a match may still be under way: bounds keep that a small constant.
MOST_CAPTURES = 32
MOST_WILDCARDS = 64
RESERVED_NAMES = frozenset({"blob", "event", "rule", "entry", "triggered_by"})

_TOKEN = re.compile(r"/|\*+|\?|[^/*?]+")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_REFUSED = re.compile(r"[\[\]\\]")
_REFUSALS = {
    "[": "`[` cannot be used: write `?` for one character, or `{name:a|b}` for one of several words.",
    "]": "`]` cannot be used: write `?` for one character, or `{name:a|b}` for one of several words.",
    "\\": "`\\` cannot be used: folders are separated by `/`, and nothing needs escaping but `{{` and `}}`.",
}


def parse_segments(text: str) -> tuple[Segment, ...]:
    """Return the segments of a path template; raises TemplateError."""
    _refuse_whole(text)
    parser = _Parser()
    for piece in scan(text):
        parser.add(piece)
    return parser.finish(len(text) + 1)


def _refuse_whole(text: str) -> None:
    if not text:
        raise TemplateError("The path is empty. Write the container and the blob's path, such as `landing/*.csv`.", 1)
    if len(text) > LONGEST_TEMPLATE:
        raise TemplateError(f"The path has {len(text)} characters; the most is {LONGEST_TEMPLATE}.", 1)
    if text.startswith("/"):
        raise TemplateError("A path starts with its container and not with `/`.", 1)
    if text.endswith("/"):
        message = f"A path cannot end with `/`. Write {shown(text + '**')} for everything below this folder."
        raise TemplateError(message, len(text))
    if found := CONTROL.search(text):
        raise TemplateError("A path cannot hold a line break or another control character.", found.start() + 1)


class _Parser:
    """Gathers elements into segments; remembers the column of each for the faults it may find."""

    def __init__(self) -> None:
        self._segments: list[Segment] = []
        self._elements: list[tuple[Element | None, int]] = []  # None stands for `**`
        self._names: set[str] = set()
        self._wildcards = 0

    def add(self, piece: Plain | Hole) -> None:
        if isinstance(piece, Hole):
            self._elements.append((self._capture(piece), piece.column))
        elif piece.is_brace:
            self._add_literal(piece.text * 2, piece.text, piece.column)
        else:
            self._add_plain(piece)

    def finish(self, end: int) -> tuple[Segment, ...]:
        self._close(end)
        segments = tuple(self._segments)
        if len(segments) == 1 and not segments[0].crosses:
            message = "This names only a container. Add a blob's path, such as `/*.csv`, or `/**` for every blob in it."
            raise TemplateError(message, end)
        return segments

    def _add_plain(self, piece: Plain) -> None:
        if found := _REFUSED.search(piece.text):
            raise TemplateError(_REFUSALS[found[0]], piece.column + found.start())
        for found in _TOKEN.finditer(piece.text):
            token, column = found[0], piece.column + found.start()
            if token == "/":  # noqa: S105 - a slash, not a password
                self._close(column)
            elif token[0] in "*?":
                self._add_wildcard(token, column)
            else:
                self._add_literal(token, token, column)

    def _add_wildcard(self, token: str, column: int) -> None:
        self._wildcards += 1
        if self._wildcards > MOST_WILDCARDS:
            raise TemplateError(f"A path has at most {MOST_WILDCARDS} wildcards; this is one more.", column)
        if len(token) > 2:
            raise TemplateError("Write `*` for text within a segment, or `**` as a segment of its own.", column)
        self._elements.append(({"*": ANY_TEXT, "?": ANY_CHARACTER, "**": None}[token], column))

    def _add_literal(self, written: str, text: str, column: int) -> None:
        if self._elements and isinstance(last := self._elements[-1][0], Literal):
            self._elements[-1] = (Literal(last.written + written, last.text + text), self._elements[-1][1])
        else:
            self._elements.append((Literal(written, text), column))

    def _capture(self, hole: Hole) -> Capture:
        try:
            capture = parse_capture(hole.content)
        except TemplateError as error:
            raise error.shifted(hole.column - 1) from None
        if fault := name_fault(capture.name, self._names):
            raise TemplateError(fault, hole.column)
        if len(self._names) == MOST_CAPTURES:
            raise TemplateError(f"A path has at most {MOST_CAPTURES} captures; this is one more.", hole.column)
        self._names.add(capture.name)
        return capture

    def _close(self, column: int) -> None:
        """End the segment whose last character stands before `column`."""
        if not self._elements:
            raise TemplateError("This segment is empty. Write a single `/` between two folders.", column)
        for (left, left_column), (right, right_column) in zip(self._elements, self._elements[1:], strict=False):
            if left is None or right is None:
                lone = left_column if left is None else right_column
                raise TemplateError("`**` must be a segment of its own, as in `landing/**/orders.csv`.", lone)
            if left.is_open and right.is_open:
                raise TemplateError(_unseparated(left.written, right.written), right_column)
        segment = Segment(tuple(element for element, _ in self._elements if element is not None))
        self._refuse_neighbours(segment)
        self._segments.append(segment)
        self._elements = []

    def _refuse_neighbours(self, segment: Segment) -> None:
        """Refuse two things that cross segments with nothing but a `/` between them."""
        before = self._segments[-1] if self._segments else None
        if before is None or not (before.is_any or before.elements[-1].crosses):
            return
        if segment.is_any or segment.elements[0].crosses:
            left = "**" if before.is_any else before.elements[-1].written
            right = "**" if segment.is_any else segment.elements[0].written
            raise TemplateError(_unseparated(left, right), self._elements[0][1])


def parse_capture(content: str) -> Capture:
    """Return the capture that stands in braces; raises TemplateError, column 1 being the opening brace."""
    name, colon, spec = content.partition(":")
    if not _NAME.fullmatch(name):
        raise TemplateError(_misnamed(content, name), 1)
    if fault := name_fault(name, ()):
        raise TemplateError(fault, 1)
    try:
        kind = parse_kind(spec if colon else None)
    except TemplateError as error:
        raise error.shifted(len(name) + 2) from None
    return Capture("{" + content + "}", name, kind)


def name_fault(name: str, taken: Collection[str]) -> str:
    """Return why a capture cannot have this name, "" when it can."""
    if not _NAME.fullmatch(name):
        return f"{shown(name)} cannot name a capture: use letters, digits and `_`, not a digit first, at most 63."
    if name in RESERVED_NAMES:
        return f"A capture cannot be called {shown(name)}: parameters use that name."
    return f"A capture called {shown(name)} is already in this path." if name in taken else ""


def _misnamed(content: str, name: str) -> str:
    if "," in content and ":" not in content:
        words = "|".join(word.strip() for word in content.split(","))
        return f"Braces hold a capture, not a list. For one of several words write {shown('{name:' + words + '}')}."
    if not name.strip():
        return "This capture has no name. Write `{name}`, or `*` for text that no parameter needs."
    if name != name.strip():
        return f"Remove the spaces in {shown('{' + content + '}')}."
    return name_fault(name, ())


def _unseparated(left: str, right: str) -> str:
    return (
        f"Nothing tells where {shown(left)} ends and {shown(right)} starts. "
        "Put literal text between them, or leave one out."
    )

"""A template as its literal beginning and what follows: what varies by turns with the literal text behind it.

Whoever has a hundred thousand rules waits for this: `outline` takes a tenth of the time of the parser. It answers only
for templates that are beyond doubt and leaves all others, the faulty ones above all, to the parser.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from shared.path_template.braces import TemplateError
from shared.path_template.capture_kinds import CaptureKind
from shared.path_template.elements import Capture, Segment, Wildcard
from shared.path_template.parser import LONGEST_TEMPLATE, MOST_CAPTURES, parse_capture, parse_segments

_VARYING = re.compile(r"((?<![^/])\*\*(?:/|\Z)|\*|\?|\{[^{}]*\})")
_DOUBTFUL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\\[\\]\\\\]")
# `**` at the end of a template, and before a `/`, which belongs to it: `**/` may take nothing at all.
REST = "**"
ANY_SEGMENTS = "**/"


@dataclass(frozen=True, eq=False, slots=True)
class Varying:
    """What varies in a template, as it is written: `*`, `?`, `**/`, `**` and captures; shared by those alike."""

    written: tuple[str, ...]
    captures: Mapping[str, CaptureKind]  # by name, in order
    crosses: int  # how many of them may take more than one segment


# The literal beginning; what is behind each thing that varies, "" where two touch or one is the last; and those things.
Outline = tuple[str, tuple[str, ...], Varying]


def outline(text: str) -> Outline:
    """Return the outline of a template; raises TemplateError."""
    return _at_a_glance(text) or _of_segments(parse_segments(text))


def _at_a_glance(text: str) -> Outline | None:
    if _is_doubtful(text):
        return None
    beginning, *pieces = _VARYING.split(text)
    literals = tuple(pieces[1::2])
    varying = _varying(tuple(pieces[::2]))
    if varying is None or varying.crosses > 1 or len(literals) > MOST_CAPTURES:
        return None
    if text.count("{") != len(varying.captures) or text.count("}") != len(varying.captures):
        return None
    if "" in literals[:-1] and not _are_apart(varying.written, literals):
        return None
    if "/" not in beginning and not varying.crosses and not any("/" in literal for literal in literals):
        return None
    return beginning, literals, varying


def _is_doubtful(text: str) -> bool:
    if not text or len(text) > LONGEST_TEMPLATE or text[0] == "/" or text[-1] == "/":
        return True
    return "//" in text or "{{" in text or "}}" in text or _DOUBTFUL.search(text) is not None


def _are_apart(written: tuple[str, ...], literals: tuple[str, ...]) -> bool:
    """Tell whether things that touch are a `**/` and what the next segment begins with."""
    return all(literal or thing == ANY_SEGMENTS for thing, literal in zip(written[:-1], literals, strict=False))


def _of_segments(segments: tuple[Segment, ...]) -> Outline:
    runs, written = [""], list[str]()
    for number, segment in enumerate(segments, start=1):
        is_last = number == len(segments)
        if segment.is_any:
            runs.append("")
            written.append(REST if is_last else ANY_SEGMENTS)
            continue
        for element in segment.elements:
            if isinstance(element, Capture | Wildcard):
                runs.append("")
                written.append(element.written)
            else:
                runs[-1] += element.text
        runs[-1] += "" if is_last else "/"
    varying = _varying(tuple(written))
    assert varying is not None, "the parser has read these captures"  # noqa: S101 - and refused all others
    return runs[0], tuple(runs[1:]), varying


@lru_cache(maxsize=4096)  # ten thousand rules vary in the same few ways
def _varying(written: tuple[str, ...]) -> Varying | None:
    """Return what varies, None when a capture among it is not in order."""
    try:
        captures = [parse_capture(each[1:-1]) for each in written if each[0] == "{"]
    except TemplateError:
        return None
    by_name = {capture.name: capture.kind for capture in captures}
    if len(by_name) < len(captures):
        return None
    crosses = sum(each[:2] == REST for each in written) + sum(kind.crosses for kind in by_name.values())
    return Varying(written, by_name, crosses)

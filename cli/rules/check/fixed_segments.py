"""Which segments of a path a pattern fixes: two patterns that fix one of them differently share no path."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import cache
from itertools import takewhile

from shared.path_template import PathTemplate, RegexTemplate
from shared.path_template.elements import Segment


class End(StrEnum):
    """From where a segment is counted."""

    START = "start"
    END = "end"
    WHOLE = "whole"  # not a segment: how many there are, where a pattern says so


Place = tuple[End, int]


@cache
def fixed_segments(pattern: PathTemplate | RegexTemplate) -> Mapping[Place, str]:
    """Return the segments that every matching path has, each by its place."""
    if isinstance(pattern, RegexTemplate):
        return _placed(pattern.static_prefix.split("/")[:-1], pattern.static_suffix.split("/")[:0:-1])
    segments = pattern.segments
    if any(segment.crosses for segment in segments):
        return _placed(_run(segments), _run(segments[::-1]))
    parts = _run(segments)
    return {**_placed(parts, parts[::-1]), (End.WHOLE, 0): str(len(parts))}


def _run(segments: Iterable[Segment]) -> list[str | None]:
    """Return the segments of a path up to the first that may be several; None for those that are not fixed."""
    known = takewhile(lambda segment: not segment.crosses, segments)
    return [part for segment in known for part in _parts(segment)]


def _parts(segment: Segment) -> list[str | None]:
    """Return the segments of a path that a segment of the template takes: several where a date holds `/`."""
    if segment.literal is not None:
        return [segment.literal]
    return [None] * (1 + sum(len(element.patterns) - 1 for element in segment.elements))


def _placed(from_start: Iterable[str | None], from_end: Iterable[str | None]) -> dict[Place, str]:
    runs = ((End.START, from_start), (End.END, from_end))
    return {(end, number): text for end, run in runs for number, text in enumerate(run) if text is not None}

"""What the paths of a pattern start and end with, the words of a choice written out: `crm/` and `erp/`, not ``.

Only ever less than what is true: every path of the pattern starts with one of its beginnings and ends with one of its
endings.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import product

from shared.path_template import PathPattern, PathTemplate
from shared.path_template.elements import Capture, Element, Literal, Segment

# Choices multiply; the endings of a pattern with more of them stop where they would.
MOST_ENDS = 64


def beginnings(pattern: PathPattern) -> tuple[str, ...]:
    """Return texts of which every full path of the pattern starts with one."""
    if not isinstance(pattern, PathTemplate):
        return (pattern.static_prefix,)
    return _written_out(_steps(pattern.segments))


def endings(pattern: PathPattern) -> tuple[str, ...]:
    """Return texts of which the name of every blob of the pattern, with a `/` before it, ends with one.

    So they end the subject of an event too, which has `/blobs/` where a full path has a slash behind its container.
    """
    if not isinstance(pattern, PathTemplate):
        is_later = len(pattern.literal_runs) > 1 and "/" in pattern.literal_runs[0]
        return (pattern.static_suffix if is_later else _within_name(pattern.static_suffix),)
    container, *folders = pattern.segments
    # What crosses segments may take none or all of them, so that what follows it may be the container or end the name.
    steps = [*_steps(pattern.segments)] if container.crosses else [("/",), *_steps(folders)]
    backwards = [step and tuple(text[::-1] for text in step) for step in reversed(steps)]
    found = {text[::-1] for text in _written_out(backwards)}
    return tuple({_within_name(text) for text in found} if container.crosses else found)


def _steps(segments: Sequence[Segment]) -> Iterator[tuple[str, ...] | None]:
    """Yield the texts that each element can be, None where it can be anything."""
    for number, segment in enumerate(segments, start=1):
        if segment.is_any:
            yield None
            continue
        for element in segment.elements:
            yield _texts(element)
        if number < len(segments):
            yield ("/",)


def _texts(element: Element) -> tuple[str, ...] | None:
    if isinstance(element, Literal):
        return (element.text,)
    if isinstance(element, Capture):
        _, _, spec = element.written[1:-1].partition(":")
        return tuple(spec.split("|")) if "|" in spec else None
    return None


def _written_out(steps: Iterable[tuple[str, ...] | None]) -> tuple[str, ...]:
    """Return all texts that steps begin with, up to the first that can be anything."""
    texts: tuple[str, ...] = ("",)
    for step in steps:
        if step is None or len(texts) * len(step) > MOST_ENDS:
            break
        texts = tuple(before + text for before, text in product(texts, step))
    return texts


def _within_name(ending: str) -> str:
    """Return an ending without what may be the container; the slash behind that stays."""
    _, slash, name = ending.partition("/")
    return slash + name if slash else ending

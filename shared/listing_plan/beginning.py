"""What a rule says of the beginnings of its paths: the container, and then text, choices and dates in turn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from shared.listing_plan.dates import DateChain
from shared.path_template import PathPattern, PathTemplate
from shared.path_template.date_format import DateFormat
from shared.path_template.elements import Element, Literal, Segment

# What paths have one after the other: text, one of several words, dates.
Step = str | tuple[str, ...] | DateChain


@dataclass(frozen=True, slots=True)
class Beginning:
    """The beginnings of the paths of a rule, up to the first thing that may be any text."""

    container: str | None  # None: several
    container_prefix: str  # what their names begin with then
    container_template: str  # the first segment of the template then; "" where a container may be called anything
    steps: tuple[Step, ...]  # of names within the container

    @classmethod
    def of(cls, path: PathPattern) -> Beginning:
        """Return what is known of any pattern; of a regular expression that is its literal beginning."""
        if not isinstance(path, PathTemplate):
            return cls._literal(path)
        first, *rest = path.segments
        if first.literal is not None:
            return cls(first.literal, "", "", tuple(_steps(rest)))
        if _may_leave_its_segment(first):
            return cls._literal(path)
        template = "".join(element.written for element in first.elements)
        return cls(None, path.static_prefix, template, tuple(_steps(rest)))

    @classmethod
    def _literal(cls, path: PathPattern) -> Beginning:
        container, slash, prefix = path.static_prefix.partition("/")
        return cls(container, "", "", (prefix,)) if slash else cls(None, container, "", ())


def _may_leave_its_segment(segment: Segment) -> bool:
    return segment.crosses or any(len(element.patterns) > 1 for element in segment.elements)


def _steps(segments: Iterable[Segment]) -> Iterator[Step]:
    """Yield what the segments begin with, up to the first thing that is neither text, nor a choice, nor a date."""
    chain: tuple[str | DateFormat, ...] = ()
    text = ""
    for piece in _pieces(segments):
        if isinstance(piece, str):
            text += piece
        elif isinstance(piece, DateFormat) and chain and DateChain(chain).continues_with(piece):
            chain, text = (*chain, *([text] if text else []), piece), ""
        else:
            yield from _ended(chain, text)
            chain, text = (), ""
            if isinstance(piece, DateFormat):
                chain = (piece,)
            else:
                yield piece
    yield from _ended(chain, text)


def _ended(chain: tuple[str | DateFormat, ...], text: str) -> Iterator[Step]:
    if chain:
        yield DateChain(chain)
    if text:
        yield text


def _pieces(segments: Iterable[Segment]) -> Iterator[str | tuple[str, ...] | DateFormat]:
    for number, segment in enumerate(segments):
        if number:
            yield "/"
        if segment.is_any:
            return
        for element in segment.elements:
            piece = _piece(element)
            if piece is None:
                return
            yield piece


def _piece(element: Element) -> str | tuple[str, ...] | DateFormat | None:
    if isinstance(element, Literal):
        return element.text
    if element.is_open or not element.written.startswith("{"):
        return None
    _, _, kind = element.written[1:-1].partition(":")
    return DateFormat.parse(kind) if "%" in kind else tuple(kind.split("|"))

"""What a path template is made of: segments between slashes, and in them literal text, wildcards and captures."""

from __future__ import annotations

import re
from dataclasses import dataclass

from shared.path_template.capture_kinds import CaptureKind


@dataclass(frozen=True, slots=True)
class Literal:
    """Text that stands for itself."""

    written: str
    text: str
    is_open = False
    crosses = False

    @property
    def patterns(self) -> tuple[str, ...]:
        """Return its regular expression."""
        return (re.escape(self.text),)


@dataclass(frozen=True, slots=True)
class Wildcard:
    """`*` or `?`."""

    written: str
    is_open: bool
    patterns: tuple[str, ...]
    crosses = False


@dataclass(frozen=True, slots=True)
class Capture:
    """`{name}` or `{name:kind}`."""

    written: str
    name: str
    kind: CaptureKind

    @property
    def is_open(self) -> bool:
        """Tell whether it takes as much as it can get."""
        return self.kind.is_open

    @property
    def crosses(self) -> bool:
        """Tell whether it may hold any number of `/`."""
        return self.kind.crosses

    @property
    def patterns(self) -> tuple[str, ...]:
        """Return its regular expressions, one for each path segment that it spans."""
        return self.kind.patterns


ANY_TEXT = Wildcard("*", is_open=True, patterns=("[^/]*",))
ANY_CHARACTER = Wildcard("?", is_open=False, patterns=("[^/]",))

Element = Literal | Wildcard | Capture


@dataclass(frozen=True, slots=True)
class Segment:
    """What stands between two slashes of the template; without elements it is `**`."""

    elements: tuple[Element, ...]

    @property
    def is_any(self) -> bool:
        """Tell whether this is `**`: any number of segments, or the rest of the path where it ends the template."""
        return not self.elements

    @property
    def literal(self) -> str | None:
        """Return the text of a segment that is nothing but text, else None."""
        if len(self.elements) == 1 and isinstance(self.elements[0], Literal):
            return self.elements[0].text
        return None

    @property
    def crosses(self) -> bool:
        """Tell whether it may take more than one segment of a path."""
        return self.is_any or any(element.crosses for element in self.elements)


def regular_expression(segments: tuple[Segment, ...]) -> str:
    """Return the RE2 expression of whole paths, with one group per capture in the order of the template."""
    *folders, last = segments
    parts = ["(?:.*/)?" if segment.is_any else f"{_segment_pattern(segment)}/" for segment in folders]
    return "".join([*parts, ".+" if last.is_any else _segment_pattern(last)])


def _segment_pattern(segment: Segment) -> str:
    return "".join(
        f"({'/'.join(element.patterns)})" if isinstance(element, Capture) else element.patterns[0]
        for element in segment.elements
    )


def literal_runs(segments: tuple[Segment, ...]) -> tuple[str, ...]:
    """Return the literal text between the things that vary: what paths start with, contain in turn, and end with."""
    runs = [""]
    for number, segment in enumerate(segments, start=1):
        if segment.is_any:
            runs.append("")  # `**/` may take nothing, and then there is no `/` either
            continue
        for element in segment.elements:
            if isinstance(element, Literal):
                runs[-1] += element.text
            else:
                runs.append("")
        if number < len(segments):
            runs[-1] += "/"
    return tuple(runs)

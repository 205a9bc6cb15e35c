"""A template that can be matched: it costs a string comparison, and a regular expression once a path passes that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial

from shared.path_template.capture_kinds import CaptureKind, Value
from shared.path_template.elements import Capture as CaptureElement
from shared.path_template.elements import Segment, literal_runs, regular_expression
from shared.path_template.linear_expression import LinearExpression, compile_expression
from shared.path_template.mismatch import LONGEST_PATH, Mismatch, explain
from shared.path_template.parser import parse_segments


@dataclass(frozen=True, slots=True)
class Capture:
    """What a capture took: the text as the path has it, and the value it stands for (dates are aware UTC)."""

    text: str
    value: Value


class Captures(Mapping[str, Capture]):
    """The captures of one match by name, in the order of the template; cannot be changed."""

    __slots__ = ("_by_name",)

    def __init__(self, by_name: Mapping[str, Capture]) -> None:
        self._by_name = dict(by_name)

    def __getitem__(self, name: str) -> Capture:
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def __repr__(self) -> str:
        return f"Captures({self._by_name!r})"


@dataclass(frozen=True)
class PathTemplate:
    """A parsed path template. Matching is anchored at both ends and case-sensitive, and never raises."""

    text: str
    segments: tuple[Segment, ...] = field(repr=False, compare=False)
    kinds: Mapping[str, CaptureKind] = field(repr=False, compare=False)  # by capture name, in the order of the text
    literal_runs: tuple[str, ...] = field(repr=False, compare=False)  # see `static_prefix` and `static_suffix`

    @classmethod
    def parse(cls, text: str) -> PathTemplate:
        """Return the template; raises TemplateError with the column within `text`."""
        segments = parse_segments(text)
        kinds = {
            element.name: element.kind
            for segment in segments
            for element in segment.elements
            if isinstance(element, CaptureElement)
        }
        return cls(text, segments, kinds, literal_runs(segments))

    @property
    def capture_names(self) -> tuple[str, ...]:
        """Return the names of the captures in the order of the template."""
        return tuple(self.kinds)

    @property
    def static_prefix(self) -> str:
        """Return the literal text that every matching path starts with."""
        return self.literal_runs[0]

    @property
    def static_suffix(self) -> str:
        """Return the literal text that every matching path ends with."""
        return self.literal_runs[-1]

    @property
    def static_middle(self) -> str:
        """Return the longest literal text that every matching path has somewhere between those two."""
        return max(self.literal_runs[1:-1], key=len, default="")

    @property
    def container(self) -> str | None:
        """Return the container if the template names one, None when it has a wildcard or a capture there."""
        return self.segments[0].literal

    def match(self, full_path: str) -> Captures | Mismatch:
        """Return what the template captures from `container/path`, or why it does not match."""
        if full_path.startswith(self.static_prefix) and len(full_path) <= LONGEST_PATH:
            captures = self._captures(full_path)
            if captures is not None:
                return captures
        return Mismatch(partial(explain, self.segments, full_path))

    def _captures(self, full_path: str) -> Captures | None:
        try:
            found = self._expression.fullmatch(full_path.encode())
        except UnicodeEncodeError:  # a lone surrogate: no blob can be called so
            return None
        if not found:
            return None
        by_name: dict[str, Capture] = {}
        for (name, kind), taken in zip(self.kinds.items(), found.groups(), strict=True):
            text = taken.decode()
            value = kind.read(text)
            if value is None:
                return None
            by_name[name] = Capture(text, value)
        return Captures(by_name)

    @cached_property
    def _expression(self) -> LinearExpression:
        return compile_expression(regular_expression(self.segments))

"""A path template: parsed at once, cheaply, and made ready to divide paths when the first one comes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache, partial

from shared.path_template.capture_kinds import CaptureKind
from shared.path_template.captures import NO_CAPTURES, Captures
from shared.path_template.division import Divide, division
from shared.path_template.elements import Segment
from shared.path_template.mismatch import LONGEST_PATH, Mismatch, explain, fitting_segments, unmatchable
from shared.path_template.outline import ANY_SEGMENTS, Varying, outline
from shared.path_template.parser import parse_segments

# So many rules make an expression worth its memory.
_MANY = 16


class _Ending:
    """All of a template but its literal beginning. Many rules differ in that only, and share the rest."""

    __slots__ = ("captures", "divide", "literals", "middle", "sharers", "skeleton", "varying")

    def __init__(self, varying: Varying, literals: tuple[str, ...]) -> None:
        self.varying = varying
        self.literals = literals
        self.captures = varying.captures
        self.middle = max(literals[:-1], key=len, default="")
        self.sharers = 0
        things = zip(varying.written, literals, strict=True)
        self.skeleton = "".join(f"\0/{text}" if thing == ANY_SEGMENTS else f"\0{text}" for thing, text in things)
        self.divide: Divide | None = None

    def prepare(self) -> Divide:
        """Return what divides paths by this."""
        self.divide = division(self.varying, self.literals, is_shared=self.sharers >= _MANY)
        return self.divide


_ending = lru_cache(maxsize=4096)(_Ending)


class PathTemplate:
    """A parsed path template. Matching is anchored at both ends and case-sensitive, and never raises.

    Templates of the same text are equal.
    """

    __slots__ = ("_ending", "static_prefix", "text")

    text: str
    static_prefix: str  # the literal text that every matching path starts with

    def __init__(self, text: str) -> None:
        """Parse `text`; raises TemplateError with the column within it."""
        self.text = text
        self.static_prefix, literals, varying = outline(text)
        self._ending = ending = _ending(varying, literals)
        ending.sharers += 1

    @classmethod
    def parse(cls, text: str) -> PathTemplate:
        """Return the template; raises TemplateError with the column within `text`."""
        return cls(text)

    def __repr__(self) -> str:
        return f"PathTemplate({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PathTemplate) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)

    @property
    def segments(self) -> tuple[Segment, ...]:
        """Return what the template is made of; parsed again at each call."""
        return parse_segments(self.text)

    @property
    def kinds(self) -> Mapping[str, CaptureKind]:
        """Return the captures by name, in the order of the template."""
        return self._ending.captures

    @property
    def capture_names(self) -> tuple[str, ...]:
        """Return the names of the captures in the order of the template."""
        return tuple(self._ending.captures)

    @property
    def literal_runs(self) -> tuple[str, ...]:
        """Return the literal text between what varies: what paths start with, contain in turn, and end with."""
        return (self.static_prefix, *self._ending.literals)

    @property
    def skeleton(self) -> str:
        """Return the template with a NUL for whatever varies; a segment without one is one of every such path."""
        return self.static_prefix + self._ending.skeleton

    @property
    def static_suffix(self) -> str:
        """Return the literal text that every matching path ends with."""
        literals = self._ending.literals
        return literals[-1] if literals else self.static_prefix

    @property
    def static_middle(self) -> str:
        """Return the longest literal text that every matching path has somewhere between those two."""
        return self._ending.middle

    @property
    def container(self) -> str | None:
        """Return the container if the template names one, None when it has a wildcard or a capture there."""
        container, slash, _ = self.static_prefix.partition("/")
        return container if slash else None

    def match(self, full_path: str) -> Captures | Mismatch:
        """Return what the template captures from `container/path`, or why it does not match."""
        prefix = self.static_prefix
        if full_path.startswith(prefix) and len(full_path) <= LONGEST_PATH:
            ending = self._ending
            texts = (ending.divide or ending.prepare())(full_path, len(prefix))
            if texts is not None and (full_path.isascii() or not unmatchable(full_path)):
                return Captures(ending.captures, texts) if texts else NO_CAPTURES
        return Mismatch(partial(explain, self.text, full_path), partial(fitting_segments, self.text, full_path))

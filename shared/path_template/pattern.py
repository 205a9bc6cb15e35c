"""What path templates and regular expressions have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from shared.path_template.capture_kinds import CaptureKind
from shared.path_template.captures import Captures
from shared.path_template.mismatch import Mismatch


class PathPattern(Protocol):
    """Which paths a rule is for and what it takes from them. Two patterns of a kind with the same text are equal."""

    @property
    def text(self) -> str:
        """Return the pattern as it was written."""

    @property
    def kinds(self) -> Mapping[str, CaptureKind]:
        """Return the captures by name, in the order of the text."""

    @property
    def capture_names(self) -> tuple[str, ...]:
        """Return the names of the captures in the order of the text."""

    @property
    def literal_runs(self) -> tuple[str, ...]:
        """Return literal text that every matching path has: starts with, contains in turn, and ends with."""

    @property
    def skeleton(self) -> str:
        """Return the pattern with a NUL for whatever varies; a segment without one is a segment of every such path."""

    @property
    def static_prefix(self) -> str:
        """Return the literal text that every matching path starts with."""

    @property
    def static_suffix(self) -> str:
        """Return the literal text that every matching path ends with."""

    @property
    def static_middle(self) -> str:
        """Return the longest literal text that every matching path has somewhere between those two."""

    @property
    def container(self) -> str | None:
        """Return the container if the pattern names one, None when it may be several."""

    def match(self, full_path: str) -> Captures | Mismatch:
        """Return what the pattern captures from `container/path`, or why it does not match; never raises."""

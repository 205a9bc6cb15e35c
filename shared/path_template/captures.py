"""What a match took from a path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from shared.path_template.capture_kinds import CaptureKind, Value


@dataclass(frozen=True, slots=True)
class Capture:
    """What a capture took: the text as the path has it, and the value it stands for (dates are aware UTC)."""

    text: str
    value: Value


class Captures(Mapping[str, Capture]):
    """The captures of one match by name, in the order of the pattern; cannot be changed.

    A match holds what the path says; values are made when somebody first asks, since most matches are only recorded.
    """

    __slots__ = ("_by_name", "_kinds", "_texts")

    def __init__(self, kinds: Mapping[str, CaptureKind], texts: Sequence[str]) -> None:
        """Hold `texts`, which are what the kinds took, in their order; each has a value."""
        self._kinds = kinds
        self._texts = texts
        self._by_name: dict[str, Capture] | None = None

    def __getitem__(self, name: str) -> Capture:
        if self._by_name is None:
            taken = zip(self._kinds.items(), self._texts, strict=True)
            self._by_name = {key: Capture(text, _value(kind, text)) for (key, kind), text in taken}
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._kinds)

    def __len__(self) -> int:
        return len(self._kinds)

    def __repr__(self) -> str:
        return f"Captures({dict(self)!r})"


def _value(kind: CaptureKind, text: str) -> Value:
    value = kind.read(text)
    if value is None:
        raise ValueError(f"{text!r} is not {kind.expected}")
    return value


NO_CAPTURES = Captures({}, ())

"""What a YAML document consists of, in our own frozen types; every node knows where it stands (1-based)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Node:
    """Anything in a document."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Text(Node):
    """Text, quoted or not."""

    value: str
    first: int = 0  # the column of its first character; 0 where the source spells it otherwise, with escapes or folded

    def place(self, column: int) -> tuple[int, int]:
        """Return line and column in the document of a column (1-based) within the text, as exactly as is known."""
        return (self.line, self.first + column - 1) if self.first else (self.line, self.column)


@dataclass(frozen=True, slots=True)
class Number(Node):
    """A number in plain decimal digits."""

    value: int | float


@dataclass(frozen=True, slots=True)
class Boolean(Node):
    """`true` or `false`."""

    value: bool


@dataclass(frozen=True, slots=True)
class Null(Node):
    """`null`, or nothing at all."""


@dataclass(frozen=True, slots=True)
class Invalid(Node):
    """What a fault has been reported for already; says nothing more."""


@dataclass(frozen=True, slots=True)
class Sequence(Node):
    """A list."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Mapping(Node):
    """Keys and values, in the order of the source; no key stands twice."""

    entries: tuple[tuple[Text, Node], ...]

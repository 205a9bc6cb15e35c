"""Turns the events of PyYAML's parser, libyaml's where it is installed, into nodes; nothing here recurses."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from shared.errors import Fault
from shared.wording import shown
from shared.yaml_source.nodes import Invalid, Mapping, Node, Sequence, Text
from shared.yaml_source.scalars import read_plain, surprise
from shared.yaml_source.syntax import syntax_fault

if TYPE_CHECKING:
    from yaml import events

LONGEST_SOURCE = 32 * 1024 * 1024
DEEPEST = 32
# What YAML calls unprintable, and lone surrogates. https://yaml.org/spec/1.2.2/#51-character-set
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Document:
    """What a source holds, and all that is wrong with it; `root` is None when it could not be read to its end."""

    root: Node | None
    faults: tuple[Fault, ...]


def read_yaml(text: str) -> Document:
    """Return the document of a source; faults never raise."""
    text = text.removeprefix("\ufeff")
    if fault := _unreadable(text):
        return Document(None, (fault,))
    builder = _Builder(text)
    try:
        for event in _events(text):
            builder.take(event)
    except _Stopped as stopped:
        return Document(None, (*builder.faults, stopped.fault))
    if builder.root is None:
        return Document(None, (Fault("The file is empty.", 1, 1),))
    return Document(builder.root, tuple(builder.faults))


class _Stopped(Exception):
    """Nothing after this fault can be read."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault


def _unreadable(text: str) -> Fault | None:
    if len(text) > LONGEST_SOURCE:
        return Fault(f"The file has {len(text)} characters; the most is {LONGEST_SOURCE}.", 1, 1)
    if found := _UNPRINTABLE.search(text):
        line = text.count("\n", 0, found.start()) + 1
        column = found.start() - text.rfind("\n", 0, found.start())
        return Fault(f"The character U+{ord(found[0]):04X} cannot stand in YAML.", line, column)
    return None


def _events(text: str) -> Iterator[Any]:
    import yaml  # noqa: PLC0415 - 11 ms that only reading rules should pay

    try:
        yield from yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        raise _Stopped(syntax_fault(error, text)) from None


@dataclass(slots=True)
class _Open:
    """A list or a mapping whose end has not been seen."""

    line: int
    column: int
    is_mapping: bool
    items: list[Node] = field(default_factory=list)
    entries: list[tuple[Text, Node]] = field(default_factory=list)
    lines: dict[str, int] = field(default_factory=dict)  # where each key stands
    key: Node | None = None  # waits for its value

    def close(self) -> Node:
        if self.is_mapping:
            return Mapping(self.line, self.column, tuple(self.entries))
        return Sequence(self.line, self.column, tuple(self.items))


def _fault(message: str, event: Any) -> Fault:
    return Fault(message, event.start_mark.line + 1, event.start_mark.column + 1)


class _Builder:
    """Turns events into nodes."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._open: list[_Open] = []
        self._documents = 0
        self.root: Node | None = None
        self.faults: list[Fault] = []
        self._handlers: dict[str, Callable[[Any], None]] = {
            "ScalarEvent": self._scalar,
            "AliasEvent": self._alias,
            "MappingStartEvent": partial(self._start, is_mapping=True),
            "SequenceStartEvent": partial(self._start, is_mapping=False),
            "MappingEndEvent": self._end,
            "SequenceEndEvent": self._end,
            "DocumentStartEvent": self._document,
        }

    def take(self, event: events.Event) -> None:
        handler = self._handlers.get(type(event).__name__)
        if handler:
            handler(event)

    def _note(self, message: str, event: Any) -> None:
        self.faults.append(_fault(message, event))

    def _document(self, event: Any) -> None:
        self._documents += 1
        if self._documents > 1:
            raise _Stopped(_fault("A second document starts here; a rules file holds one.", event))
        if event.version or event.tags:
            self._note("Directives such as `%YAML` are not used here: remove it.", event)

    def _scalar(self, event: Any) -> None:
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        if self._refused(event):
            self._add(Invalid(line, column))
            return
        value: str = event.value
        start = event.start_mark.index
        if event.style:  # quoted, or a block; libyaml says "" for plain text and PyYAML's own parser None
            is_verbatim = event.style in "'\"" and self._text.startswith(value, start + 1)
            self._add(Text(line, column, value, column + 1 if is_verbatim else 0))
            return
        node = read_plain(value, line, column)
        if node is None:
            message = f'{shown(value)} without quotes is {surprise(value)} to some readers of YAML: write "{value}".'
            self.faults.append(Fault(message, line, column))
            node = Invalid(line, column)
        elif isinstance(node, Text) and self._text.startswith(value, start):
            node = Text(line, column, value, column)
        self._add(node)

    def _alias(self, event: Any) -> None:
        self._note("A value that begins with `*` must be quoted; aliases are not used here.", event)
        self._add(Invalid(event.start_mark.line + 1, event.start_mark.column + 1))

    def _start(self, event: Any, *, is_mapping: bool) -> None:
        if len(self._open) == DEEPEST:
            raise _Stopped(_fault(f"This is nested more than {DEEPEST} levels deep.", event))
        self._refused(event)
        self._open.append(_Open(event.start_mark.line + 1, event.start_mark.column + 1, is_mapping))

    def _end(self, _event: Any) -> None:
        self._add(self._open.pop().close())

    def _refused(self, event: Any) -> bool:
        if event.anchor:
            self._note("A value that begins with `&` must be quoted; anchors are not used here.", event)
        if event.tag:
            self._note("A value that begins with `!` must be quoted; tags are not used here.", event)
        return bool(event.anchor or event.tag)

    def _add(self, node: Node) -> None:
        if not self._open:
            self.root = node
            return
        parent = self._open[-1]
        if not parent.is_mapping:
            parent.items.append(node)
        elif parent.key is None:
            parent.key = self._key(node, parent)
        else:
            if isinstance(parent.key, Text):
                parent.entries.append((parent.key, node))
            parent.key = None

    def _key(self, node: Node, parent: _Open) -> Node:
        """Return the key, or an Invalid in its place, whose value is then dropped."""
        if not isinstance(node, Text):
            if not isinstance(node, Invalid):
                self.faults.append(Fault("A key must be text: quote it.", node.line, node.column))
            return Invalid(node.line, node.column)
        if first := parent.lines.get(node.value):
            message = f"{shown(node.value)} is already on line {first}; a key stands once."
            self.faults.append(Fault(message, node.line, node.column))
            return Invalid(node.line, node.column)
        parent.lines[node.value] = node.line
        return node

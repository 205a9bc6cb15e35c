"""Reads the examples of a rule: paths that must start its job, what they must give, and paths that must not match."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from shared.model import Arrival, Source
from shared.rules_file.condition_reader import read_blob_type, read_size
from shared.rules_file.node_reader import NodeReader
from shared.yaml_source import nodes

EXAMPLES_KEYS = ("match", "no_match")
GIVEN = "given"
# What an example may tell of its blob: the fields of an arrival that conditions look at.
GIVEN_KEYS = ("size", "content_type", "blob_type", "api", "account")
_EXAMPLE_TIME = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Example:
    """A path, the facts that are given of its blob, and the text that captures and parameters must have."""

    path: nodes.Text
    facts: Mapping[str, Any] = field(default_factory=dict)  # fields of an Arrival
    expected: tuple[tuple[nodes.Text, nodes.Text], ...] = ()

    def arrival(self) -> Arrival:
        """Return the arrival of such a blob, learnt of from an event; what is not given is not known."""
        container, _, path = self.path.value.partition("/")
        place: dict[str, Any] = {"account": "", "container": container, "path": path}
        return Arrival(
            **{**place, **self.facts},
            version=None,
            committed_at=_EXAMPLE_TIME,
            source=Source.EVENT,
        )


@dataclass(frozen=True, slots=True)
class Examples:
    """All examples of one rule."""

    match: tuple[Example, ...] = ()
    no_match: tuple[Example, ...] = ()


def read_examples(reader: NodeReader, node: nodes.Node) -> Examples:
    """Return the examples that a node holds."""
    mapping = reader.mapping(node, "examples", such_as='{match: ["landing/a.csv"], no_match: ["landing/a.txt"]}')
    if mapping is None:
        return Examples()
    fields = reader.fields(mapping, EXAMPLES_KEYS, "`examples`")
    match = _read(reader, fields["match"], "match") if "match" in fields else ()
    no_match = _read(reader, fields["no_match"], "no_match") if "no_match" in fields else ()
    return Examples(match, no_match)


def _read(reader: NodeReader, node: nodes.Node, name: str) -> tuple[Example, ...]:
    """Return the examples of a list of paths, or of a mapping of paths to what is said of each."""
    if not isinstance(node, nodes.Mapping):
        paths = [_path(reader, item) for item in reader.items(node, name)]
        return tuple(Example(path) for path in paths if path)
    read = _read_match if name == "match" else _read_no_match
    examples: list[Example] = []
    for key, value in node.entries:
        path = _path(reader, key)
        says = reader.mapping(value, key.value, such_as='{source: "crm"}' if name == "match" else "{given: {size: 0}}")
        if path and says:
            examples.append(read(reader, path, says))
    return tuple(examples)


def _read_match(reader: NodeReader, path: nodes.Text, says: nodes.Mapping) -> Example:
    facts: dict[str, Any] = {}
    expected: list[tuple[nodes.Text, nodes.Text]] = []
    for name, value in says.entries:
        # Text is what a capture or a parameter of that name must have.
        if name.value == GIVEN and not isinstance(value, nodes.Text):
            facts = _read_given(reader, value)
        elif wanted := _wanted(reader, value, name.value):
            expected.append((name, wanted))
    return Example(path, facts, tuple(expected))


def _wanted(reader: NodeReader, node: nodes.Node, name: str) -> nodes.Text | None:
    return node if isinstance(node, nodes.Text) else reader.text(node, name)  # a parameter may be empty


def _read_no_match(reader: NodeReader, path: nodes.Text, says: nodes.Mapping) -> Example:
    fields = reader.fields(says, (GIVEN,), "an example of `no_match`")
    return Example(path, _read_given(reader, fields[GIVEN]) if GIVEN in fields else {})


def _read_given(reader: NodeReader, node: nodes.Node) -> dict[str, Any]:
    mapping = reader.mapping(node, GIVEN, such_as="{size: 1024, content_type: text/csv}")
    fields = reader.fields(mapping, GIVEN_KEYS, f"`{GIVEN}`") if mapping else {}
    return {key: _fact(reader, value, key) for key, value in fields.items()}


def _fact(reader: NodeReader, node: nodes.Node, key: str) -> int | str | None:
    if key == "size":
        return read_size(reader, node, key)
    if key == "blob_type":
        return read_blob_type(reader, node)
    text = reader.text(node, key)
    return text.value if text else ""


def _path(reader: NodeReader, node: nodes.Node) -> nodes.Text | None:
    text = reader.text(node, "an example")
    if text and not all(text.value.partition("/")):
        reader.fault("An example is a container and a blob's path, such as `landing/orders.csv`.", text)
        return None
    return text

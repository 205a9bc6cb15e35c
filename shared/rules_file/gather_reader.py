"""Reads how a rule gathers files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from shared.durations import parse_duration
from shared.parameters import VALUES, ParameterTemplate
from shared.path_template import PathPattern
from shared.path_template.braces import TemplateError
from shared.rules import Gathering, IfIncomplete
from shared.rules.gathering import MOST_FILES
from shared.rules_file.node_reader import NodeReader
from shared.wording import shown
from shared.yaml_source import nodes

GATHER_KEYS = ("by", "quiet", "wait", "files", "expect", "if_incomplete")
# A batch waits in the ledger; what waits for longer than this is better run by a schedule.
LONGEST_WAIT = timedelta(days=7)
MOST_EXPECTED = 100
# What ends a batch of any files, and is no end of a set of files that are expected.
_OF_BATCHES = ("quiet", "files")
GATHER_TAIL = "^[^/]+(/[^/]+)*$"
_TAIL = re.compile(GATHER_TAIL.removesuffix("$"))
_FORM = "{by: '{source}', quiet: 5m}"


def read_gather(reader: NodeReader, node: nodes.Node | None, path: PathPattern | None) -> Gathering | None:
    """Return how a rule gathers, None where it does not."""
    mapping = reader.mapping(node, "gather", such_as=_FORM) if node else None
    if mapping is None:
        return None
    fields = reader.fields(mapping, GATHER_KEYS, "`gather`")
    _note_contradictions(reader, fields)
    read: dict[str, Any] = {
        "by": _by(reader, fields["by"], path) if "by" in fields else None,
        "quiet": _length(reader, fields["quiet"], "quiet") if "quiet" in fields else None,
        "wait": _length(reader, fields["wait"], "wait") if "wait" in fields else None,
        "files": _files(reader, fields["files"]) if "files" in fields else None,
        "expect": _expect(reader, fields["expect"]) if "expect" in fields else None,
        "if_incomplete": _if_incomplete(reader, fields.get("if_incomplete")),
    }
    gathering = Gathering(**{name: value for name, value in read.items() if value is not None})
    if "quiet" in fields and not gathering.expect and gathering.quiet > gathering.wait:
        reader.fault("`quiet` is longer than `wait`, so that it would never close a batch.", fields["quiet"])
    return gathering


def _note_contradictions(reader: NodeReader, fields: Mapping[str, nodes.Node]) -> None:
    if "expect" in fields:
        for key in _OF_BATCHES:
            if key in fields:
                message = (
                    f"`{key}` cannot stand beside `expect`: only the files that are expected, or `wait`, close it."
                )
                reader.fault(message, fields[key])
    elif "if_incomplete" in fields:
        reader.fault("`if_incomplete` needs `expect`, a list of files.", fields["if_incomplete"])


def _by(reader: NodeReader, node: nodes.Node, path: PathPattern | None) -> ParameterTemplate | None:
    if isinstance(node, nodes.Text) and not node.value:
        return None  # one batch for the whole rule, as where `by` is left out
    text = reader.text(node, "by")
    if text is None:
        return None
    try:
        template = ParameterTemplate.parse(text.value)
        if path:
            template.check(path.kinds, dict.fromkeys(VALUES, "`by` can use only the captures of the rule's path."))
    except TemplateError as error:
        reader.template_fault(error, text)
        return None
    return template


def _length(reader: NodeReader, node: nodes.Node, name: str) -> timedelta | None:
    if isinstance(node, nodes.Number):
        reader.fault(f"`{name}` needs a unit, such as 90s, 5m, 48h or 7d.", node)
        return None
    text = reader.text(node, name)
    if text is None:
        return None
    try:
        length = parse_duration(text.value)
    except ValueError as error:
        reader.fault(f"`{name}` is {shown(text.value)}: {error}.", text)
        return None
    if timedelta(seconds=1) <= length <= LONGEST_WAIT:
        return length
    reader.fault(f"`{name}` must be from 1s to {LONGEST_WAIT.days}d.", text)
    return None


def _files(reader: NodeReader, node: nodes.Node) -> int | None:
    if isinstance(node, nodes.Number) and isinstance(node.value, int) and 1 <= node.value <= MOST_FILES:
        return node.value
    if not isinstance(node, nodes.Invalid):
        reader.fault(f"`files` is how many files a batch has at most: a whole number from 1 to {MOST_FILES}.", node)
    return None


def _expect(reader: NodeReader, node: nodes.Node) -> tuple[str, ...]:
    texts = reader.texts(node, "expect")
    if len(texts) > MOST_EXPECTED:
        reader.fault(f"`expect` has {len(texts)} files; a set can have {MOST_EXPECTED}.", node)
    for text in texts:
        if not _TAIL.fullmatch(text.value):
            message = f"{shown(text.value)} is not how a path ends: write a file's name, or folders and a name."
            reader.fault(message, text)
    return tuple(text.value for text in texts)


def _if_incomplete(reader: NodeReader, node: nodes.Node | None) -> IfIncomplete | None:
    word = reader.word(node, "if_incomplete", [*IfIncomplete]) if node else None
    return IfIncomplete(word) if word else None

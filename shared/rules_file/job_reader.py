"""Reads which job a rule starts."""

from __future__ import annotations

import re

from shared.model import JobReference
from shared.rules_file.node_reader import NodeReader
from shared.yaml_source import nodes

JOB_KEYS = ("id", "name")

_ID = re.compile(r"[1-9][0-9]{0,18}")
_GREATEST_ID = 2**63 - 1
_FORM = "{id: 123} or {name: ETL Pipeline}"


def read_job(reader: NodeReader, node: nodes.Node | None) -> JobReference | None:
    """Return the job of a rule."""
    mapping = reader.mapping(node, "job", such_as=_FORM) if node else None
    if mapping is None:
        return None
    fields = reader.fields(mapping, JOB_KEYS, "`job`")
    if len(mapping.entries) != 1 or not fields:
        if len(fields) == len(mapping.entries):
            reader.fault(f"`job` names one job, by its id or by its name: {_FORM}.", mapping)
        return None
    return _by_id(reader, fields["id"]) if "id" in fields else _by_name(reader, fields["name"])


def _by_id(reader: NodeReader, node: nodes.Node) -> JobReference | None:
    written = str(node.value) if isinstance(node, nodes.Number | nodes.Text) else ""
    if _ID.fullmatch(written) and int(written) <= _GREATEST_ID:
        return JobReference(id=int(written))
    if not isinstance(node, nodes.Invalid):
        reader.fault("`id` must be a job's number, such as 123456789012345.", node)
    return None


def _by_name(reader: NodeReader, node: nodes.Node) -> JobReference | None:
    text = reader.text(node, "name")
    if text and text.value != text.value.strip():
        reader.fault("The job's name begins or ends with a space.", text)
        return None
    return JobReference(name=text.value) if text else None

"""Reads what becomes of a file whose run failed."""

from __future__ import annotations

from shared.rules import FailureAction, OnFailure
from shared.rules_file.node_reader import NodeReader
from shared.wording import shown
from shared.yaml_source import nodes

RECORDED = OnFailure()
MOST_RETRIES = 10
# The actions that say how often.
RETRIES = (FailureAction.RERUN, FailureAction.REPAIR)
_FORM = "`record`, `{rerun: 2}` or `{repair: 2}`"


def read_on_failure(reader: NodeReader, node: nodes.Node | None, default: OnFailure) -> OnFailure:
    """Return what a rule does about failed runs."""
    if node is None:
        return default
    if isinstance(node, nodes.Mapping):
        return _retries(reader, node) or default
    if isinstance(node, nodes.Text) and node.value:
        if node.value == FailureAction.RECORD:
            return RECORDED
        if node.value in RETRIES:
            message = f"`on_failure` must say how often: write `{{{node.value}: 2}}`, 1 to {MOST_RETRIES} times."
            reader.fault(message, node)
        else:
            reader.fault(f"`on_failure` must be {_FORM}, not {shown(node.value)}.", node)
        return default
    reader.wrong(node, "on_failure", _FORM)
    return default


def _retries(reader: NodeReader, mapping: nodes.Mapping) -> OnFailure | None:
    fields = reader.fields(mapping, RETRIES, "`on_failure`")
    if len(mapping.entries) != 1 or not fields:
        if len(fields) == len(mapping.entries):
            reader.fault(f"`on_failure` is one of {_FORM}.", mapping)
        return None
    ((action, node),) = fields.items()
    if isinstance(node, nodes.Number) and isinstance(node.value, int) and 1 <= node.value <= MOST_RETRIES:
        return OnFailure(FailureAction(action), node.value)
    if not isinstance(node, nodes.Invalid):
        reader.fault(f"`{action}` says how often at the most: a whole number from 1 to {MOST_RETRIES}.", node)
    return None

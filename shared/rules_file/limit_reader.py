"""Reads how many runs a rule may start."""

from __future__ import annotations

import re

from shared.rules import Limit, Per
from shared.rules_file.node_reader import NodeReader
from shared.wording import shown
from shared.yaml_source import nodes

MOST_RUNS = 1_000_000
LIMIT_PATTERN = rf"^0*[1-9][0-9]{{0,6}}/({'|'.join(Per)})$"
_FORM = "a number of runs and a unit, `100/minute`, `100/hour` or `100/day`"
_LIMIT = re.compile(r"(-?[0-9]{1,12})/(\w+)", re.ASCII)


def read_limits(reader: NodeReader, node: nodes.Node | None, default: tuple[Limit, ...]) -> tuple[Limit, ...]:
    """Return the limits of a rule, the one of the shortest time first."""
    if node is None:
        return default
    if not isinstance(node, nodes.Text | nodes.Sequence) or (isinstance(node, nodes.Text) and not node.value):
        reader.wrong(node, "limit", _FORM)
        return default
    limits: dict[Per, Limit] = {}
    for text in reader.texts(node, "limit"):
        limit = _read(reader, text)
        if limit and limit.per in limits:
            reader.fault(f"`limit` says twice how many runs there may be in a{_n(limit.per)} {limit.per}.", text)
        elif limit:
            limits[limit.per] = limit
    return tuple(limits[per] for per in Per if per in limits)


def _read(reader: NodeReader, text: nodes.Text) -> Limit | None:
    found = _LIMIT.fullmatch(text.value)
    if not found:
        reader.fault(f"{shown(text.value)} is no limit: write {_FORM}.", text)
        return None
    runs, unit = int(found[1]), found[2]
    if unit not in [*Per]:
        reader.fault(f"{shown(unit)} is no unit of a limit: write `minute`, `hour` or `day`.", text)
        return None
    if not 1 <= runs <= MOST_RUNS:
        hint = " A rule that must start nothing says `enabled: false`." if runs == 0 else ""
        reader.fault(f"A limit is 1 to {MOST_RUNS:,} runs, not {runs:,}.{hint}", text)
        return None
    return Limit(runs, Per(unit))


def _n(per: Per) -> str:
    return "n" if per is Per.HOUR else ""

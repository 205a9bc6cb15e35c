"""Tries the examples of a rule when the file is read, by the code that decides about live blobs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from shared.containers import is_system_container, keeper_of
from shared.model import ENTRY_PARAMETER
from shared.parameters import Locations
from shared.path_template import Captures, Mismatch
from shared.rules import Match, Rule, Rules, problem
from shared.rules.conditions import named_fields
from shared.rules.run_parameters import MAPPING_KINDS, entry_kind, text_leaves
from shared.rules_file.examples import Example, Examples
from shared.rules_file.node_reader import NodeReader
from shared.wording import shown, unknown

# Where the blobs of examples lie that do not say so.
EXAMPLE_ACCOUNT = "account"
_EXAMPLE_KEY = "0" * 64


def check_examples(reader: NodeReader, rules: Rules, rule: Rule, examples: Examples) -> None:
    """Note each example that fails; `rules` are all rules of the file, since an earlier one may take the path."""
    for example in examples.match:
        _check_match(reader, rules, rule, example)
    for example in examples.no_match:
        _check_no_match(reader, rule, example)


def _check_no_match(reader: NodeReader, rule: Rule, example: Example) -> None:
    arrival = example.arrival()
    if is_system_container(arrival.container) or not isinstance(rule.match(arrival.full_path), Captures):
        return
    judgement = rule.conditions.judge(arrival)
    if not judgement.unmet:
        says = f", depending on {named_fields(judgement.undecided)}" if judgement.undecided else ""
        reader.fault(f"{shown(example.path.value)} matches{says}, and should not.", example.path)


def _check_match(reader: NodeReader, rules: Rules, rule: Rule, example: Example) -> None:
    arrival, path = example.arrival(), example.path
    captures = rule.match(path.value)
    if isinstance(captures, Mismatch):
        reader.fault(f"{shown(path.value)} does not match: {captures.reason}.", path)
        return
    if unmet := rule.conditions.judge(arrival).unmet:
        reader.fault(f"{shown(path.value)} does not match: {'; '.join(unmet)}.", path)
        return
    if is_system_container(arrival.container):
        container = arrival.container
        reader.fault(f"{shown(container)} is kept by {keeper_of(container)} for itself; nothing matches there.", path)
        return
    if rule.enabled and (fault := _taken(rules.match(arrival), rule)):
        reader.fault(f"{shown(path.value)} {fault}", path)
    _check_rendered(reader, Match(rule, arrival, captures), example)


def _taken(matches: Iterable[Match], rule: Rule) -> str:
    """Return which rule takes the blob of an example from its own, "" when none does."""
    matches = [*matches]
    if any(match.rule is rule for match in matches):
        return ""
    winner = next(match for match in matches if not match.rule.also)
    says = f"matches the rule {shown(winner.rule.name)} on line {winner.rule.line} first"
    if winner.undecided:
        return f"{says}, depending on {named_fields(winner.undecided)}: say so with `given`."
    return f"{says}."


def _check_rendered(reader: NodeReader, match: Match, example: Example) -> None:
    account = match.arrival.account or EXAMPLE_ACCOUNT
    fields = match._replace(arrival=replace(match.arrival, account=account)).render(
        Locations.in_azure(account), _EXAMPLE_KEY
    )
    if fault := problem(fields):
        reader.fault(f"{shown(example.path.value)} would not be run: {fault}.", example.path)
    fields.get(entry_kind(fields), {}).pop(ENTRY_PARAMETER, None)
    named = _Named(match.captures, fields)
    for name, wanted in example.expected:
        if fault := named.fault(name.value):
            reader.fault(fault, name)
        elif (found := named.value(name.value)) != wanted.value:
            reader.fault(f"{shown(name.value)} is {shown(found)} here, not {shown(wanted.value)}.", wanted)


class _Named:
    """The texts that an example may name: parameters by place or by bare name, and captures."""

    def __init__(self, captures: Captures, fields: Mapping[str, Any]) -> None:
        self._captures = {name: capture.text for name, capture in captures.items()}
        self._places = {place: text for kind, value in fields.items() for place, text in text_leaves(kind, value)}
        self._bare: dict[str, list[str]] = {}
        for kind in MAPPING_KINDS:
            for name in fields.get(kind, {}):
                self._bare.setdefault(name, []).append(f"{kind}.{name}")

    def fault(self, name: str) -> str:
        """Return why a name says nothing here, "" when it does."""
        if len(places := self._bare.get(name, ())) > 1 and name not in self._places:
            return f"{shown(name)} is {' and '.join(f'`{place}`' for place in places)}: write one of these."
        if name in self._places or name in self._bare or name in self._captures:
            return ""
        items = [place for place in self._places if place.endswith("]")]
        known = dict.fromkeys([*self._captures, *self._bare, *items])
        return unknown(name, known, "is no parameter and no capture of this rule")

    def value(self, name: str) -> str:
        """Return the text of a name that `fault` finds nothing wrong with; of a parameter rather than of a capture."""
        if name in self._places:
            return self._places[name]
        return self._places[self._bare[name][0]] if name in self._bare else self._captures[name]

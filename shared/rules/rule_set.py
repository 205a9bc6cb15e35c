"""All rules together: which of them an arrival is for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import cached_property

from shared.containers import is_system_container
from shared.model import Arrival, Source
from shared.path_template import Mismatch
from shared.rules.conditions import HOLDS
from shared.rules.explanation import Explanation, explain
from shared.rules.index import RuleIndex
from shared.rules.rule import Match, Rule


class Rules:
    """All rules in the order of the file: the first that matches wins, and those with `also` fire beside it."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = tuple(rules)
        self._by_name = {rule.name: rule for rule in self._rules}
        self._by_ledger_name = {rule.ledger_name: rule for rule in self._rules}
        self._by_any_name = {name: rule for rule in self._rules for name in rule.renamed_from} | self._by_name
        self._index = RuleIndex(rule for rule in self._rules if rule.enabled)

    def __iter__(self) -> Iterator[Rule]:
        return iter(self._rules)

    def __len__(self) -> int:
        return len(self._rules)

    def by_name(self, name: str) -> Rule | None:
        """Return the rule of that name, None when there is none (any more)."""
        return self._by_name.get(name)

    def by_ledger_name(self, name: str) -> Rule | None:
        """Return the rule whose entries are kept under a name, None when there is none (any more)."""
        return self._by_ledger_name.get(name)

    def called(self, name: str) -> Rule | None:
        """Return the rule that a person means by a name, its present or a former one; None when there is none."""
        return self._by_any_name.get(name)

    def present_name(self, ledger_name: str) -> str:
        """Return what the rule is called now whose entries are kept under a name; the same where it is gone."""
        rule = self._by_ledger_name.get(ledger_name)
        return rule.name if rule else ledger_name

    @cached_property
    def fingerprint(self) -> str:
        """Return what changes whenever other arrivals may match, or match otherwise: 32 hex digits.

        What a match starts and what it is told do not count, nor what becomes of overwrites and of failed runs.
        """
        said = [
            {
                "names": [rule.name, rule.ledger_name],
                "path": [type(rule.path).__name__, rule.path.text],
                "exclude": [template.text for template in rule.exclude],
                "conditions": repr(rule.conditions),
                "policies": [rule.also, rule.enabled, str(rule.mode)],
            }
            for rule in self._rules
        ]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:32]

    def contenders(self, arrival: Arrival) -> tuple[Rule, ...]:
        """Return every rule that the arrival's path is for, whatever the others, its conditions and `enabled` say.

        It is for one of these that the arrival was taken before, if it was: when rules change places, when one is
        disabled or has other conditions, another of them wins. Unlike `match` it does not depend on their order.
        """
        if is_system_container(arrival.container):
            return ()
        full_path = arrival.full_path
        found = self._whole_index.candidates(full_path)
        return tuple(rule for rule in found if not isinstance(rule.match(full_path), Mismatch))

    @cached_property
    def _whole_index(self) -> RuleIndex:
        """The index with disabled rules too; made when first asked for, as an event never asks."""
        return self._index if all(rule.enabled for rule in self._rules) else RuleIndex(self._rules)

    def match(self, arrival: Arrival) -> tuple[Match, ...]:
        """Return the matches of an arrival in the order of the file: any number with `also`, at most one without.

        A match may be undecided: then look the blob up and match again. Never raises, whatever the blob is called.
        """
        full_path = arrival.full_path
        candidates = self._index.candidates(full_path)
        if not candidates or is_system_container(arrival.container):
            return ()
        matches: list[Match] = []
        is_won = False
        for rule in candidates:
            if is_won and not rule.also:
                continue
            captures = rule.match(full_path)
            if isinstance(captures, Mismatch):
                continue
            conditions = rule.conditions
            judgement = conditions.judge(arrival) if conditions.fields else HOLDS
            if judgement.unmet:
                continue
            matches.append(Match(rule, arrival, captures, judgement.undecided))
            is_won = is_won or not rule.also
        return tuple(matches)

    def explain(self, full_path: str) -> tuple[Explanation, ...]:
        """Return what every rule makes of `container/path` when nothing else is known, in the order of the file."""
        container, _, path = full_path.partition("/")
        return explain(self._rules, full_path, _place(container, path))

    def explain_arrival(self, arrival: Arrival) -> tuple[Explanation, ...]:
        """Return what every rule makes of an arrival, in the order of the file; `match` has what is `matched`."""
        return explain(self._rules, arrival.full_path, arrival)


def _place(container: str, path: str) -> Arrival:
    """Return an arrival of which only the place is known."""
    never = datetime.fromtimestamp(0, UTC)
    return Arrival(account="", container=container, path=path, version=None, committed_at=never, source=Source.EVENT)

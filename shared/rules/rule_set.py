"""All rules together: which of them an arrival is for, and what each makes of a path."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from shared.containers import is_system_container
from shared.model import Arrival
from shared.path_template import Captures, Mismatch
from shared.rules.index import RuleIndex
from shared.rules.rule import Match, Rule
from shared.wording import shown


@dataclass(frozen=True, slots=True)
class Explanation:
    """What one rule makes of a path."""

    rule: str  # its name
    matched: bool  # a blob there starts this rule's job
    reason: str  # one sentence, "" when matched
    captures: Captures | None  # None when the path is not for the rule at all


class Rules:
    """All rules in the order of the file; the first that matches wins."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = tuple(rules)
        self._by_name = {rule.name: rule for rule in self._rules}
        self._index = RuleIndex(self._rules)

    def __iter__(self) -> Iterator[Rule]:
        return iter(self._rules)

    def __len__(self) -> int:
        return len(self._rules)

    def by_name(self, name: str) -> Rule | None:
        """Return the rule of that name, None when there is none (any more)."""
        return self._by_name.get(name)

    def match(self, arrival: Arrival) -> tuple[Match, ...]:
        """Return the matches of an arrival: none or one. Never raises, whatever the blob is called."""
        if is_system_container(arrival.container):
            return ()
        full_path = arrival.full_path
        for rule in self._index.candidates(full_path):
            captures = rule.match(full_path)
            if isinstance(captures, Captures):
                return (Match(rule, arrival, captures),)
        return ()

    def explain(self, full_path: str) -> tuple[Explanation, ...]:
        """Return what every rule makes of `container/path`, in the order of the file."""
        explanations: list[Explanation] = []
        winner: Rule | None = None
        for rule in self._rules:
            found = rule.match(full_path)
            if isinstance(found, Mismatch):
                explanations.append(Explanation(rule.name, matched=False, reason=found.reason, captures=None))
                continue
            reason = _passed_over(full_path, winner)
            explanations.append(Explanation(rule.name, matched=not reason, reason=reason, captures=found))
            winner = winner or rule
        return tuple(explanations)


def _passed_over(full_path: str, winner: Rule | None) -> str:
    """Return why a rule that fits does not start its job, "" when it does."""
    container = full_path.partition("/")[0]
    if is_system_container(container):
        return f"Azure keeps the container {shown(container)} for itself"
    if winner:
        return f"it fits, but the rule {shown(winner.name)} on line {winner.line} comes first"
    return ""

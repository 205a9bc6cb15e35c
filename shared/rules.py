"""The rules, and which of them an arrival is for. docs/rules.md is the specification; `rules_file` reads them.

Everything that asks which job a blob starts asks here: the live path, the sweep, a backfill, `explain` and the
examples in the rules file. A preview that ran other code would lie.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from shared.containers import is_system_container
from shared.model import ENTRY_PARAMETER, Arrival, JobReference
from shared.parameters import Context, Locations, ParameterTemplate
from shared.path_template import Captures, Mismatch, PathTemplate
from shared.rule_index import RuleIndex
from shared.wording import shown

__all__ = ["Explanation", "Locations", "Match", "Rule", "Rules"]


@dataclass(frozen=True, slots=True)
class Rule:
    """A named path template, the job it starts and the parameters it passes."""

    name: str
    path: PathTemplate
    exclude: tuple[PathTemplate, ...]
    job: JobReference
    notebook_params: tuple[tuple[str, ParameterTemplate], ...]
    description: str = ""
    line: int = 0  # in the rules file

    def match(self, full_path: str) -> Captures | Mismatch:
        """Return what the rule captures from `container/path`, or why it is not for it; other rules do not matter."""
        captures = self.path.match(full_path)
        if isinstance(captures, Captures):
            for template in self.exclude:
                if isinstance(template.match(full_path), Captures):
                    return Mismatch(partial("excluded by {}".format, shown(template.text)))
        return captures


@dataclass(frozen=True, slots=True)
class Match:
    """An arrival paired with a rule."""

    rule: Rule
    arrival: Arrival
    captures: Captures

    def render(self, locations: Locations, key: str) -> dict[str, str]:
        """Return the parameters of the run for the entry `key`; `landfall_entry` is among them."""
        context = Context(
            rule=self.rule.name, key=key, arrival=self.arrival, captures=self.captures, locations=locations
        )
        parameters = {name: template.render(context) for name, template in self.rule.notebook_params}
        return {**parameters, ENTRY_PARAMETER: key}


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

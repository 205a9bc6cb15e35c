"""Finds rules that want the same paths: which of them wins, and whether anything is left to the other.

Languages say where to look and prove what no path can show; every path that is reported has been put to the rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from cli.rules.check.near_rules import NearRules
from cli.rules.check.samples import Hints, Samples, arrival_at, asks_no_more, facts_for, no_hints
from cli.rules.check.whole_folders import is_plainly_within
from cli.rules.language.paths import at_least, at_most
from cli.rules.language.terms import Term, both, negation
from cli.rules.language.undecided import Undecided
from cli.rules.language.words import Effort, shortest_word
from shared.model import Arrival
from shared.path_template import Captures
from shared.rules import Rule, Rules

Watch = Callable[[Iterable[Rule]], Iterable[Rule]]

# What all comparisons of a file may take together, in steps of a search: some seconds.
MOST_EFFORT = 1_000_000
_PAIR_EFFORT = 2  # what looking at a pair costs that needs no search
_RULES_TRIED_IN_A_STEP = 5
_MOST_TAKERS = 8  # so many rules are tried as taking all paths of another together
_MOST_DETOURS = 4  # so many third rules are kept out of a path that should show two


@dataclass(frozen=True, slots=True)
class Taking:
    """An earlier rule takes a path that a later rule wants as well."""

    earlier: Rule
    path: str
    is_particular: bool  # every path of the earlier rule is one of the later, too: it is an exception


@dataclass(slots=True)
class Standing:
    """What earlier rules leave to a rule."""

    rule: Rule
    takings: list[Taking] = field(default_factory=list)
    shadows: tuple[Rule, ...] = ()  # these take all of its paths
    path: str = ""  # one of those


@dataclass(slots=True)
class Comparison:
    """What came of comparing all rules of a file."""

    standings: list[Standing] = field(default_factory=list)
    unmatched: list[Rule] = field(default_factory=list)  # no path can match these
    undecided: int = 0  # pairs of rules that nothing is said about
    uncompared: int = 0  # rules that were not compared with all others, when the effort was spent


def compare(rules: Rules, watch: Watch = iter, hints: Hints = no_hints) -> Comparison:
    """Compare each rule with those before it; `watch` may show how far it is, and `hints` knows paths of rules."""
    return _Comparer(rules, hints).run(watch)


class _Comparer:
    def __init__(self, rules: Rules, hints: Hints) -> None:
        self._rules = rules
        self._effort = Effort(MOST_EFFORT)
        self._samples = Samples(self._effort, hints)
        self._near = NearRules()
        self._winners: dict[Arrival, Rule | None] = {}
        # Rules without literal text are tried on every path.
        self._match_effort = sum(not any(rule.path.literal_runs) for rule in rules) // _RULES_TRIED_IN_A_STEP
        self._found = Comparison()

    def run(self, watch: Watch) -> Comparison:
        for order, rule in enumerate(watch(tuple(self._rules))):
            if not rule.enabled or self._is_unmatched(rule) or rule.also:
                continue
            standing = Standing(rule)
            self._stand(standing)
            if standing.shadows or standing.takings:
                self._found.standings.append(standing)
            if not standing.shadows:  # what takes no path takes none from others
                self._near.add(order, rule)
        return self._found

    def _is_unmatched(self, rule: Rule) -> bool:
        try:
            if self._samples.path(rule) is not None:
                return False
        except Undecided:
            return False
        self._found.unmatched.append(rule)
        return True

    def _stand(self, standing: Standing) -> None:
        near = () if self._effort.is_spent else self._near.of(standing.rule)
        for earlier in near:
            if self._is_shadowed(standing, (earlier,)):
                return
            try:
                self._effort.spend(_PAIR_EFFORT)
                if taking := self._taking(earlier, standing.rule):
                    standing.takings.append(taking)
            except Undecided:
                self._found.undecided += not self._effort.is_spent
            if self._effort.is_spent:
                break
        if self._effort.is_spent:
            self._found.uncompared += 1
            return
        takers = [taking.earlier for taking in standing.takings]
        if 1 < len(takers) <= _MOST_TAKERS:
            self._is_shadowed(standing, takers)

    def _is_shadowed(self, standing: Standing, takers: Sequence[Rule]) -> bool:
        """Tell whether these rules are proven to take every path of a rule."""
        try:
            return self._prove_shadowed(standing, takers)
        except Undecided:
            return False

    def _prove_shadowed(self, standing: Standing, takers: Sequence[Rule]) -> bool:
        """Try one path of a rule on these rules, and only then look for a proof. Raises Undecided."""
        rule = standing.rule
        certain = [taker for taker in takers if asks_no_more(taker, rule)]
        path = self._samples.path(rule)
        if not certain or path is None or not any(_takes(taker, path) for taker in certain):
            return False
        if not self._is_covered(rule, certain):
            return False
        winner = self._winner(path, rule)
        if winner is None or winner == rule:
            return False
        standing.shadows, standing.path = tuple(certain), path
        return True

    def _taking(self, earlier: Rule, later: Rule) -> Taking | None:
        """Return a path that the earlier of two rules takes from the later, None where it takes none."""
        facts = facts_for([earlier, later])
        path = self._shared_path(earlier, later) if facts is not None else None
        if path is None:
            return None
        is_particular = self._is_within(earlier, later)
        for detour in range(_MOST_DETOURS):
            winner = self._winner(path, earlier, later)
            if winner == earlier:
                return Taking(earlier, path, is_particular)
            if winner is None or winner == later or detour == _MOST_DETOURS - 1:
                break
            path = shortest_word(self._without(winner, earlier, later), self._effort)
            if path is None:
                return None  # other rules take all that the two share
        raise Undecided

    def _without(self, winner: Rule, earlier: Rule, later: Rule) -> Term:
        """Return the paths that two rules share less those that rules before them are certain to take."""
        before = [rule for rule in self._near.of(later) if rule.line < earlier.line and rule.name != earlier.name]
        nearest = [rule for rule in before if rule == winner] + [rule for rule in before if rule != winner]
        taken = [negation(at_least(rule)) for rule in nearest[:_MOST_TAKERS] if asks_no_more(rule, later)]
        return both([at_most(earlier), at_most(later), *taken])

    def _shared_path(self, earlier: Rule, later: Rule) -> str | None:
        for one, other in ((later, earlier), (earlier, later)):
            with suppress(Undecided):
                path = self._samples.path(one)
                if path is not None and _takes(other, path):
                    return path
        return shortest_word(both([at_most(earlier), at_most(later)]), self._effort)

    def _is_within(self, earlier: Rule, later: Rule) -> bool:
        """Tell whether every path of the earlier rule is proven to be one of the later, too."""
        try:
            path = self._samples.path(earlier)
            return path is not None and _takes(later, path) and self._is_covered(earlier, [later])
        except Undecided:
            return False

    def _is_covered(self, rule: Rule, others: Sequence[Rule]) -> bool:
        """Tell whether every path of a rule is one of the others' as well. Raises Undecided."""
        if any(is_plainly_within(rule, other) for other in others):
            return True
        left = both([at_most(rule), *(negation(at_least(other)) for other in others)])
        return shortest_word(left, self._effort) is None

    def _winner(self, path: str, *wanting: Rule) -> Rule | None:
        """Return the rule that starts its job for a path, by the code that decides live; None if one wants it not."""
        facts = facts_for(wanting)
        if facts is None or not all(_takes(rule, path) for rule in wanting):
            return None
        arrival = arrival_at(path, **facts)
        if arrival not in self._winners:
            self._effort.spend(self._match_effort)
            matches = self._rules.match(arrival)
            self._winners[arrival] = next((match.rule for match in matches if not match.rule.also), None)
        return self._winners[arrival]


def _takes(rule: Rule, path: str) -> bool:
    return isinstance(rule.match(path), Captures)

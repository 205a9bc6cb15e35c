"""Which rules a path comes closest to: those whose pattern still fits the longest beginning of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cli.rules.language.paths import paths_of
from cli.rules.language.terms import NOTHING, derivative
from cli.rules.language.undecided import Undecided
from shared.path_template import PathPattern
from shared.rules import Explanation, Rules

# Reading a pattern as a language takes some milliseconds: with more rules than so many, the likeliest are read.
MOST_READ = 50


def closest_first(missed: Iterable[Explanation], rules: Rules, full_path: str) -> list[Explanation]:
    """Return explanations of rules that do not match, the one that got furthest first, equals in the file's order."""
    rough = sorted(missed, key=lambda each: _rough_reach(each, rules, full_path), reverse=True)
    likely, others = rough[:MOST_READ], rough[MOST_READ:]
    lines = {rule.name: number for number, rule in enumerate(rules)}
    likely.sort(key=lambda each: (-_reach(each, rules, full_path), lines[each.rule]))
    return likely + others


def _rough_reach(explanation: Explanation, rules: Rules, full_path: str) -> int:
    rule = rules.by_name(explanation.rule)
    if explanation.captures is not None or rule is None:
        return len(full_path) + 1
    return _shared(rule.path.static_prefix, full_path)


def _reach(explanation: Explanation, rules: Rules, full_path: str) -> int:
    """Return how many characters of the path the pattern fits, one more where only something else does not."""
    rule = rules.by_name(explanation.rule)
    if explanation.captures is not None or rule is None:
        return len(full_path) + 1
    try:
        return _fitting(rule.path, full_path)
    except Undecided:
        return _shared(rule.path.static_prefix, full_path)


def _fitting(pattern: PathPattern, full_path: str) -> int:
    term = paths_of(pattern)
    for index, character in enumerate(full_path):
        term = derivative(term, ord(character))
        if term is NOTHING:
            return index
    return len(full_path)


def _shared(one: Sequence[str], other: Sequence[str]) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (left, right) in pairs if left != right), min(len(one), len(other)))

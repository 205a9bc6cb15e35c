"""Says of every rule what it makes of an arrival, in a sentence; it decides by the code that decides live."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from shared.containers import is_system_container, keeper_of
from shared.durations import written_duration
from shared.model import Arrival
from shared.path_template import Captures, Mismatch
from shared.rules.conditions import named_fields
from shared.rules.rule import Match, Mode, Rule
from shared.wording import shown


@dataclass(frozen=True, slots=True)
class Explanation:
    """What one rule makes of an arrival."""

    rule: str  # its name
    matched: bool  # `Rules.match` has a match of this rule
    reason: str  # why it does not match, or what keeps its job from starting at once; "" when nothing does
    captures: Captures | None  # None when the path is not for the rule at all
    undecided: tuple[str, ...] = ()  # as in Match
    matched_segments: int = 0  # how many segments of the path fit, from its start: what is nearest has most


def explain(rules: Iterable[Rule], full_path: str, arrival: Arrival) -> tuple[Explanation, ...]:
    """Return what every rule makes of an arrival at `full_path`, in their order."""
    explanations: list[Explanation] = []
    winner: Match | None = None
    for rule in rules:
        captures = rule.match(full_path)
        if isinstance(captures, Mismatch):
            explanations.append(_unfit(rule, captures))
            continue
        judgement = rule.conditions.judge(arrival)
        match = Match(rule, arrival, captures, judgement.undecided)
        passed_over = _passed_over(match, judgement.unmet, winner)
        explanations.append(_fit(match, passed_over, full_path))
        if not passed_over and not rule.also:
            winner = winner or match
    return tuple(explanations)


def _unfit(rule: Rule, mismatch: Mismatch) -> Explanation:
    return Explanation(
        rule.name,
        matched=False,
        reason=mismatch.reason,
        captures=None,
        matched_segments=mismatch.matched_segments,
    )


def _fit(match: Match, passed_over: str, full_path: str) -> Explanation:
    return Explanation(
        match.rule.name,
        matched=not passed_over,
        reason=passed_over or "; ".join(_reservations(match)),
        captures=match.captures,
        undecided=() if passed_over else match.undecided,
        matched_segments=full_path.count("/") + 1,
    )


def _passed_over(match: Match, unmet: tuple[str, ...], winner: Match | None) -> str:
    """Return why a rule that the path fits does not match, "" when it does."""
    container = match.arrival.container
    if is_system_container(container):
        return f"{keeper_of(container)} keeps the container {shown(container)} for itself"
    if not match.rule.enabled:
        return "it fits, but the rule is disabled"
    if unmet:
        return "; ".join(unmet)
    if match.rule.also or winner is None:
        return ""
    says = f"it fits, but the rule {shown(winner.rule.name)} on line {winner.rule.line} comes first"
    return f"{says}, depending on {named_fields(winner.undecided)}" if winner.undecided else says


def _reservations(match: Match) -> Iterator[str]:
    """Yield what keeps the job of a rule that matches from starting at once."""
    if match.undecided:
        yield f"undecided: it depends on {named_fields(match.undecided)}, not known here"
    if match.rule.mode is Mode.SHADOW:
        yield "recorded, and nothing is started: the rule is a shadow"
    if match.rule.conditions.min_age:
        yield f"held until the file is {written_duration(match.rule.conditions.min_age)} old"
    if match.rule.gather and match.rule.mode is not Mode.SHADOW:
        yield f"held until its batch is closed: {match.rule.gather.words()}"

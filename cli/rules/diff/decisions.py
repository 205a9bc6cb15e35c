"""What rules decide about an arrival, and how two sets of rules differ about one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from shared.model import ENTRY_PARAMETER, Arrival
from shared.parameters import Locations
from shared.rules import FailureAction, Match, Mode, OnOverwrite, Rules, problem
from shared.rules.run_parameters import leaves

# An entry's key is another under every rule; it says nothing about what a job is told.
_SAME_KEY = "0" * 64


class Change(StrEnum):
    """What other rules mean for an arrival; of several the first."""

    SAME = "same"
    NEW = "newly matched"
    LOST = "no longer matched"
    RULE = "other rule"
    JOB = "other job"
    PARAMETERS = "other parameters"
    HANDLING = "other handling"


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What one rule makes of an arrival that it matches."""

    rule: str = field(compare=False)
    ledger_name: str  # the same for a rule that was renamed
    job: str
    parameters: Mapping[str, Any]  # run-now's fields
    handling: str  # what keeps the job from starting at once; "" when nothing does


def decisions(rules: Rules, arrival: Arrival, locations: Locations) -> tuple[Decision, ...]:
    """Return what rules decide about an arrival, in the order of the file; none when nothing matches."""
    return tuple(_decision(match, locations) for match in rules.match(arrival))


def change_between(old: tuple[Decision, ...], new: tuple[Decision, ...]) -> Change:
    """Return what differs between two decisions about the same arrival."""
    if old == new:
        return Change.SAME
    if not old or not new:
        return Change.LOST if old else Change.NEW
    pairs = [*zip(old, new, strict=False)]
    if len(old) != len(new) or any(one.ledger_name != other.ledger_name for one, other in pairs):
        return Change.RULE
    if any(one.job != other.job for one, other in pairs):
        return Change.JOB
    return Change.PARAMETERS if any(one.parameters != other.parameters for one, other in pairs) else Change.HANDLING


def differing_parameters(old: Decision, new: Decision) -> Iterator[tuple[str, str, str]]:
    """Yield the parameters that differ: place, old text and new text, "" where there is none."""
    before, after = _texts_by_place(old.parameters), _texts_by_place(new.parameters)
    for place in sorted({*before, *after}):
        if before.get(place) != after.get(place):
            yield place, before.get(place, ""), after.get(place, "")


def handling_of(match: Match, fields: Mapping[str, Any]) -> Iterator[str]:
    """Yield what keeps the job of a match from starting at once, or with every version of the file."""
    rule = match.rule
    if match.undecided:
        yield f"depends on {' and '.join(match.undecided)}"
    if rule.mode is Mode.SHADOW:
        yield "a shadow: recorded, not run"
    elif fault := problem(fields):
        yield f"dead on arrival: {fault}"
    if rule.conditions.min_age:
        yield f"held for {rule.conditions.min_age}"
    if rule.on_overwrite is not OnOverwrite.RUN:
        yield f"a new version of a known file: {rule.on_overwrite}"
    if rule.on_failure.action is not FailureAction.RECORD:
        yield f"a failed run: {rule.on_failure.action}, at most {rule.on_failure.most}"
    if rule.gather:
        yield f"gathered: {rule.gather.words()}"
    if rule.limits:
        yield f"at most {' and '.join(limit.words() for limit in rule.limits)}"


def _decision(match: Match, locations: Locations) -> Decision:
    fields = match.render(locations, _SAME_KEY)
    return Decision(
        rule=match.rule.name,
        ledger_name=match.rule.ledger_name,
        job=str(match.rule.job),
        parameters=_without_entry(fields),
        handling="; ".join(handling_of(match, fields)),
    )


def _without_entry(fields: Mapping[str, Any]) -> dict[str, Any]:
    told = {
        kind: {name: text for name, text in value.items() if name != ENTRY_PARAMETER}
        if isinstance(value, Mapping)
        else value
        for kind, value in fields.items()
    }
    return {kind: value for kind, value in told.items() if value != {}}


def _texts_by_place(fields: Mapping[str, Any]) -> dict[str, str]:
    return {place: str(value) for kind, told in fields.items() for place, value in leaves(kind, told)}

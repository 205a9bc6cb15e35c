"""What other rules files mean for the names by which the ledger keeps rules: a rule that loses its name begins anew."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from cli.rules.check.findings import Level
from shared.rules import Rule, Rules
from shared.wording import shown

_ANEW = "only what lands from now on fires, and nothing is known of the files before"


@dataclass(frozen=True, slots=True)
class NameChange:
    """A rule whose entries would not be its own any more, or perhaps not."""

    level: Level
    rule: str  # its name in the new file
    says: str


def name_changes(old: Rules, new: Rules, seen: Collection[str] | None = None) -> list[NameChange]:
    """Return what becomes of names, in the order of the old file.

    `seen` are the names by which the ledger keeps rules, None where nobody asked it.
    """
    found = [*_left_behind(old, new)]
    told = {change.rule for change in found}
    unseen = () if seen is None else _unseen(old, new, seen)
    return [*found, *(change for change in unseen if change.rule not in told)]


def _left_behind(old: Rules, new: Rules) -> Iterator[NameChange]:
    appeared = [rule for rule in new if not old.by_ledger_name(rule.ledger_name)]
    for rule in old:
        if new.by_ledger_name(rule.ledger_name):
            continue
        heir = next((found for name in (rule.name, *rule.renamed_from) if (found := new.called(name))), None)
        if heir:
            yield _other_ledger_name(rule, heir)
        elif twin := _twin(rule, appeared):
            appeared.remove(twin)
            yield _perhaps_renamed(rule, twin)


def _other_ledger_name(rule: Rule, heir: Rule) -> NameChange:
    kept = rule.ledger_name
    mend = "leave `renamed_from` out" if heir.name == kept else f"{shown(kept)} must be the last in `renamed_from`"
    says = (
        f"The ledger keeps {shown(heir.name)} as {shown(kept)} and would look for it as {shown(heir.ledger_name)}: "
        f"{_ANEW}. To go on with its entries, {mend}."
    )
    return NameChange(Level.WARNING, heir.name, says)


def _perhaps_renamed(rule: Rule, twin: Rule) -> NameChange:
    former = rule.name if not rule.renamed_from else f"[{', '.join((rule.name, *rule.renamed_from))}]"
    says = (
        f"{shown(rule.name)} is gone, and {shown(twin.name)} is new and looks like it. As a new rule, {_ANEW}. "
        f"If it is the same rule, write `renamed_from: {former}`."
    )
    return NameChange(Level.NOTE, twin.name, says)


def _twin(rule: Rule, appeared: Iterable[Rule]) -> Rule | None:
    """Return a new rule that may be a gone one under another name: for the same paths, or a job's in the same place."""
    return max(
        (each for each in appeared if _likeness(rule, each)), key=lambda each: _likeness(rule, each), default=None
    )


def _likeness(one: Rule, other: Rule) -> int:
    is_same_job = one.job == other.job
    if one.path.text == other.path.text:
        return 3 if is_same_job else 2
    return 1 if is_same_job and one.path.static_prefix == other.path.static_prefix else 0


def _unseen(old: Rules, new: Rules, seen: Collection[str]) -> Iterator[NameChange]:
    for rule in new:
        if rule.renamed_from and rule.ledger_name not in seen and not old.by_ledger_name(rule.ledger_name):
            says = (
                f"The ledger has never seen {shown(rule.ledger_name)}, the last in `renamed_from` of "
                f"{shown(rule.name)}: {_ANEW}. Is it spelt as it was?"
            )
            yield NameChange(Level.WARNING, rule.name, says)

"""What one round looks at, the same for all of its shards."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from shared.ledger import Round, Standing
from shared.listing_plan import Kind, ListingPlan, Window, Zones, plan_listings
from shared.rules import Rules
from shared.settings import Settings
from shared.sweep.known import Known


@dataclass(frozen=True, kw_only=True)
class View:
    """Rules, where they look, and since when their files count, by the rules' ledger names."""

    rules: Rules
    kind: Kind
    plan: ListingPlan
    since: Mapping[str, datetime]  # of the rules that are swept
    former: frozenset[str]  # that may have entries and are not swept: removed or disabled
    known: Known

    @cached_property
    def removed(self) -> tuple[str, ...]:
        """Return the former rules that the rules do not name at all."""
        return tuple(name for name in sorted(self.former) if self.rules.by_ledger_name(name) is None)

    @cached_property
    def earliest(self) -> datetime:
        """Return the time before which no rule wants anything."""
        return min(self.since.values(), default=datetime.max.replace(tzinfo=UTC))

    def proves(self, rule: str) -> bool:
        """Tell whether a round of this kind sees all files of a rule (its name, not its ledger name)."""
        places = self.plan.of_rule(rule)
        return places is not None and (self.kind is Kind.DEEP or not places.is_pruned)


class Views:
    """Keeps one view of each kind of round: what it knows serves all shards that are swept here."""

    def __init__(self, known: Callable[[Mapping[str, datetime]], Known], settings: Settings) -> None:
        self._known = known
        self._settings = settings
        self._last: dict[str, tuple[str, View]] = {}  # by kind, with the round's id

    def of(self, round_: Round, rules: Rules, standings: Mapping[str, Standing]) -> View:
        """Return what a round looks at."""
        round_id, view = self._last.get(round_.kind, ("", None))
        if view is not None and round_id == round_.id and view.rules.fingerprint == rules.fingerprint:
            return view
        view = view_of(round_, rules, standings, self._known, self._settings)
        self._last[round_.kind] = (round_.id, view)
        return view

    def forget(self, round_: Round) -> None:
        """Let go of what is known for a round that is over."""
        self._last.pop(round_.kind, None)


def view_of(
    round_: Round,
    rules: Rules,
    standings: Mapping[str, Standing],
    known: Callable[[Mapping[str, datetime]], Known],
    settings: Settings,
) -> View:
    """Return what a round looks at; `known` gives what the ledger knows of rules since a time of each."""
    swept = [rule.ledger_name for rule in rules if rule.enabled and rule.ledger_name in standings]
    since = since_of(swept, standings, round_, settings)
    former = frozenset(standings) - frozenset(since)
    earliest = min(since.values(), default=round_.started_at)
    return View(
        rules=rules,
        kind=Kind(round_.kind),
        plan=plan_of(rules, round_.started_at, settings),
        since=since,
        former=former,
        known=known({**dict.fromkeys(former, earliest), **since}),
    )


def plan_of(rules: Rules, started_at: datetime, settings: Settings) -> ListingPlan:
    """Return where the rules look in the look-back before a moment."""
    zones = Zones(behind=settings.sweep_behind, ahead=settings.sweep_ahead)
    return plan_listings(rules, Window(started_at - settings.reconcile_look_back, started_at, zones))


def since_of(
    rules: Iterable[str], standings: Mapping[str, Standing], round_: Round, settings: Settings
) -> dict[str, datetime]:
    """Return since when the files of each rule count in a round, by ledger name.

    A quick round looks back over the look-back, and after a long outage to the watermark; a deep one over all that the
    ledger keeps. Never to before the baseline.
    """
    length = settings.reconcile_look_back if round_.kind == Kind.QUICK else settings.retention
    reach = round_.started_at - length
    found = {}
    for rule in rules:
        standing = standings[rule]
        found[rule] = max(standing.baseline, min(reach, standing.low_watermark))
    return found

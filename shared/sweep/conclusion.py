"""What a round has found, and what it proves when all of its shards are done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

from shared.ledger import Round, Shard, Standing
from shared.settings import Settings
from shared.sweep.view import View

# Pages of one listing are read at different times, and Last-Modified has whole seconds only.
OVERLAP = timedelta(minutes=10)
_MOMENT = timedelta(milliseconds=1)


@dataclass(slots=True)
class Sweep:
    """What one round has found of one rule."""

    rule: str
    ledger_name: str
    counts: Counter[str] = field(default_factory=Counter)  # listed, known, missed, fired, touched, early, gone, ...
    pages: int = 0
    seconds: float = 0.0  # of listing and claiming, shared with the rules that look in the same places
    complete: bool = False  # all of its places were seen

    @property
    def is_news(self) -> bool:
        """Tell whether it found anything but what was known."""
        return bool(self.counts.keys() - {"listed", "known", "early"})

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {**self.counts, "pages": self.pages, "seconds": round(self.seconds, 3), "complete": self.complete}


@dataclass(frozen=True, slots=True)
class RoundReport:
    """A round as it stands."""

    round: Round
    sweeps: tuple[Sweep, ...]
    shards: int
    done: int
    failures: tuple[str, ...]  # listings that were given up, and why

    @property
    def listed(self) -> int:
        """Return how many blobs were listed."""
        return self.round.listed

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        concluded_at = self.round.concluded_at
        return {
            "kind": self.round.kind,
            "started_at": self.round.started_at.isoformat(timespec="milliseconds"),
            "finished_at": concluded_at.isoformat(timespec="milliseconds") if concluded_at else None,
            "shards": self.shards,
            "done": self.done,
            "shared": self.round.sent_at is not None,
            "listed": self.listed,
        }


def report(view: View, round_: Round, shards: Sequence[Shard]) -> RoundReport:
    """Return what the shards of a round have found so far, rule by rule."""
    sweeps = _begun(view, round_, shards)
    ledger_names = {rule.name: rule.ledger_name for rule in view.rules}
    listings = {place for shard in shards for place in shard.listings}
    rules_of = {
        (listing.container, listing.prefix): [ledger_names[name] for name in listing.rules]
        for listing in view.plan.listings(view.kind, {container for container, _ in listings})
    }
    # A round may have been planned by other settings than ours, or by another version of us.
    for name in chain.from_iterable(names for place, names in rules_of.items() if place not in listings):
        sweeps[name].complete = False
    failures = [round_.containers_failure] if round_.containers_failure else []
    for places in view.plan.rules if failures else ():
        if places.of(view.kind).container is None:
            sweeps[ledger_names[places.rule]].complete = False
    listed = 0
    for shard in shards:
        for name, counts in shard.progress.found.items():
            if name in sweeps:
                sweeps[name].counts.update(counts)
        for place, progress in zip(shard.listings, shard.progress.listings, strict=False):  # those not begun are absent
            listed += progress.listed
            if progress.failure:
                failures.append(progress.failure)
            for name in rules_of.get(place, ()):
                sweep = sweeps[name]
                sweep.counts["listed"] += progress.listed
                sweep.pages += progress.pages
                sweep.seconds += progress.seconds
                sweep.complete = sweep.complete and not progress.failure
    done = sum(shard.is_done for shard in shards)
    return RoundReport(replace(round_, listed=listed), tuple(sweeps.values()), round_.shards, done, tuple(failures))


def _begun(view: View, round_: Round, shards: Sequence[Shard]) -> dict[str, Sweep]:
    """Return nothing found yet, of each rule by its ledger name; complete where no shard says that it is not."""
    is_whole = len(shards) == round_.shards and all(shard.is_done for shard in shards)
    swept = [rule for rule in view.rules if rule.ledger_name in view.since]
    return {rule.ledger_name: Sweep(rule.name, rule.ledger_name, complete=is_whole) for rule in swept}


def proven(
    view: View, found: RoundReport, shards: Iterable[Shard], standings: Mapping[str, Standing], settings: Settings
) -> list[Standing]:
    """Return the standings that a finished round moves: what it has seen is complete up to then."""
    left: dict[str, datetime] = {}
    for shard in shards:
        for name, committed_at in shard.progress.left.items():
            left[name] = min(committed_at, left.get(name, committed_at))
    # What was younger than the grace period was left to its event: it is not proven yet.
    seen = found.round.started_at - settings.reconcile_grace - OVERLAP
    moved = []
    for sweep in found.sweeps:
        standing = standings[sweep.ledger_name]
        up_to = min(seen, left.get(sweep.ledger_name, seen + _MOMENT) - _MOMENT)
        if sweep.complete and view.proves(sweep.rule) and up_to > standing.low_watermark:
            moved.append(replace(standing, low_watermark=up_to))
    return moved

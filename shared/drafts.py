"""Drafts: a match as its entry would be without a ledger. Pure."""

from __future__ import annotations

from datetime import datetime

from shared.landing import NO_FILE, is_directory
from shared.model import Entry, Result, State, entry_key
from shared.parameters import Locations
from shared.rules import Match, Mode, is_storable, problem

LONGEST_REASON = 500


def draft(match: Match, locations: Locations, now: datetime) -> Entry:
    """Return the entry that a match makes: to be started, held until its file's age or its batch, or closed at once.

    A member of a batch is told nothing: its batch's run is, when it is sealed.
    """
    rule, arrival = match.rule, match.arrival
    key = entry_key(rule.ledger_name, arrival)
    fields = {} if rule.gather else match.render(locations, key)
    entry = Entry(
        key=key,
        rule=rule.ledger_name,
        arrival=arrival,
        job=rule.job,
        parameters=fields if is_storable(fields) else {},
        state=State.PENDING,
        claimed_at=now,
        due_at=now,
    )
    if match.undecided:
        return _ignored(entry, f"nobody tells the {' and the '.join(match.undecided)} of this file")
    if is_directory(arrival):
        return _ignored(entry, NO_FILE)
    if rule.mode is Mode.SHADOW:
        return _ignored(entry, f"the rule is a shadow: it would have started the job {rule.job}")
    if fault := problem(fields):
        return entry.evolve(state=State.DEAD, due_at=None, reason=fault, settled_at=now, parameters={})
    return _held(entry, match, now)


def _held(entry: Entry, match: Match, now: datetime) -> Entry:
    """Return the entry as it waits for its batch or its age, and as it is where it waits for nothing."""
    gather = match.rule.gather
    if gather:
        reason = f"gathering {gather.text(match.captures)}".rstrip()[:LONGEST_REASON]
        return entry.evolve(state=State.HELD, due_at=now + gather.wait, gathering_since=now, reason=reason)
    ripe_at = match.arrival.committed_at + match.rule.conditions.min_age
    if ripe_at > now:
        return entry.evolve(state=State.HELD, due_at=ripe_at, reason=f"waits until {ripe_at.isoformat()}: min_age")
    return entry


def _ignored(entry: Entry, reason: str) -> Entry:
    return entry.evolve(
        state=State.SETTLED, result=Result.IGNORED, due_at=None, reason=reason, settled_at=entry.claimed_at
    )

"""What an arrival is beside its path's head, and what it makes of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from shared.ledger.rows import head_key, head_values
from shared.ledger.table import Create, Operation, Replace
from shared.model import Arrival, Entry, Result, Source, State
from shared.versions import Comparison, Head, compare


def judged(entry: Entry, head: Head | None, others: Iterable[Head] = (), *, overwrites_run: bool) -> Entry:
    """Return the entry as it must be written beside the head of its path, and the heads that other rules have of it."""
    last = _last(head, others)
    if last is None:
        return entry
    comparison = compare(last, entry.arrival)
    if comparison is Comparison.OLDER:
        return _closed(entry, Result.SUPERSEDED)
    if comparison is Comparison.TOUCHED:
        return _closed(entry, Result.TOUCHED)
    if entry.is_open and not overwrites_run and head is not None and not head.never_ran:
        return _closed(entry, Result.IGNORED, reason="the rule does not run what overwrites a file")
    return replace(entry, ambiguous_touch=comparison is Comparison.AMBIGUOUS)


def _last(head: Head | None, others: Iterable[Head]) -> Head | None:
    """Return the head of the version that came last, the rule's own in doubt; None where nobody has one."""
    return max(filter(None, (head, *others)), key=lambda each: each.committed_at, default=None)


def _closed(entry: Entry, result: Result, *, reason: str = "") -> Entry:
    return replace(
        entry,
        state=State.SETTLED,
        result=result,
        reason=reason,
        settled_at=entry.claimed_at,
        due_at=None,
        request=None,
        first_sent_at=None,
    )


def _is_told_late(arrival: Arrival, head: Head) -> bool:
    """Tell whether a version that runs, for want of a certain order, came before the head: that stays the newest.

    What a listing showed is the newest, whatever its time: a file that is moved keeps the time that it had.
    """
    is_told = arrival.source is Source.EVENT and not arrival.is_there
    has_order = bool(arrival.sequencer and head.sequencer)
    return is_told and not has_order and arrival.committed_at < head.committed_at


def head_operation(entry: Entry, head: Head | None, others: Iterable[Head] = ()) -> Operation | None:
    """Return how the head of an entry's path is written together with it; None where it stays as it is."""
    key = head_key(entry.arrival)
    if head is None:
        return Create(key, head_values(Head.of(entry.arrival)))
    made = Head.of(entry.arrival)
    if entry.result is Result.SUPERSEDED or _is_told_late(entry.arrival, head):
        return None
    is_touch_of_ours = entry.result is Result.TOUCHED and _last(head, others) is head
    if is_touch_of_ours or entry.result is Result.IGNORED:
        made = replace(made, owner=head.owner or head.version)
    return Replace(key, head_values(made), head.etag)

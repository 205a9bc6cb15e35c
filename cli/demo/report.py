"""What came of the demo: one row per version, the totals, and whether all is as it must be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from cli.demo.plan import DUPLICATES, PLAN
from cli.demo.play import Dropped, Outcome
from shared.model import Entry, Result, Source


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One version of one file."""

    file: str
    rule: str | None
    found_by: str | None
    run: int | None
    result: str | None
    seconds_to_start: float | None
    seconds_to_result: float | None
    note: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """All rows, the totals, and what is not as it must be."""

    rows: tuple[Row, ...]
    totals: dict[str, int]
    missed_rate: float | None
    faults: tuple[str, ...]


def report_of(outcome: Outcome) -> Report:
    """Return the report of a run of the demo."""
    wanted = [one for one in outcome.dropped if one.key]
    totals = {
        "dropped": len(outcome.dropped),
        "runs": sum(outcome.runs.values()),
        "duplicates suppressed": outcome.duplicates,
        "missed and recovered": outcome.missed,
        "lost": sum(not outcome.runs.get(one.key or "") and not _gave_way(one, outcome) for one in wanted),
        "run twice": sum(outcome.runs.get(one.key or "", 0) > 1 for one in wanted),
    }
    return Report(
        rows=tuple(_row(one, outcome.entries.get(one.key or "")) for one in outcome.dropped),
        totals=totals,
        missed_rate=outcome.missed_rate,
        faults=tuple(_faults(outcome, totals)),
    )


def _row(one: Dropped, entry: Entry | None) -> Row:
    return Row(
        file=one.arrival.full_path,
        rule=one.planned.rule,
        found_by=entry.arrival.source.value if entry else None,
        run=entry.run_id if entry else None,
        result=str(entry.result or entry.state) if entry else None,
        seconds_to_start=_seconds(one.at, entry.run_started_at) if entry else None,
        seconds_to_result=_seconds(one.at, entry.settled_at) if entry else None,
        note=one.planned.note,
    )


def _gave_way(one: Dropped, outcome: Outcome) -> bool:
    """Tell whether a version waited, as in an outage, until a newer one had replaced it, which then ran instead."""
    entry = outcome.entries.get(one.key or "")
    if entry is None or entry.result is not Result.SUPERSEDED:
        return False
    later = outcome.dropped[outcome.dropped.index(one) + 1 :]
    return any(
        other.arrival.full_path == one.arrival.full_path and outcome.runs.get(other.key or "") for other in later
    )


def _seconds(since: datetime, until: datetime | None) -> float | None:
    return None if until is None else max(0.0, (until - since).total_seconds())


def _faults(outcome: Outcome, totals: dict[str, int]) -> Iterator[str]:
    for one in outcome.dropped:
        entry = outcome.entries.get(one.key or "")
        if one.key and entry is None:
            yield f"{one.arrival.full_path} has no entry"
        elif entry and entry.result is not one.planned.result and not _gave_way(one, outcome):
            yield f"{entry.arrival.full_path} ended {entry.result or entry.state}, not {one.planned.result}"
        elif entry and one.planned.found_by is Source.SWEEP and entry.arrival.source is not Source.SWEEP:
            yield f"{entry.arrival.full_path} was found by its {entry.arrival.source}, which was to be lost"
    expected_runs = len([one for one in outcome.dropped if one.key and not _gave_way(one, outcome)])
    least_missed = len([planned for planned in PLAN if planned.found_by is Source.SWEEP])
    if totals["runs"] != expected_runs:
        yield f"{totals['runs']} runs instead of {expected_runs}"
    # A slow machine may be late with an event, or have one delivered again: that adds to these, and harms nothing.
    if totals["duplicates suppressed"] < DUPLICATES:
        yield f"{totals['duplicates suppressed']} duplicates suppressed, at least {DUPLICATES} were delivered"
    if totals["missed and recovered"] < least_missed:
        yield f"{totals['missed and recovered']} missed arrivals found, at least {least_missed} were missed"
    for total in ("lost", "run twice"):
        if totals[total]:
            yield f"{totals[total]} {total}"

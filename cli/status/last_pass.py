"""The last pass in words. Whatever it has counted is told, also what this version does not know by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from cli.output import ago
from cli.status.wording import counted, length
from shared.status import Status

_SAID_OTHERWISE = {"started_at", "seconds", "rounds", "sweeps", "deep_sweeps", "failures"}


def last_pass_lines(found: Status) -> Iterator[str]:
    """Yield when the last pass was, what it did, how its sweeps stand, and what failed."""
    last = found.last_pass
    if last is None:
        yield "No reconcile pass yet: is the timer running?"
        return
    started = found.last_pass_at
    parts = [f"Last pass {ago(started, found.at)} ago" if started else "Last pass at an unknown time"]
    if isinstance(last.get("seconds"), int | float):
        parts.append(f"took {length(last['seconds'])}")
    parts += [said for name, value in last.items() if name not in _SAID_OTHERWISE and (said := _said(name, value))]
    yield "; ".join(parts)
    for found_round in last.get("rounds") or ():
        yield _round(found_round, found.at)
    failures = last.get("failures") or []
    if failures:
        yield f"{counted(len(failures), 'step')} failed:"
    for failure in failures:
        yield f"  {failure}"


def _said(name: str, value: object) -> str:
    """Return a count of a pass in words, "" where there is nothing to tell: `redriven 3 (2 submitted, 1 pending)`."""
    words = name.replace("_", " ")
    if isinstance(value, Mapping):
        counts = {str(key): count for key, count in value.items() if isinstance(count, int) and count}
        if counts.keys() == {name}:
            return f"{words} {counts[name]:,}"
        several = ", ".join(f"{count:,} {key.replace('_', ' ')}" for key, count in counts.items())
        return f"{words}: {several}" if several else ""
    if isinstance(value, bool):
        return words if value else ""
    return f"{words} {value:,}" if isinstance(value, int) and (value or name == "due") else ""


def _round(found: Mapping[str, Any], at: datetime) -> str:
    """Return how far a round of listings has come: its shards are its parts."""
    parts = [
        f"{str(found.get('kind', '')).capitalize()} sweep: {found.get('done', 0)} of {found.get('shards', 0)} shards"
    ]
    if "listed" in found:
        parts.append(f"{counted(found['listed'], 'blob')} listed")
    if found.get("shared"):
        parts.append("shared over the queue")
    started, finished = _moment(found.get("started_at")), _moment(found.get("finished_at"))
    if started:
        parts.append(f"started {ago(started, at)} ago")
    if started and finished:
        parts.append(f"took {length((finished - started).total_seconds())}")
    elif not finished:
        parts.append("not finished")
    return "  " + ", ".join(parts)


def _moment(text: object) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) and text else None

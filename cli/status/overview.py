"""All rules: a table that is read at three in the morning, and below it what does not fit into a row."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TypeVar

from cli.output import ago, complain, out, say, show_table
from cli.status.last_pass import last_pass_lines
from cli.status.wording import lag, share, short, stamp
from shared.model import OPEN_STATES, Result, Source, State
from shared.status import WINDOWS, Counts, RuleStatus, Status

_T = TypeVar("_T")
_ALL = "(all)"  # no rule can be called that
# Headings have two lines, so that a name of 27 characters fits into a terminal of 120 columns.
_LAGS = ("event\nlag", "sweep\nlag")
_COLUMNS = ("rule", "open", "running", "failed", "dead", *(f"missed\n{name}" for name in WINDOWS), *_LAGS)
_PROVEN = "proven\nup to"
_WITH_LAGS = 104  # columns of a terminal; a narrower one does without


def show_overview(found: Status, window: str) -> None:
    """Write the table of all rules and what must be said beside it."""
    if found.rules:
        columns = (*_COLUMNS, _PROVEN)
        hidden = set(_LAGS) if out.width < _WITH_LAGS else set()
        rows = [_without(columns, row, hidden) for row in _rows(found)]
        show_table(
            f"Rules, the last {window}; lags from landing to claim, p50/p95",
            _without(columns, columns, hidden),
            rows,
            wide=("rule",),
            numbers=set(_COLUMNS[1:]),
        )
    else:
        say("No rules are in force, and none has been yet.")
    for line in _lines(found):
        say(line)
    for line in last_pass_lines(found):
        say(line)
    if found.rules_standing.problem:
        complain(_outdated(found))


def _without(columns: tuple[str, ...], row: tuple[_T, ...], hidden: set[str]) -> tuple[_T, ...]:
    return tuple(value for column, value in zip(columns, row, strict=True) if column not in hidden)


def _rows(found: Status) -> Iterator[tuple[object, ...]]:
    for rule in found.rules:
        yield (rule.rule, *_figures(rule.counts), _age(rule.proven_up_to, found))
    if len(found.rules) > 1:
        yield (_ALL, *_figures(found.totals), _age(found.proven_up_to, found))


def _figures(counts: Counts) -> tuple[object, ...]:
    return (
        sum(counts.states[state] for state in OPEN_STATES),
        counts.states[State.SUBMITTED],
        counts.results[Result.FAILED],
        counts.states[State.DEAD],
        *(share(counts.missed_events[name]) for name in WINDOWS),
        lag(counts.lags[Source.EVENT].summary()),
        lag(counts.lags[Source.SWEEP].summary()),
    )


def _age(proven_up_to: datetime | None, found: Status) -> str:
    return f"{short((found.at - proven_up_to).total_seconds())} ago" if proven_up_to else "not yet"


def _lines(found: Status) -> Iterator[str]:
    if found.rules:
        yield _proof(found)
        yield _totals(found)
    for rule in found.rules:
        yield from _notes(rule, found)


def _proof(found: Status) -> str:
    proven = found.proven_up_to
    if proven is not None:
        return f"Proven complete up to {stamp(proven)}, {ago(proven, found.at)} ago."
    unproven = [rule.rule for rule in found.rules if rule.enabled and rule.proven_up_to is None]
    return f"Nothing proven yet: {', '.join(unproven)}." if unproven else "No rule takes files: nothing to prove."


def _totals(found: Status) -> str:
    totals = found.totals
    oldest = min((rule for rule in found.rules if rule.counts.oldest_open), key=_oldest, default=None)
    parts = [
        f"Succeeded {totals.results[Result.SUCCEEDED]}",
        f"duplicates suppressed {totals.duplicates}",
        f"backfilled {totals.backfilled}",
        f"oldest open {ago(totals.oldest_open, found.at)} ({oldest.rule})" if oldest else "nothing open",
    ]
    return ", ".join(parts)


def _oldest(rule: RuleStatus) -> float:
    return rule.counts.oldest_open.timestamp() if rule.counts.oldest_open else float("inf")


def _notes(rule: RuleStatus, found: Status) -> Iterator[str]:
    if rule.breaker:
        yield f"{rule.rule} waits for: {rule.breaker.reason}"
    if not rule.active and not found.rules_standing.problem:
        yield f"{rule.rule} is no longer in the rules."
    elif rule.active and not rule.enabled:
        yield f"{rule.rule} is disabled: it takes no files."
    if rule.renamed_from:
        yield f"{rule.rule} was called {', '.join(rule.renamed_from)} before."


def _outdated(found: Status) -> str:
    standing = found.rules_standing
    if standing.loaded_at is None:
        return f"There are no rules in force.\n{standing.problem}"
    age = ago(standing.loaded_at, found.at)
    return f"The rules are not the newest: those loaded {age} ago stay in force.\n{standing.problem}"

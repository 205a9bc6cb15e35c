"""One rule, whole: every count with its meaning, the lags, the proof and the last sweeps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cli.output import ago, say, show_facts
from cli.status.last_pass import last_pass_lines
from cli.status.wording import SWEEP_COUNTS, counted, length, percent, stamp
from shared.model import OPEN_STATES, Source, State
from shared.status import WINDOWS, Counts, LagSummary, MissedEvents, RuleStatus, Status


def show_rule(found: Status, rule: RuleStatus, window: str) -> None:
    """Write everything that the status knows of a rule."""
    for title, facts in _sections(found, rule, window):
        show_facts(title, facts)
        say("")
    for line in last_pass_lines(found):
        say(line)


def _sections(found: Status, rule: RuleStatus, window: str) -> Iterator[tuple[str, Iterator[tuple[str, object]]]]:
    yield f"Rule {rule.rule}", _standing(found, rule)
    yield "Open, whenever they came", _open(found, rule.counts)
    yield f"Of the files that landed in the last {window}", _closed(rule.counts)
    yield "Missed events: arrivals that the sweep had to find", _missed(rule.counts)
    yield f"From landing to claim, the last {window}", _lags(rule.counts)
    for kind, sweep in (("quick", rule.last_sweep), ("deep", rule.last_deep_sweep)):
        if sweep is not None:
            yield f"The last pass's {kind} sweep{_completeness(sweep)}", _sweep(sweep)


def _standing(found: Status, rule: RuleStatus) -> Iterator[tuple[str, object]]:
    yield "in force", ("yes" if rule.enabled else "disabled: it takes no files") if rule.active else "no longer"
    if rule.renamed_from:
        yield "called before", ", ".join(rule.renamed_from)
    if rule.standing is None:
        yield "proven complete", "nothing yet: no sweep has seen the rule"
    else:
        proven, baseline = rule.standing.low_watermark, rule.standing.baseline
        yield "proven complete", f"up to {stamp(proven)}, {ago(proven, found.at)} ago"
        yield "baseline", f"{stamp(baseline)}: older files do not fire"
    if rule.breaker:
        yield "waits for", rule.breaker.reason
        yield "tried again", f"from {stamp(rule.breaker.until)} on"


def _open(found: Status, counts: Counts) -> Iterator[tuple[str, object]]:
    for state in State:
        if state in OPEN_STATES:
            yield state.value, counts.states[state]
    yield "oldest", f"{ago(counts.oldest_open, found.at)} old" if counts.oldest_open else None
    if counts.next_in_line:
        yield (
            "held back by a limit",
            f"{counts.held_back:,}, the first of them until {stamp(counts.next_in_line)}",
        )


def _closed(counts: Counts) -> Iterator[tuple[str, object]]:
    yield from sorted(counts.results.items())
    yield "dead", counts.states[State.DEAD]
    yield "duplicates suppressed", counts.duplicates
    yield "backfilled", counts.backfilled


def _missed(counts: Counts) -> Iterator[tuple[str, object]]:
    for name in WINDOWS:
        yield f"of {name}", _rate(counts.missed_events[name])


def _rate(events: MissedEvents) -> str:
    if events.rate is None:
        return "nothing arrived"
    return f"{events.missed:,} of {events.arrivals:,} ({percent(events.rate)})"


def _lags(counts: Counts) -> Iterator[tuple[str, object]]:
    yield "by event", _percentiles(counts.lags[Source.EVENT].summary())
    yield "by sweep", _percentiles(counts.lags[Source.SWEEP].summary())


def _percentiles(summary: LagSummary) -> str:
    if not summary.count:
        return "none"
    p50, p95, most = length(summary.p50), length(summary.p95), length(summary.max)
    return f"p50 {p50}, p95 {p95}, at most {most} ({counted(summary.count, 'file')})"


def _completeness(sweep: Mapping[str, Any]) -> str:
    complete = sweep.get("complete")
    return "" if complete is None else " (complete)" if complete else " (NOT complete: it proves nothing)"


def _sweep(sweep: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    names = [*(name for name in SWEEP_COUNTS if name in sweep), *sorted(sweep.keys() - SWEEP_COUNTS - {"complete"})]
    numbers = {name: _number(sweep[name]) for name in names}
    width = max(map(len, numbers.values()), default=0)
    for name, number in numbers.items():
        yield name.replace("_", " "), f"{number:>{width}}  {SWEEP_COUNTS.get(name, '')}".rstrip()


def _number(value: object) -> str:
    return f"{value:,}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)

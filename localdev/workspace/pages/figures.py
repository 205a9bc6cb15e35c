"""The key figures of a job, from its last runs: how many succeed, how long they take, what goes wrong."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from localdev.workspace.pages.looks import Look, look_of
from localdev.workspace.pages.spans import between
from localdev.workspace.storage.run_history import PastRun

CHART_HEIGHT, BAR_WIDTH, BAR_GAP = 56, 8, 3
_LEAST_BAR = 3  # a run that took no time is still there to be pointed at
_METRIC = "RUN_DURATION_SECONDS"  # https://docs.databricks.com/aws/en/jobs/notifications


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    """One run in the chart of durations."""

    run: PastRun
    look: Look
    span: timedelta
    x: int
    y: float
    height: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """What the last runs that ended add up to; runs that were skipped count for themselves only."""

    ended: int
    succeeded: int
    skipped: int
    failures: tuple[tuple[str, int], ...]  # termination codes, the most frequent first
    median: timedelta | None
    longest: timedelta | None
    expected: timedelta | None  # what a health rule or the job's time-out allows
    late: int  # runs that took longer
    bars: tuple[Bar, ...]  # oldest first

    @property
    def rate(self) -> str:
        """Return the share of successes in per cent; never 100 when one failed, nor 0 when one succeeded."""
        if not self.ended:
            return "—"
        share = round(100 * self.succeeded / self.ended)
        if 0 < self.succeeded < self.ended:
            share = min(99, max(1, share))
        return f"{share} %"

    @property
    def chart_width(self) -> int:
        """Return the width of the chart."""
        return max(1, len(self.bars)) * (BAR_WIDTH + BAR_GAP)


def figures_of(runs: Sequence[PastRun], settings: Mapping[str, Any], timeout: timedelta | None) -> Figures:
    """Return the figures of runs, newest first, of a job with these settings."""
    ended = [run for run in runs if run.outcome is not None and run.outcome.result_state is not None]
    spans = [_span(run) for run in ended]
    expected = expected_duration(settings) or timeout
    failures = Counter(run.outcome.code for run in ended if run.outcome and not run.outcome.succeeded)
    return Figures(
        ended=len(ended),
        succeeded=sum(1 for run in ended if run.outcome and run.outcome.succeeded),
        skipped=sum(1 for run in runs if run.outcome is not None and run.outcome.result_state is None),
        failures=tuple(failures.most_common()),
        median=_median(spans),
        longest=max(spans, default=None),
        expected=expected,
        late=0 if expected is None else sum(1 for span in spans if span >= expected),
        bars=_bars(ended[::-1]),
    )


def expected_duration(settings: Mapping[str, Any]) -> timedelta | None:
    """Return the duration above which a job's health rule warns, None without such a rule."""
    health = settings.get("health")
    rules = health.get("rules") if isinstance(health, Mapping) else None
    for rule in rules if isinstance(rules, list) else []:
        if isinstance(rule, Mapping) and rule.get("metric") == _METRIC and type(rule.get("value")) is int:
            return timedelta(seconds=min(max(rule["value"], 0), 10**9))
    return None


def _bars(runs: Sequence[PastRun]) -> tuple[Bar, ...]:
    longest = max((_span(run).total_seconds() for run in runs), default=0.0) or 1.0
    bars = []
    for number, run in enumerate(runs):
        height = round(max(_LEAST_BAR, CHART_HEIGHT * _span(run).total_seconds() / longest), 1)
        bars.append(
            Bar(
                run=run,
                look=look_of(run.phase, run.outcome),
                span=_span(run),
                x=number * (BAR_WIDTH + BAR_GAP),
                y=round(CHART_HEIGHT - height, 1),
                height=height,
            )
        )
    return tuple(bars)


def _median(spans: Sequence[timedelta]) -> timedelta | None:
    return timedelta(seconds=statistics.median(span.total_seconds() for span in spans)) if spans else None


def _span(run: PastRun) -> timedelta:
    """Return how long a run took, from when it was asked for, as `run_duration` counts."""
    return between(run.created_at, run.ended_at) or timedelta(0)

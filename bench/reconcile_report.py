"""The figures and goals of bench/reconcile.py."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bench.landed import LAST_DAY, Landed
from bench.ledger_of_landed import planted
from bench.listing_server import PAGE_SIZE
from bench.turns import Turn

MOST_TO_LIST = 0.15  # times the wall time of the SDK's bare listing
MOST_GROWTH_MB = 20.0  # from a tenth of the blobs to all of them
MOST_TO_DIRECT = 1.2  # times a pass whose rule names the day
PREFIXES = 1  # that the rule of everything has


@dataclass(frozen=True, slots=True)
class Measured:
    """The turns of every contender, and what its last one asked of the servers."""

    turns: Mapping[str, Sequence[Turn]]
    calls: Mapping[str, Mapping[str, int]]

    def ratio(self, one: str, other: str, measured: Callable[[Turn], float]) -> float:
        """Return the median of the ratios of the rounds."""
        pairs = zip(self.turns[one], self.turns[other], strict=True)
        return statistics.median(measured(ours) / measured(theirs) for ours, theirs in pairs)

    def seconds(self, name: str) -> float:
        """Return the median wall time."""
        return statistics.median(turn.wall for turn in self.turns[name])


def figures_of(blobs: int, everything: Measured, tenth: Measured) -> dict[str, float]:
    """Return what was found, by name."""
    sweep, calls = everything.turns["sweep"], everything.calls["sweep"]
    return {
        "blobs": blobs,
        "sweep_over_list_wall": everything.ratio("sweep", "list", _wall),
        "sweep_over_list_cpu": everything.ratio("sweep", "list", _cpu),
        "sweep_over_download_wall": everything.ratio("sweep", "download", _wall),
        "memory_growth_mb": sweep[-1].peak_mb - tenth.turns["sweep"][-1].peak_mb,
        "missed_planted": planted(blobs),
        "missed_found": everything.turns["finding"][-1].answer["missed"],
        "finding_over_list_wall": everything.ratio("finding", "list", _wall),
        "ledger_reads": calls["pages"] + calls["rows"],
        "list_requests": calls["list_requests"],
        "most_list_requests": math.ceil(blobs / PAGE_SIZE) + PREFIXES,
        "pruned_over_direct": everything.ratio("pruned", "direct", _wall),
        "pruned_over_list_wall": everything.ratio("pruned", "list of the day", _wall),
        "pruned_list_requests": everything.calls["pruned"]["list_requests"],
        "most_pruned_list_requests": math.ceil(len(Landed(blobs).numbers(LAST_DAY)) / PAGE_SIZE) + 1,
        "sweep_s": everything.seconds("sweep"),
        "finding_s": everything.seconds("finding"),
        "list_s": everything.seconds("list"),
        "download_s": everything.seconds("download"),
        "pruned_s": everything.seconds("pruned"),
        "sweep_cpu_us_per_blob": 1e6 * statistics.median(turn.cpu for turn in sweep) / blobs,
        "sweep_peak_mb": sweep[-1].peak_mb,
        "list_peak_mb": everything.turns["list"][-1].peak_mb,
    }


def report_lines(figures: Mapping[str, float]) -> list[str]:
    """Return the figures and what was aimed at, line by line."""
    lines = [f"{name:28}{value:14,.3f}" for name, value in figures.items()]
    return [*lines, "", "Goals:", *(_line(*goal) for goal in _goals(figures))]


def goals_met(figures: Mapping[str, float]) -> bool:
    """Tell whether everything came out as aimed at."""
    return all(_reached(found, bound, least=least) for _, found, bound, least in _goals(figures))


def _goals(figures: Mapping[str, float]) -> list[tuple[str, float, float, bool]]:
    return [
        ("a pass, times the SDK's bare listing", figures["sweep_over_list_wall"], MOST_TO_LIST, False),
        ("MB more than for a tenth of the blobs", figures["memory_growth_mb"], MOST_GROWTH_MB, False),
        ("missing files found", figures["missed_found"], figures["missed_planted"], True),
        ("list requests", figures["list_requests"], figures["most_list_requests"], False),
        ("list requests for one day", figures["pruned_list_requests"], figures["most_pruned_list_requests"], False),
        ("one day by date, times that day by name", figures["pruned_over_direct"], MOST_TO_DIRECT, False),
    ]


def _line(says: str, found: float, bound: float, least: bool) -> str:  # noqa: FBT001 - unpacked from a row of goals
    sign, verdict = ">=" if least else "<=", "reached" if _reached(found, bound, least=least) else "MISSED"
    return f"  {says}: {found:,.2f} (goal {sign} {bound:g}: {verdict})"


def _reached(found: float, bound: float, *, least: bool) -> bool:
    return found >= bound if least else found <= bound


def _wall(turn: Turn) -> float:
    return turn.wall


def _cpu(turn: Turn) -> float:
    return turn.cpu

"""What came of a history, and of many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.proof_record import record
from tests.simulation.history import Violation

CHECKS = ("lost", "double", "stuck", "wrong", "unmarked", "refired", "proof", "dropped", "slow", "cap", "crashed")
NAMED = CHECKS[:5]


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What came of the history of one seed."""

    seed: int
    arrivals: int
    runs: int  # effective ones
    violations: tuple[Violation, ...]
    counts: Counter[str]  # violations by check
    hits: Counter[str]  # how often each fault and kind of work took place
    waits: tuple[float, ...]  # seconds from landing to the run, where the bounds count
    virtual_seconds: float
    digest: str
    told: tuple[str, ...] = ()  # the history, where something is wrong with it

    @property
    def summary(self) -> str:
        """Return the outcome in one line."""
        return Totals().add(self).line()


@dataclass(slots=True)
class Totals:
    """What came of many histories."""

    seeds: int = 0
    arrivals: int = 0
    runs: int = 0
    seconds: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)
    hits: Counter[str] = field(default_factory=Counter)
    waits: list[float] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)  # seeds

    def add(self, outcome: Outcome) -> Totals:
        """Add a history, and return the totals."""
        self.seeds += 1
        self.arrivals += outcome.arrivals
        self.runs += outcome.runs
        self.counts += outcome.counts
        self.hits += outcome.hits
        self.waits += outcome.waits
        if outcome.violations:
            self.failed.append(outcome.seed)
        return self

    def record(self, what: str, seeds: str) -> None:
        """Record the totals for docs/proof.md."""
        histories = "1 history" if self.seeds == 1 else f"{self.seeds:,} histories"
        record(
            what,
            how_many=f"{histories}, {self.arrivals:,} arrivals, {self.runs:,} runs",
            result=", ".join(f"{self.counts[name]} {name}" for name in CHECKS),
            seed=seeds,
            seconds=self.seconds,
        )

    def line(self) -> str:
        """Return the totals in one line."""
        waits = sorted(self.waits)
        p50, p99, most = (f"{_quantile(waits, share):.0f}" for share in (0.5, 0.99, 1.0))
        broken = ", ".join(f"{name} {self.counts[name]}" for name in NAMED)
        others = sum(self.counts[name] for name in CHECKS[len(NAMED) :])
        return (
            f"seeds {self.seeds}, arrivals {self.arrivals}, runs {self.runs}, {broken}, other violations {others}, "
            f"recovery p50/p99/max {p50}/{p99}/{most} s, {self.seconds:.0f} seconds"
        )


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0

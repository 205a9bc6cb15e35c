"""Reconcile: one pass of the timer.

Redrive what is overdue, settle what has ended, take in dead letters, sweep for what was missed, go on with backfills,
remove what is old.

Assume that the timer is late, doubled, overlapping or dead: every step may run twice at once. A step or a rule that
fails is logged and does not stop the others (invariant 6); each step has its share of the time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from shared import logs
from shared.backfill import Backfiller
from shared.breakers import Breakers
from shared.clock import Clock, Deadline
from shared.dead_letters import DeadLetterPass, DeadLetters
from shared.errors import LandfallError, LedgerError
from shared.gather import Gatherer
from shared.ledger import Bookkeeping, Marker, Standing
from shared.limits import Limiter
from shared.listing_plan import Kind
from shared.redaction import redacted
from shared.redrive import Redriver
from shared.rule_book import RuleBook
from shared.rules import Rules
from shared.settings import Settings
from shared.sweep import RoundReport, Sweep, Sweeper
from shared.upkeep import Upkeep

# Parts of the budget by whose end each step stops; what a step leaves over goes to the next.
REDRIVE_SHARE, SETTLE_SHARE, GATHER_SHARE, DEAD_LETTER_SHARE = 0.3, 0.5, 0.62, 0.67
SWEEP_SHARE, BACKFILL_SHARE = 0.85, 0.95
_T = TypeVar("_T")


@dataclass(slots=True)
class Pass:
    """What one pass did."""

    started_at: datetime
    started: float  # the same moment on the monotonic clock
    due: int = 0
    redriven: Counter[str] = field(default_factory=Counter)  # entries by the state they ended in
    settled: Counter[str] = field(default_factory=Counter)
    gathered: Counter[str] = field(default_factory=Counter)  # batches that were sealed, and what became of members
    dead_letters: DeadLetterPass | None = None
    rounds: list[RoundReport] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)  # which steps or rules failed, and why
    seconds: float = 0.0

    def swept(self) -> Counter[str]:
        """Return the counts of all rules' sweeps together; `listed` are blobs, however many rules look at them."""
        counts = sum((sweep.counts for kind in Kind for sweep in self._sweeps(kind)), Counter[str]())
        counts["listed"] = sum(found.listed for found in self.rounds)
        return counts

    def _sweeps(self, kind: Kind) -> list[Sweep]:
        return [sweep for found in self.rounds if found.round.kind == kind for sweep in found.sweeps]

    def summary(self) -> dict[str, Any]:
        """Return the pass as JSON can hold it: the heartbeat that status shows."""
        return {
            "started_at": self.started_at.isoformat(timespec="milliseconds"),
            "seconds": round(self.seconds, 3),
            "due": self.due,
            "redriven": dict(self.redriven),
            "settled": dict(self.settled),
            "gathered": dict(self.gathered),
            "dead_letters": self.dead_letters.summary() if self.dead_letters else None,
            "rounds": [found.as_json() for found in self.rounds],
            "sweeps": {sweep.rule: sweep.as_json() for sweep in self._sweeps(Kind.QUICK)},
            "deep_sweeps": {sweep.rule: sweep.as_json() for sweep in self._sweeps(Kind.DEEP)},
            "failures": self.failures,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Steps:
    """What a pass does, in this order."""

    redriver: Redriver  # redrive, then settle
    gatherer: Gatherer
    dead_letters: DeadLetters | None
    sweeper: Sweeper
    backfiller: Backfiller
    upkeep: Upkeep


class Reconciler:
    """Runs passes."""

    def __init__(
        self,
        *,
        rule_book: RuleBook,
        steps: Steps,
        bookkeeping: Bookkeeping,
        breakers: Breakers,
        limiter: Limiter,
        clock: Clock,
        settings: Settings,
    ) -> None:
        self._rule_book = rule_book
        self._steps = steps
        self._bookkeeping = bookkeeping
        self._breakers = breakers
        self._limiter = limiter
        self._clock = clock
        self._settings = settings

    async def run(self) -> Pass:
        """Run one pass within the budget, log it, and leave its summary as the heartbeat.

        Never raises for what Databricks or Blob Storage do; raises LedgerError when the ledger cannot even be read.
        """
        result = Pass(self._clock.now(), self._clock.monotonic())
        standings = await self._bookkeeping.standings()
        await self._attempt(result, "breakers", self._breakers.load())
        await self._attempt(result, "limits", self._limiter.load())
        rules = await self._attempt(result, "rules", self._rule_book.current()) or Rules(())
        due = await self._attempt(result, "due", self._steps.redriver.due(_names(rules, standings))) or []
        result.due = len(due)
        await self._redrive(result, due)
        gathering = self._steps.gatherer.gather(due, self._share(GATHER_SHARE, result))
        result.gathered = await self._attempt(result, "gather", gathering) or Counter()
        if result.gathered["failed"]:
            result.failures.append(f"gather: {result.gathered['failed']} failed; the log says why")
        if self._steps.dead_letters is not None:
            work = self._steps.dead_letters.take_in(self._share(DEAD_LETTER_SHARE, result))
            result.dead_letters = await self._attempt(result, "dead letters", work)
        await self._sweep(result, rules, standings)
        backfills = self._steps.backfiller.advance(self._share(BACKFILL_SHARE, result))
        await self._attempt(result, "backfills", backfills)
        result.seconds = self._clock.monotonic() - result.started
        await self._conclude(result)
        # Last of all, with the heartbeat written: it reads much, once an hour, and nothing waits for it.
        await self._attempt(result, "upkeep", self._steps.upkeep.run(standings, self._share(1, result)))
        return result

    async def _redrive(self, result: Pass, due: Sequence[Marker]) -> None:
        redriven = await self._attempt(
            result, "redrive", self._steps.redriver.redrive(due, self._share(REDRIVE_SHARE, result))
        )
        settling = self._steps.redriver.settle(due, self._share(SETTLE_SHARE, result))
        settled = await self._attempt(result, "settle", settling)
        result.redriven = redriven or Counter()
        result.settled = settled or Counter()

    async def _sweep(self, result: Pass, rules: Rules, standings: dict[str, Standing]) -> None:
        work = self._steps.sweeper.sweep(rules, standings, self._share(SWEEP_SHARE, result))
        result.rounds = await self._attempt(result, "sweep", work) or []
        for found in result.rounds:
            result.failures += [f"sweep: {failure}"[:500] for failure in found.failures]

    def _share(self, share: float, result: Pass) -> Deadline:
        spent = self._clock.monotonic() - result.started
        return Deadline(self._clock, self._settings.reconcile_budget.total_seconds() * share - spent)

    async def _attempt(self, result: Pass, step: str, work: Awaitable[_T]) -> _T | None:
        try:
            return await work
        except Exception as error:  # noqa: BLE001 - a pass that fails in one step still does the others (invariant 6)
            reason = str(error) if isinstance(error, LandfallError) else redacted(repr(error))
            logs.error("pass.step_failed", step=step, reason=reason)
            result.failures.append(f"{step}: {reason}"[:500])
            return None

    async def _conclude(self, result: Pass) -> None:
        swept = result.swept()
        logs.fact(
            "pass.completed",
            seconds=result.seconds,
            due=result.due,
            redriven=sum(result.redriven.values()),
            settled=result.settled["settled"],
            listed=swept["listed"],
            missed=swept["missed"],
            failures=len(result.failures),
            sealed=result.gathered["sealed"],
        )
        try:
            await self._bookkeeping.save_pass(result.summary())
        except LedgerError as error:
            logs.warning("pass.unsaved", reason=error)


def _names(rules: Rules, standings: Mapping[str, Standing]) -> list[str]:
    """Return the rules whose entries may be open: also those that the rules do not name any more."""
    return sorted({rule.ledger_name for rule in rules} | set(standings))

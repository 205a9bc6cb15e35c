"""Reconcile: one pass of the timer. Redrive what is overdue, settle what has ended, sweep for what was missed.

Assume that the timer is late, doubled, overlapping or dead: every step may run twice at once. A step or a rule that
fails is logged and does not stop the others (invariant 6); each step has its share of the time.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from shared import logs
from shared.breakers import Breakers
from shared.clock import Clock, Deadline
from shared.errors import LandfallError, LedgerError
from shared.ledger import Bookkeeping, Marker, Standing
from shared.redrive import Redriver
from shared.rule_book import RuleBook
from shared.rules import Rule, Rules
from shared.settings import Settings
from shared.sweep import Sweep, Sweeper

# Parts of the budget by whose end each step stops; what a step leaves over goes to the next.
REDRIVE_SHARE, SETTLE_SHARE = 0.4, 0.7
SWEEP_CONCURRENCY = 4
_T = TypeVar("_T")


@dataclass(slots=True)
class Pass:
    """What one pass did."""

    started_at: datetime
    started: float  # the same moment on the monotonic clock
    due: int = 0
    redriven: Counter[str] = field(default_factory=Counter)  # entries by the state they ended in
    settled: Counter[str] = field(default_factory=Counter)
    sweeps: list[Sweep] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)  # which steps or rules failed, and why
    seconds: float = 0.0

    def swept(self) -> Counter[str]:
        """Return the counts of all rules' sweeps together."""
        return sum((sweep.counts for sweep in self.sweeps), Counter[str]())

    def summary(self) -> dict[str, Any]:
        """Return the pass as JSON can hold it: the heartbeat that status shows."""
        return {
            "started_at": self.started_at.isoformat(timespec="milliseconds"),
            "seconds": round(self.seconds, 3),
            "due": self.due,
            "redriven": dict(self.redriven),
            "settled": dict(self.settled),
            "sweeps": {sweep.rule: {**sweep.counts, "complete": sweep.complete} for sweep in self.sweeps},
            "failures": self.failures,
        }


class Reconciler:
    """Runs passes."""

    def __init__(
        self,
        *,
        rule_book: RuleBook,
        redriver: Redriver,
        sweeper: Sweeper,
        bookkeeping: Bookkeeping,
        breakers: Breakers,
        clock: Clock,
        settings: Settings,
    ) -> None:
        self._rule_book = rule_book
        self._redriver = redriver
        self._sweeper = sweeper
        self._bookkeeping = bookkeeping
        self._breakers = breakers
        self._clock = clock
        self._settings = settings

    async def run(self) -> Pass:
        """Run one pass within the budget, log it, and leave its summary as the heartbeat.

        Never raises for what Databricks or Blob Storage do; raises LedgerError when the ledger cannot even be read.
        """
        result = Pass(self._clock.now(), self._clock.monotonic())
        standings = await self._bookkeeping.standings()
        await self._attempt(result, "breakers", self._breakers.load())
        rules = await self._attempt(result, "rules", self._rule_book.current()) or Rules(())
        due = await self._attempt(result, "due", self._redriver.due(_names(rules, standings))) or []
        result.due = len(due)
        await self._redrive(result, due)
        await self._sweep(result, rules, standings)
        result.seconds = self._clock.monotonic() - result.started
        await self._conclude(result)
        return result

    async def _redrive(self, result: Pass, due: Sequence[Marker]) -> None:
        redriven = await self._attempt(
            result, "redrive", self._redriver.redrive(due, self._share(REDRIVE_SHARE, result))
        )
        settled = await self._attempt(result, "settle", self._redriver.settle(due, self._share(SETTLE_SHARE, result)))
        result.redriven = redriven or Counter()
        result.settled = settled or Counter()

    async def _sweep(self, result: Pass, rules: Rules, standings: dict[str, Standing]) -> None:
        deadline = self._share(1, result)
        gate = asyncio.Semaphore(SWEEP_CONCURRENCY)

        async def one(rule: Rule) -> None:
            async with gate:
                work = self._sweeper.sweep(rules, rule, standings.get(rule.name), deadline)
                sweep = await self._attempt(result, f"sweep of {rule.name}", work)
            if sweep:
                result.sweeps.append(sweep)
                if sweep.is_news:
                    logs.fact("sweep.found", rule=rule.name, complete=sweep.complete, **sweep.counts)

        await asyncio.gather(*(one(rule) for rule in rules if rule.enabled))

    def _share(self, share: float, result: Pass) -> Deadline:
        spent = self._clock.monotonic() - result.started
        return Deadline(self._clock, self._settings.reconcile_budget.total_seconds() * share - spent)

    async def _attempt(self, result: Pass, step: str, work: Awaitable[_T]) -> _T | None:
        try:
            return await work
        except Exception as error:  # noqa: BLE001 - a pass that fails in one step still does the others (invariant 6)
            reason = str(error) if isinstance(error, LandfallError) else repr(error)
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
        )
        try:
            await self._bookkeeping.save_pass(result.summary())
        except LedgerError as error:
            logs.warning("pass.unsaved", reason=error)


def _names(rules: Rules, standings: Mapping[str, Standing]) -> list[str]:
    """Return the rules whose entries may be open: also those that the rules do not name any more."""
    return sorted({rule.name for rule in rules} | set(standings))

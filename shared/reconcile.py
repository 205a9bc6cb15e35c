"""Reconcile: one pass of the timer.

Redrive what is overdue, settle what has ended, take in dead letters, sweep for what was missed, go on with backfills,
remove what is old.

Assume that the timer is late, doubled, overlapping or dead: every step may run twice at once. A step or a rule that
fails is logged and does not stop the others (invariant 6); each step has its share of the time. What ends the process
in one step, always at the same place, must not stop the others either: after a pass that did not end, the steps come in
any order.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from shared import logs
from shared.backfill import Backfiller
from shared.breakers import Breakers
from shared.clock import Clock, Deadline
from shared.dead_letters import DeadLetterPass, DeadLetters
from shared.errors import LedgerError
from shared.gather import Gatherer
from shared.ledger import Bookkeeping, Marker, Standing
from shared.limits import Limiter
from shared.listing_plan import Kind
from shared.redaction import told
from shared.redrive import Redriver
from shared.rule_book import RuleBook
from shared.rules import Rules
from shared.settings import Settings
from shared.sweep import RoundReport, Sweep, Sweeper
from shared.upkeep import Upkeep

# Each step's part of the budget; what a step leaves over goes to the next.
REDRIVE_SHARE, SETTLE_SHARE, GATHER_SHARE, DEAD_LETTER_SHARE = 0.3, 0.2, 0.12, 0.05
SWEEP_SHARE, BACKFILL_SHARE = 0.18, 0.1
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
    """What a pass does, in this order while all is well."""

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
        randomness: random.Random,
    ) -> None:
        self._rule_book = rule_book
        self._steps = steps
        self._bookkeeping = bookkeeping
        self._breakers = breakers
        self._limiter = limiter
        self._clock = clock
        self._settings = settings
        self._randomness = randomness
        # What cuts a pass short ends its process as well, if not its neighbours: so this need not be written down.
        self._has_last_ended = False

    async def run(self) -> Pass:
        """Run one pass within the budget, log it, and leave its summary as the heartbeat.

        Never raises for what Databricks or Blob Storage do; raises LedgerError when the ledger cannot even be read.
        """
        in_order, self._has_last_ended = self._has_last_ended, False
        result = Pass(self._clock.now(), self._clock.monotonic())
        standings = await self._bookkeeping.standings()
        await self._attempt(result, "breakers", self._breakers.load())
        await self._attempt(result, "limits", self._limiter.load())
        rules = await self._attempt(result, "rules", self._rule_book.current())
        if rules is not None:
            standings |= await self._attempt(result, "former rules", self._unseen(rules, standings)) or {}
        rules = rules or Rules(())
        due = await self._attempt(result, "due", self._steps.redriver.due(_names(rules, standings))) or []
        result.due = len(due)
        steps = [
            (REDRIVE_SHARE, partial(self._redrive, result, due)),
            (SETTLE_SHARE, partial(self._settle, result, due)),
            (GATHER_SHARE, partial(self._gather, result, due)),
            (DEAD_LETTER_SHARE, partial(self._take_in_dead_letters, result)),
            (SWEEP_SHARE, partial(self._sweep, result, rules, standings)),
            (BACKFILL_SHARE, partial(self._go_on_with_backfills, result)),
        ]
        if not in_order:
            self._randomness.shuffle(steps)
        until = 0.0
        for share, step in steps:
            until += share
            await step(self._share(until, result))
        result.seconds = self._clock.monotonic() - result.started
        await self._conclude(result)
        # Last of all, with the heartbeat written: it reads much, once an hour, and nothing waits for it.
        await self._attempt(result, "upkeep", self._steps.upkeep.run(standings, self._share(1, result)))
        self._has_last_ended = True
        return result

    async def _unseen(self, rules: Rules, standings: Mapping[str, Standing]) -> dict[str, Standing]:
        """Give a standing to the rules that have claimed and were removed or disabled before any pass saw them.

        From then on they are former rules like all others: their entries are finished, kept from other rules, pruned.
        Those in force get theirs from the sweep, by the storage service's time.
        """
        in_force = {rule.ledger_name for rule in rules if rule.enabled}
        unseen = await self._bookkeeping.claimants() - set(standings) - in_force
        return await self._bookkeeping.activate_all(sorted(unseen), self._clock.now())

    async def _redrive(self, result: Pass, due: Sequence[Marker], deadline: Deadline) -> None:
        work = self._steps.redriver.redrive(due, deadline)
        result.redriven = await self._attempt(result, "redrive", work) or Counter()

    async def _settle(self, result: Pass, due: Sequence[Marker], deadline: Deadline) -> None:
        work = self._steps.redriver.settle(due, deadline)
        result.settled = await self._attempt(result, "settle", work) or Counter()

    async def _gather(self, result: Pass, due: Sequence[Marker], deadline: Deadline) -> None:
        work = self._steps.gatherer.gather(due, deadline)
        result.gathered = await self._attempt(result, "gather", work) or Counter()
        if result.gathered["failed"]:
            result.failures.append(f"gather: {result.gathered['failed']} failed; the log says why")

    async def _take_in_dead_letters(self, result: Pass, deadline: Deadline) -> None:
        if self._steps.dead_letters is not None:
            work = self._steps.dead_letters.take_in(deadline)
            result.dead_letters = await self._attempt(result, "dead letters", work)

    async def _go_on_with_backfills(self, result: Pass, deadline: Deadline) -> None:
        await self._attempt(result, "backfills", self._steps.backfiller.advance(deadline))

    async def _sweep(self, result: Pass, rules: Rules, standings: dict[str, Standing], deadline: Deadline) -> None:
        work = self._steps.sweeper.sweep(rules, standings, deadline)
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
            reason = told(error)
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

"""Upkeep: what a pass does once an hour only. Remove what is old, and log how well events arrive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from shared import logs
from shared.clock import Clock, Deadline
from shared.ledger import Bookkeeping, Standing, Upkept
from shared.prune import Pruner
from shared.status import RuleStatus, StatusReader

EVERY = timedelta(hours=1)


class Upkeep:
    """Does what is due once an hour, on whichever instance has the timer."""

    def __init__(self, *, pruner: Pruner, status: StatusReader, bookkeeping: Bookkeeping, clock: Clock) -> None:
        self._pruner = pruner
        self._status = status
        self._bookkeeping = bookkeeping
        self._clock = clock

    async def run(self, standings: Mapping[str, Standing], deadline: Deadline) -> None:
        """Do it if an hour is over since the last time; what there was no time for goes on with the next pass.

        Safe to repeat. Raises LedgerError.
        """
        last = await self._bookkeeping.last_upkeep()
        if deadline.passed() or (last.at is not None and self._clock.now() < last.at + EVERY):
            return
        pruned = await self._pruner.prune(standings, deadline, start_from=last.stopped_at)
        if not pruned.complete:
            await self._bookkeeping.save_upkeep(replace(last, stopped_at=pruned.stopped_at))
            return
        for rule in (await self._status.read()).rules:
            _log_accounts(rule)
        await self._bookkeeping.save_upkeep(Upkept(self._clock.now()))


def _log_accounts(rule: RuleStatus) -> None:
    counts = rule.counts
    missed = {f"missed_{name}": window.missed for name, window in counts.missed_events.items()}
    arrivals = {f"arrivals_{name}": window.arrivals for name, window in counts.missed_events.items()}
    lags = {
        f"{source.value}_lag_{name}": seconds
        for source, found in counts.lags.items()
        for name, seconds in found.summary().as_json().items()
        if name != "count" and seconds is not None
    }
    if rule.enabled:
        logs.fact("rule.accounted", rule=rule.rule, proven_up_to=rule.proven_up_to, **missed, **arrivals, **lags)

"""Backfill orders: ask for a backfill, look at those that were asked for, call one off."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from shared import logs
from shared.backfill.places import places_of
from shared.backfill_request import BackfillRequest
from shared.clock import Clock
from shared.errors import LedgerConflict, RequestError
from shared.landing import Landing
from shared.ledger import Backfill, Backfills, BackfillState, backfill_id
from shared.rule_book import RuleBook
from shared.rules import Rule, Rules
from shared.wording import shown, unknown

_CANCEL_ROUNDS = 5
_MOST_FRESH = 20  # the passes have them all


class BackfillOrders:
    """Takes orders; `Backfiller` works on them."""

    def __init__(
        self,
        *,
        rule_book: RuleBook,
        backfills: Backfills,
        landing: Landing,
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        self._rule_book = rule_book
        self._backfills = backfills
        self._landing = landing
        self._clock = clock
        self._new_id = new_id
        self._fresh: list[Backfill] = []  # subtrees that this process was asked for and has not worked on

    async def draft(self, request: BackfillRequest) -> Backfill:
        """Return the backfill that a request would make; writes nothing.

        Raises RequestError when no rule of that name is in force and enabled, or none of its files can lie below the
        prefix; BlobsUnavailable when its containers cannot be told.
        """
        rule = _rule(await self._rule_book.current(), request.rule)
        if request.prefix and not await places_of([rule], request.prefix, self._landing):
            looks = f"The rule {rule.name} looks at {shown(rule.path.text)}: nothing of it is below"
            raise RequestError([f"{looks} {shown(request.prefix)}."])
        now = self._clock.now()
        return Backfill(
            id=backfill_id(now, self._new_id()[:8]),
            rule=rule.ledger_name,
            created_at=now,
            asked_by=request.asked_by,
            prefix=request.prefix,
            since=request.since,
            until=request.until,
            limit=request.limit,
            rate=request.rate,
        )

    async def ask(self, request: BackfillRequest) -> Backfill:
        """Write down what is asked for, and return it; the passes work on it from now on, or whoever takes it.

        Raises what `draft` does, and LedgerUnavailable.
        """
        backfill = await self._backfills.create(await self.draft(request))
        _log_asked(backfill)
        return backfill

    async def ask_for_subtree(self, container: str, prefix: str, arrived_at: datetime, event_id: str) -> Backfill:
        """Write down that all files below `container/prefix` have arrived at a moment, for all rules, and return it.

        Safe to repeat: the same event makes the same backfill. Raises LedgerUnavailable.
        """
        told = f"{container}\n{prefix}\n{arrived_at.isoformat()}\n{event_id}"
        digest = hashlib.sha256(told.encode("utf-8", "backslashreplace")).hexdigest()
        backfill = Backfill(
            id=backfill_id(arrived_at, digest[:12]),
            rule="",
            created_at=self._clock.now(),
            asked_by="the rename of a directory",
            prefix=f"{container}/{prefix}",
            arrived_at=arrived_at,
        )
        backfill = await self._backfills.create(backfill)
        _log_asked(backfill)
        if backfill.is_running:
            self._fresh = [*self._fresh, backfill][-_MOST_FRESH:]
        return backfill

    def take_fresh(self) -> list[Backfill]:
        """Return the subtrees that this process was asked for since it was last asked this."""
        fresh, self._fresh = self._fresh, []
        return fresh

    async def read(self, identity: str) -> Backfill | None:
        """Return the backfill of an id, or None. Raises LedgerUnavailable."""
        return await self._backfills.read(identity)

    async def recent(self, length: timedelta) -> list[Backfill]:
        """Return the backfills asked for within a length of time and all that run, the newest first."""
        found = {backfill.id: backfill for backfill in await self._backfills.running()}
        async for backfill in self._backfills.since(self._clock.now() - length):
            found[backfill.id] = backfill
        return [found[identity] for identity in sorted(found, reverse=True)]

    async def unfinished(self, request: BackfillRequest) -> Backfill | None:
        """Return the oldest running backfill that wants the same range as a request, or None.

        Windows that are told as lengths of time ago move with the clock, so that those are never the same.
        """
        wanted = await self.draft(request)
        for running in await self._backfills.running():
            if _range(running) == _range(wanted):
                return running
        return None

    async def cancel(self, identity: str) -> Backfill | None:
        """End a backfill and return it; None when there is none. What it has claimed stays claimed.

        Safe to repeat; one that has ended stays as it is. Raises LedgerError.
        """
        for _ in range(_CANCEL_ROUNDS):
            found = await self._backfills.read(identity)
            if found is None or not found.is_running:
                return found
            ended = replace(found, state=BackfillState.CANCELLED, ended_at=self._clock.now(), lease_until=None)
            try:
                ended = await self._backfills.save(ended)
            except LedgerConflict:
                continue  # its worker has turned a page meanwhile
            logs.fact("backfill.ended", backfill=ended.id, state=ended.state, **ended.counts)
            return ended
        raise LedgerConflict(f"The backfill {identity} kept changing.", hint="Cancel it again.")


def _rule(rules: Rules, name: str) -> Rule:
    rule = rules.called(name)
    if rule is None:
        raise RequestError([unknown(name, [rule.name for rule in rules], "is no rule in force")])
    if not rule.enabled:
        raise RequestError([f"The rule {rule.name} is disabled and starts nothing."], hint="Enable it first.")
    return rule


def _range(backfill: Backfill) -> tuple[object, ...]:
    return (backfill.rule, backfill.prefix, backfill.since, backfill.until, backfill.limit)


def _log_asked(backfill: Backfill) -> None:
    fields = {"rule": backfill.rule or None, "prefix": backfill.prefix or None, "by": backfill.asked_by}
    logs.fact("backfill.asked", backfill=backfill.id, since=backfill.since, until=backfill.until, **fields)

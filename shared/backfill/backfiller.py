"""Backfill: go through the range that was asked for and claim what has no entry, through the same line as events.

The cursor is saved behind each page, with the counts up to there. Whoever dies leaves at most a page that is gone
through again; an entry tells by which backfill it was claimed, so that even its count comes out right.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import timedelta

from shared import logs
from shared.backfill.hold import BackfillHold
from shared.backfill.known import BackfillKnown
from shared.backfill.orders import BackfillOrders
from shared.backfill.pace import Pace
from shared.backfill.page import PageTools, PageWork
from shared.backfill.places import BackfillPlace, places_of
from shared.clock import Clock, Deadline
from shared.errors import LandfallError, LedgerConflict
from shared.intake import Intake
from shared.landing import Landing, Page
from shared.ledger import Backfill, BackfillCursor, Backfills, BackfillState, Entries
from shared.rule_book import RuleBook
from shared.rules import Rule, Rules
from shared.settings import Settings

OnProgress = Callable[[Backfill], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class BackfillTools:
    """What backfills are worked on with."""

    backfills: Backfills
    rule_book: RuleBook
    intake: Intake
    entries: Entries
    landing: Landing
    clock: Clock
    settings: Settings


class Backfiller:
    """Works on backfills, here and now or bit by bit in the passes; `owner` names this worker to others."""

    def __init__(self, orders: BackfillOrders, tools: BackfillTools, owner: str) -> None:
        self._orders = orders
        self._tools = tools
        self._owner = owner

    async def work(
        self,
        backfill: Backfill,
        deadline: Deadline,
        *,
        dry_run: bool = False,
        on_progress: OnProgress | None = None,
    ) -> Backfill:
        """Work on a backfill until it is done or the deadline has passed, and return it as it stands.

        Safe to repeat, to interrupt anywhere, and to run twice at once. `dry_run` claims and writes nothing, and counts
        what would be claimed; a touch of a file that has run counts there too. Raises LedgerConflict when the backfill
        has ended or somebody else is working on it, and what stopped it otherwise: LedgerError, BlobsUnavailable,
        RulesError; it can be gone on with after each of them.
        """
        store, clock = None if dry_run else self._tools.backfills, self._tools.clock
        may_be_repeated = bool(backfill.lease_owner)
        if store is not None:
            backfill = await store.take(backfill.id, self._owner, clock.now())
        hold = BackfillHold(backfill, store, clock)
        try:
            worker = await self._worker(hold, deadline, may_be_repeated=may_be_repeated)
            await worker.go_through(on_progress or _ignore)
        except LedgerConflict:
            return await self._lost(hold)
        except asyncio.CancelledError:
            await hold.let_go()
            raise
        except Exception as error:
            await hold.interrupt(error)
            raise
        return hold.now

    async def advance(self, deadline: Deadline) -> list[Backfill]:
        """Go on with the running backfills that nobody works on, the oldest first; return them as they stand.

        Each gets its share of the time. One that fails does not stop the others. Raises LedgerUnavailable.
        """
        return await self._advance(await self._tools.backfills.running(), deadline)

    async def lend_a_hand(self, deadline: Deadline) -> list[Backfill]:
        """Work, with the time that is left, on the subtrees that this process was asked for; never raises for them.

        Asks the ledger nothing where there are none. What is not done by the deadline is left to the passes.
        """
        return await self._advance(self._orders.take_fresh(), deadline)

    async def _advance(self, backfills: Sequence[Backfill], deadline: Deadline) -> list[Backfill]:
        free = [backfill for backfill in backfills if backfill.is_free(self._tools.clock.now())]
        worked: list[Backfill] = []
        for number, backfill in enumerate(free):
            if deadline.passed():
                break
            share = Deadline(self._tools.clock, deadline.remaining() / (len(free) - number))
            with suppress(LandfallError):  # logged where it was met; the next pass tries again
                worked.append(await self.work(backfill, share))
        return worked

    async def _worker(self, hold: BackfillHold, deadline: Deadline, *, may_be_repeated: bool) -> _Worker:
        tools, backfill = self._tools, hold.stored
        rules = await tools.rule_book.current()
        wanted = _rules_of(backfill, rules)
        places = await places_of(wanted, backfill.prefix, tools.landing)
        known = BackfillKnown(tools.entries, backfill)
        if places:
            await known.load([rule.ledger_name for rule in wanted], deadline)
        page_tools = PageTools(
            backfill=backfill,
            rules=rules,
            wanted=frozenset(rule.ledger_name for rule in wanted),
            known=known,
            intake=tools.intake,
            landing=tools.landing,
            clock=tools.clock,
            pace=Pace(tools.clock, backfill.rate),
            deadline=deadline,
            dry_run=hold.store is None,
        )
        return _Worker(hold, page_tools, places, tools.settings.retention, may_be_repeated=may_be_repeated)

    async def _lost(self, hold: BackfillHold) -> Backfill:
        """Return a backfill that somebody else has written meanwhile: called off, or taken after our lease."""
        found = await self._tools.backfills.read(hold.stored.id)
        logs.warning("backfill.lost", backfill=hold.stored.id, state=found.state if found else None)
        return found or hold.now


class _Worker:
    """Goes through the pages of one backfill."""

    def __init__(
        self,
        hold: BackfillHold,
        tools: PageTools,
        places: Sequence[BackfillPlace],
        retention: timedelta,
        *,
        may_be_repeated: bool,
    ) -> None:
        self._hold = hold
        self._tools = tools
        self._places = places
        self._retention = retention
        self._may_be_repeated = may_be_repeated  # of the first page

    async def go_through(self, on_progress: OnProgress) -> None:
        """Work until the deadline or the end, and write down how far it came."""
        if not self._tools.wanted:
            reason = "Its rule is not in force any more, or is disabled."
            await self._hold.end(BackfillState.FAILED, reason, self._retention)
        elif await self._is_through(on_progress):
            reason = "The limit was reached." if self._hold.is_full else ""
            await self._hold.end(BackfillState.DONE, reason, self._retention)
        else:
            await self._hold.let_go()

    async def _is_through(self, on_progress: OnProgress) -> bool:
        """Go through the pages from the cursor on; tell whether there is nothing left to do."""
        may_be_repeated = self._may_be_repeated
        cursor = self._hold.stored.cursor
        if cursor and BackfillPlace(cursor.container, cursor.prefix) not in self._places:
            self._hold.begin_anew()  # the rules look elsewhere now
        async with aclosing(self._pages(self._hold.stored.cursor)) as pages:
            async for place, page in pages:
                work = PageWork(self._tools, page, may_be_repeated=may_be_repeated)
                if not await self._take_in(work, on_progress):
                    return False
                if self._hold.is_full:
                    return True
                may_be_repeated = False
                await self._hold.turn_page(BackfillCursor(place.container, place.prefix, page.cursor))
                if self._tools.deadline.passed():
                    return False
        return True

    async def _take_in(self, page: PageWork, on_progress: OnProgress) -> bool:
        """Take in a page; tell whether there was time for all of it."""
        self._hold.page = page.counts
        async with aclosing(page.steps(self._hold.room)) as steps:
            async for _ in steps:
                on_progress(self._hold.now)
                if self._tools.deadline.passed():
                    return False
                await self._hold.renew()
        on_progress(self._hold.now)
        return True

    async def _pages(self, cursor: BackfillCursor | None) -> AsyncGenerator[tuple[BackfillPlace, Page], None]:
        at = BackfillPlace(cursor.container, cursor.prefix) if cursor else None
        page_cursor = cursor.page if cursor else ""
        for place in self._places:
            # A cursor without a page says that its place was finished.
            if at is not None and (place < at or (place == at and not page_cursor)):
                continue
            resumed = page_cursor if place == at else ""
            async for page in self._tools.landing.pages(place.container, place.prefix, resumed):
                yield place, page


def _rules_of(backfill: Backfill, rules: Rules) -> list[Rule]:
    return [rule for rule in rules if rule.enabled and backfill.rule in {"", rule.ledger_name}]


def _ignore(_: Backfill) -> None:
    return None

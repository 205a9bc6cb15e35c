"""Go through one shard, page by page; its progress is written down as often as its lease wants."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from shared import logs
from shared.clock import Clock, Deadline
from shared.errors import LedgerConflict, LedgerError
from shared.landing import Landing, Page
from shared.ledger import ListingProgress, Rounds, Shard, ShardProgress
from shared.ledger.rounds import LEASE
from shared.listing_plan import Kind, lies_within, passes
from shared.redaction import told
from shared.settings import Settings
from shared.sweep.claiming import Claimant
from shared.sweep.judging import Candidate, Findings, judge
from shared.sweep.view import View

# So many are claimed before the lease is looked at again.
CLAIMED_AT_ONCE = 200
MARK_EVERY = 25_000  # blobs between two places where the next round may cut a listing
MOST_MARKS = 64
MOST_TRIES = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardTools:
    """What sweeping a shard needs."""

    rounds: Rounds
    landing: Landing
    claimant: Claimant
    clock: Clock
    settings: Settings


class ShardSweep:
    """One shard whose lease is ours, on its way."""

    def __init__(self, view: View, shard: Shard, tools: ShardTools) -> None:
        self._view = view
        self._shard = shard
        self._tools = tools
        self._findings = _findings(shard.progress)
        self._listings = list(shard.progress.listings)

    async def run(self, deadline: Deadline) -> Shard:
        """Go on until the shard is done or the deadline has passed; return it as it was written down.

        A listing that fails is given up for this round and the others go on. Raises LedgerError: LedgerConflict when
        another instance has taken the shard over. Where the ledger fails, whoever comes next need not wait for the
        lease to end.
        """
        try:
            return await self._go_on(deadline)
        except LedgerConflict:
            raise
        except LedgerError:
            await self._let_go()
            raise

    async def _let_go(self) -> None:
        # Ended and not taken back: that is how a pass knows a shard whose message nobody holds any more.
        with suppress(LedgerError):  # then the lease ends by itself
            await self._tools.rounds.save_shard(self._shard, lease_until=self._tools.clock.now())

    async def _go_on(self, deadline: Deadline) -> Shard:
        position, cursor = self._shard.progress.position, self._shard.progress.cursor
        while position < len(self._shard.listings):
            stopped_at = await self._listing(position, cursor, deadline)
            if stopped_at is not None:
                return await self._save(position, stopped_at, lease_until=None)
            position, cursor = position + 1, ""
            if deadline.passed() and position < len(self._shard.listings):
                return await self._save(position, "", lease_until=None)
            await self._renew(position, "")
        return await self._save(position, "", lease_until=None, is_done=True)

    async def _listing(self, position: int, cursor: str, deadline: Deadline) -> str | None:
        """Go through one listing; return the cursor to go on from at another time, None when it is finished."""
        container, prefix = self._shard.listings[position]
        if len(self._listings) == position:
            self._listings.append(ListingProgress())
        try:
            pages = self._tools.landing.pages(container, prefix, cursor, start_from=self._shard.start_from)
            started = self._tools.clock.monotonic()
            async for page in pages:
                ours, is_last = _slice(self._shard, page)
                await self._take_in(ours, deadline)
                seconds = self._tools.clock.monotonic() - started
                self._listings[position] = _seen(self._listings[position], ours, seconds)
                if is_last:
                    return None
                cursor = page.cursor
                if deadline.passed():
                    return cursor
                await self._renew(position, cursor)
                started = self._tools.clock.monotonic()
        except LedgerError:
            raise
        except Exception as error:  # noqa: BLE001 - what one listing meets must not hold up the others (invariant 6)
            reason = told(error)
            logs.error("sweep.listing_failed", container=container, prefix=prefix, reason=reason)
            return self._failed(position, cursor, reason)
        return None

    def _failed(self, position: int, cursor: str, reason: str) -> str | None:
        """Return the cursor to go on from at another time, None when a listing is given up for this round.

        The next quick round comes with the next pass; the next deep one may be a day away, so it tries more often,
        at last from the beginning, because it may be the cursor that the service refuses.
        """
        tries = self._listings[position].tries + 1
        is_given_up = self._view.kind is Kind.QUICK or tries >= MOST_TRIES
        failure = reason[:300] if is_given_up else ""
        self._listings[position] = replace(self._listings[position], tries=tries, failure=failure)
        if is_given_up:
            return None
        return "" if tries == MOST_TRIES - 1 else cursor

    async def _take_in(self, page: Page, deadline: Deadline) -> None:
        until = page.server_time - self._tools.settings.reconcile_grace
        candidates: list[Candidate] = []
        async for candidate in judge(self._view, page, until, self._findings):
            candidates.append(candidate)
            if len(candidates) >= CLAIMED_AT_ONCE:
                await self._claim(candidates, until, deadline)
                candidates.clear()
        await self._claim(candidates, until, deadline)

    async def _claim(self, candidates: list[Candidate], until: datetime, deadline: Deadline) -> None:
        await self._tools.claimant.claim(self._view, candidates, until, deadline, self._findings)
        self._shard = await self._renewed(self._shard)

    async def _renew(self, position: int, cursor: str) -> None:
        """Write down where we are when half of the lease is over."""
        if self._is_lease_short():
            await self._save(position, cursor, lease_until=self._tools.clock.now() + LEASE)

    async def _renewed(self, shard: Shard) -> Shard:
        # In the middle of a page only the lease is renewed: what was counted of it would be counted again.
        if not self._is_lease_short():
            return shard
        return await self._tools.rounds.save_shard(shard, lease_until=self._tools.clock.now() + LEASE)

    def _is_lease_short(self) -> bool:
        until = self._shard.lease_until
        return until is None or until - self._tools.clock.now() < LEASE / 2

    async def _save(self, position: int, cursor: str, **changes: object) -> Shard:
        progress = ShardProgress(
            position=position,
            cursor=cursor,
            listings=tuple(self._listings),
            found={name: dict(counts) for name, counts in self._findings.counts.items()},
            left=dict(self._findings.left),
        )
        self._shard = await self._tools.rounds.save_shard(self._shard, progress=progress, **changes)
        return self._shard


def _findings(progress: ShardProgress) -> Findings:
    return Findings({name: Counter(counts) for name, counts in progress.found.items()}, dict(progress.left))


def _slice(shard: Shard, page: Page) -> tuple[Page, bool]:
    """Return what of a page is the shard's, and whether it is the last that can hold any."""
    if not (shard.start_from or shard.end_before):
        return page, not page.cursor
    names = [arrival.path for arrival in page.arrivals]
    ours = tuple(arrival for arrival in page.arrivals if lies_within(arrival.path, shard.start_from, shard.end_before))
    is_past = bool(names) and passes(names[-1], shard.end_before)
    return replace(page, arrivals=ours), is_past or not page.cursor


def _seen(progress: ListingProgress, page: Page, seconds: float) -> ListingProgress:
    """Return the progress of a listing after another page."""
    listed = progress.listed + len(page.arrivals)
    marks = progress.marks
    if page.arrivals and listed // MARK_EVERY > progress.listed // MARK_EVERY:
        marks = (*marks, page.arrivals[-1].path)
        marks = marks if len(marks) <= MOST_MARKS else marks[1::2]
    return replace(
        progress, listed=listed, pages=progress.pages + 1, seconds=round(progress.seconds + seconds, 3), marks=marks
    )

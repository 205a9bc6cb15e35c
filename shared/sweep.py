"""Sweep: list what landed and claim what no event announced. The listing half of reconcile.

Missed is what matches a rule, was committed in the window [low watermark, server now - grace], has no entry and is
not a mere touch. Time is the storage service's own: its `Date` and `Last-Modified`, never this machine's clock and
never the greatest Last-Modified seen, because pages are not a snapshot.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from shared import logs
from shared.clock import Clock, Deadline
from shared.containers import is_system_container
from shared.errors import BlobsUnavailable, LedgerConflict
from shared.intake import Intake
from shared.landing import Landing, Page
from shared.ledger import Bookkeeping, Claim, Claimed, Entries, Standing, partitions_of
from shared.model import Arrival, Result, entry_key
from shared.rules import Rule, Rules
from shared.settings import Settings

# Pages of one listing are read at different times, and Last-Modified has whole seconds only.
OVERLAP = timedelta(minutes=10)
# An event's time may differ from the Last-Modified of its version by the lag between two services.
INDEX_MARGIN = timedelta(hours=1)
CONCURRENCY = 8
_CURSOR_SEPARATOR = "|"  # no container's name holds it


@dataclass(slots=True)
class Sweep:
    """What the sweep of one rule found, counted while it goes on."""

    rule: str
    counts: Counter[str] = field(default_factory=Counter)  # listed, known, missed, touched, early, gone, ...
    complete: bool = False

    @property
    def is_news(self) -> bool:
        """Tell whether it found anything but what was known, or did not get through."""
        return not self.complete or bool(self.counts.keys() - {"listed", "known", "early"})


@dataclass(frozen=True, kw_only=True, slots=True)
class _Window:
    """What one sweep looks at."""

    rules: Rules
    rule: Rule
    since: datetime
    known: dict[str, str]  # the outcomes of the entries of the window, by key
    deadline: Deadline
    sweep: Sweep

    def wants(self, arrival: Arrival) -> bool:
        """Tell whether the arrival is the rule's, and not another's."""
        if is_system_container(arrival.container):
            return False
        return any(match.rule.name == self.rule.name for match in self.rules.match(arrival))


class Sweeper:
    """Finds missed events."""

    def __init__(
        self,
        *,
        intake: Intake,
        entries: Entries,
        bookkeeping: Bookkeeping,
        landing: Landing,
        clock: Clock,
        settings: Settings,
    ) -> None:
        self._intake = intake
        self._entries = entries
        self._bookkeeping = bookkeeping
        self._landing = landing
        self._clock = clock
        self._settings = settings

    async def sweep(self, rules: Rules, rule: Rule, standing: Standing | None, deadline: Deadline) -> Sweep:
        """Sweep the look-back window of one of the rules and move its watermark when all of it was seen.

        Out of time, it remembers where it stopped and the next pass goes on from there. Safe to repeat and to run
        twice at once. Raises BlobsUnavailable or LedgerError; the watermark then stays where it was.
        """
        server_now = await self._landing.server_time()
        if standing is None:
            standing = await self._bookkeeping.activate(rule.name, server_now)
            if standing.baseline == server_now:
                logs.fact("rule.activated", rule=rule.name, baseline=standing.baseline)
        started_at = standing.cursor_started_at or server_now
        since = self._window_start(standing, started_at)
        known = await self._known(rule, since - INDEX_MARGIN)
        window = _Window(rules=rules, rule=rule, since=since, known=known, deadline=deadline, sweep=Sweep(rule.name))
        try:
            return await self._sweep(window, standing, started_at)
        except BlobsUnavailable:
            if standing.cursor:  # perhaps it is the cursor that the service refuses: begin anew
                await self._save(replace(standing, cursor="", cursor_started_at=None))
            raise

    async def _sweep(self, window: _Window, standing: Standing, started_at: datetime) -> Sweep:
        async for container, page in self._pages(window.rule, standing.cursor):
            await self._take_in(window, page)
            if window.deadline.passed():
                cursor = f"{container}{_CURSOR_SEPARATOR}{page.cursor}"
                await self._save(replace(standing, cursor=cursor, cursor_started_at=started_at))
                return window.sweep
        window.sweep.complete = True
        # What was younger than the grace period was left to its event: it is not proven yet.
        proven = started_at - self._settings.reconcile_grace - OVERLAP
        watermark = max(standing.low_watermark, proven)
        await self._save(replace(standing, low_watermark=watermark, cursor="", cursor_started_at=None))
        return window.sweep

    def _window_start(self, standing: Standing, started_at: datetime) -> datetime:
        # After a long outage the watermark lags behind the look-back: then the window reaches back to it.
        look_back = started_at - self._settings.reconcile_look_back
        return max(standing.baseline, min(look_back, standing.low_watermark))

    async def _known(self, rule: Rule, since: datetime) -> dict[str, str]:
        """Return the outcomes of the entries of the window, by key."""
        known: dict[str, str] = {}
        for partition in partitions_of(rule.name):
            async for indexed in self._entries.between(partition, since):
                known[indexed.key] = indexed.outcome
        return known

    async def _pages(self, rule: Rule, cursor: str) -> AsyncIterator[tuple[str, Page]]:
        """Yield the pages below the rule's static prefix, container by container, from where a cursor says."""
        container, _, prefix = rule.path.static_prefix.partition("/")
        at_container, _, at_page = cursor.partition(_CURSOR_SEPARATOR)
        if rule.path.container is not None:
            containers: Iterable[str] = [rule.path.container]
        else:
            containers, prefix = sorted(await self._landing.containers(container)), ""
        for name in containers:
            # A cursor without a page says that its container was finished.
            if name < at_container or (name == at_container and not at_page):
                continue
            resumed = at_page if name == at_container else ""
            async for page in self._landing.pages(name, prefix, resumed):
                yield name, page

    async def _take_in(self, window: _Window, page: Page) -> None:
        counts, rule = window.sweep.counts, window.rule
        counts["listed"] += len(page.arrivals)
        until = page.server_time - self._settings.reconcile_grace
        unclaimed: list[Arrival] = []
        for arrival in page.arrivals:
            if arrival.committed_at < window.since or not window.wants(arrival):
                continue
            outcome = window.known.get(entry_key(rule.name, arrival))
            if outcome is not None and outcome != Result.SUPERSEDED:
                counts["known"] += 1
            elif arrival.committed_at > until:
                counts["early"] += 1  # its event may still be on its way
            else:
                unclaimed.append(arrival)  # what is listed is there now, so nothing has superseded it
        gate = asyncio.Semaphore(CONCURRENCY)

        async def one(arrival: Arrival) -> None:
            async with gate:
                counts[await self._claim(window, arrival, until)] += 1

        results = await asyncio.gather(*(one(arrival) for arrival in unclaimed), return_exceptions=True)
        for failure in results:
            if failure is not None:
                raise failure

    async def _claim(self, window: _Window, arrival: Arrival, until: datetime) -> str:
        """Claim one arrival that has no entry; return what it turned out to be."""
        # The page may be old by now: what counts is the version that is there.
        current = await self._landing.identify(arrival)
        if current is None:
            logs.fact("arrival.vanished", path=arrival.full_path)
            return "gone"
        if current.committed_at > until:
            return "early"
        for claim in await self._intake.accept(current, window.deadline):
            if claim.entry.rule == window.rule.name:
                return _outcome(claim)
        return "unwanted"  # the rules have changed meanwhile, or the blob has

    async def _save(self, standing: Standing) -> None:
        try:
            await self._bookkeeping.save_standing(standing)
        except LedgerConflict:
            logs.warning("sweep.overlapped", rule=standing.rule)


def _outcome(claim: Claim) -> str:
    """Return what the sweep has found: only what an event should have claimed is a missed event."""
    if claim.outcome is Claimed.DUPLICATE:
        return "known"
    if claim.entry.result in {Result.TOUCHED, Result.IGNORED}:
        return str(claim.entry.result)
    return "missed"

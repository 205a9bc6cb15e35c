"""One page of a backfill's listing: what of it is in the window, is wanted, is new; and the claims of that."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace

from shared import logs
from shared.backfill.known import BackfillKnown, outcome_of
from shared.backfill.pace import Pace
from shared.clock import Clock, Deadline
from shared.errors import LedgerRefused
from shared.intake import Intake
from shared.landing import Landing, Page, still_changing
from shared.ledger import Backfill, Claim, Claimed
from shared.model import Arrival, Source, entry_key
from shared.rules import Match, Mode, Rules

CONCURRENCY = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class PageTools:
    """What one backfill works on its pages with."""

    backfill: Backfill
    rules: Rules
    wanted: frozenset[str]  # those of them that it is for, by ledger name
    known: BackfillKnown
    intake: Intake
    landing: Landing
    clock: Clock
    pace: Pace
    deadline: Deadline
    dry_run: bool


@dataclass(frozen=True, slots=True)
class _Candidate:
    arrival: Arrival
    keys: dict[str, str]  # of the entries that it may need, by the rules' ledger names


class PageWork:
    """Takes in one page; `counts` are what was made of its blobs so far, by claims where there are several."""

    def __init__(self, tools: PageTools, page: Page, *, may_be_repeated: bool) -> None:
        self.counts: Counter[str] = Counter()
        self._tools = tools
        self._page = page
        # Somebody may have begun with this page and not got through: its claims are ours, and are counted as such.
        self._asks_first = may_be_repeated or (tools.dry_run and not tools.known.is_whole)

    async def steps(self, limit: int | None) -> AsyncGenerator[None, None]:
        """Take in the page, a few blobs at a time, and yield between; at most `limit` claims.

        Safe to repeat. Raises the first LedgerError or BlobsUnavailable of a step after all its blobs were tried.
        """
        candidates = self._candidates()
        while candidates:
            yield
            room = self._chunk if limit is None else min(self._chunk, limit - self.counts["claimed"])
            if room <= 0:
                return
            chunk, candidates = candidates[:room], candidates[room:]
            await self._take(chunk)

    @property
    def _chunk(self) -> int:
        # No step lasts much longer than a second for its pace alone.
        rate = self._tools.backfill.rate
        return CONCURRENCY if rate is None else max(1, min(CONCURRENCY, math.floor(rate)))

    def _candidates(self) -> list[_Candidate]:
        self.counts["listed"] += len(self._page.arrivals)
        found = []
        for arrival in self._page.arrivals:
            if not self._is_in_window(arrival):
                self.counts["outside"] += 1
                continue
            keys = {name: entry_key(name, arrival) for name in self._wanted_by(arrival)}
            if not keys:
                self.counts["unmatched"] += 1
            elif all(key in self._tools.known for key in keys.values()):
                self.counts["known"] += 1
            else:
                found.append(_Candidate(arrival, keys))
        return found

    def _is_in_window(self, arrival: Arrival) -> bool:
        backfill, at = self._tools.backfill, arrival.committed_at
        return (backfill.since is None or at >= backfill.since) and (backfill.until is None or at < backfill.until)

    def _matches(self, arrival: Arrival) -> list[Match]:
        tools = self._tools
        return [match for match in tools.rules.match(arrival) if match.rule.ledger_name in tools.wanted]

    def _wanted_by(self, arrival: Arrival) -> list[str]:
        return [match.rule.ledger_name for match in self._matches(arrival)]

    async def _take(self, chunk: Sequence[_Candidate]) -> None:
        results = await asyncio.gather(*(self._outcomes(each) for each in chunk), return_exceptions=True)
        failures = []
        for result in results:
            if isinstance(result, BaseException):
                failures.append(result)
            else:
                self.counts.update(result)
        if failures:
            raise failures[0]

    async def _outcomes(self, candidate: _Candidate) -> list[str]:
        if self._asks_first:
            outcomes = [
                await self._tools.known.outcome(name, candidate.arrival, key) for name, key in candidate.keys.items()
            ]
            if all(outcomes):
                return outcomes
        if self._tools.dry_run:
            return await self._foretold(candidate.arrival)
        return await self._claimed(candidate.arrival)

    async def _foretold(self, arrival: Arrival) -> list[str]:
        """Return what claiming would come to, as far as it can be told without doing it."""
        matches = self._matches(arrival)
        if any(match.undecided for match in matches):
            current = await self._tools.landing.identify(arrival)
            if current is None:
                return ["vanished"]
            matches = self._matches(current)
        if not matches:
            return ["unmatched"]
        return ["ignored" if match.undecided or match.rule.mode is Mode.SHADOW else "claimed" for match in matches]

    async def _claimed(self, arrival: Arrival) -> list[str]:
        tools = self._tools
        await tools.pace.turn()
        # The page may be old by now: what counts is the version that is there.
        current = await tools.landing.identify(arrival)
        if current is None:
            logs.fact("arrival.vanished", path=arrival.full_path)
            return ["vanished"]
        if not self._is_in_window(current):
            return ["outside"]
        if still_changing(current, tools.clock.now()):
            return ["unfinished"]
        brought = replace(
            current,
            source=Source.BACKFILL,
            committed_at=tools.backfill.committed_at(current.committed_at),
            event_id=tools.backfill.id,
        )
        try:
            claims = await tools.intake.accept(brought, tools.deadline, only=tools.backfill.rule or None)
        except LedgerRefused as error:  # which no repetition helps; the backfill would never get past it
            logs.error("backfill.file_refused", backfill=tools.backfill.id, path=arrival.full_path, reason=error)
            return ["refused"]
        return [self._outcome(claim) for claim in claims] or ["unmatched"]

    def _outcome(self, claim: Claim) -> str:
        if claim.outcome is Claimed.WON:
            return "claimed"
        if claim.outcome is Claimed.DUPLICATE:
            return outcome_of(claim.entry, self._tools.backfill)
        return str(claim.entry.result or claim.entry.state)

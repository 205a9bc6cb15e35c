"""Settles many entries with few calls: the runs of a job are listed where that takes fewer than a get for each.

A page of runs/list holds up to 25 runs and costs one call, of which a workspace takes 30 a second; runs/get takes 100.
Pages come newest first and also hold runs that are not due, or not ours, so how many it takes is only known
afterwards. A listing therefore goes on for as long as it pays: each page must stand for two gets, but for a tenth of
what is due, which covers the newer runs that nobody asked about. A run that it does not show, for whatever reason, is
read by itself before anything is concluded.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from datetime import timedelta

from shared import logs
from shared.clock import Deadline
from shared.errors import JobsError
from shared.ledger import Entries, Marker
from shared.model import Entry, Run, State
from shared.settle.fair_line import Due, FairLine
from shared.settle.runs import CountedRuns

LEAST_LISTED = 3  # due runs of one job
LISTINGS = 4  # at once
WORKERS = 8
# Our clock is not Databricks': a run may seem to have started before its entry was claimed.
CLOCK_ERROR = timedelta(minutes=5)

Settle = Callable[[Entry, Deadline, Run | None], Awaitable[Entry]]


class DueRuns:
    """The work of one pass."""

    def __init__(self, entries: Entries, runs: CountedRuns, settle: Settle) -> None:
        self._entries = entries
        self._runs = runs
        self._settle = settle
        self._line = FairLine()
        self._outcomes: Counter[str] = Counter()

    async def settle(self, markers: Sequence[Marker], deadline: Deadline) -> Counter[str]:
        """Settle the SUBMITTED of the entries; return how many ended in which state."""
        due = [marker for marker in markers if marker.state is State.SUBMITTED]
        if not due:
            return self._outcomes
        before = Counter(self._runs.calls)
        workers = [asyncio.create_task(self._work(deadline)) for _ in range(WORKERS)]
        try:
            await self._line_up(due, deadline)
            self._line.close(WORKERS)
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
        calls = self._runs.calls - before
        settled = self._outcomes[State.SETTLED]
        logs.fact("runs.settled", due=len(due), settled=settled, lists=calls["lists"], gets=calls["gets"])
        return self._outcomes

    async def _line_up(self, due: Sequence[Marker], deadline: Deadline) -> None:
        """Put all entries in line: those of jobs with few due runs at once, the others as they are listed."""
        gate = asyncio.Semaphore(LISTINGS)

        async def listed(job_id: int, markers: Sequence[Marker]) -> None:
            async with gate:
                await self._list(job_id, markers, deadline)

        listings = []
        for job_id, markers in _by_job(due).items():
            if job_id is None or len(markers) < LEAST_LISTED:
                for marker in markers:
                    self._line.add(marker)
            else:
                listings.append(listed(job_id, markers))
        await asyncio.gather(*listings)

    async def _list(self, job_id: int, markers: Sequence[Marker], deadline: Deadline) -> None:
        awaited = {marker.run_id: marker for marker in markers}
        since = min(marker.claimed_at for marker in markers) - CLOCK_ERROR
        pages, worth = 0, 1 + len(markers) // 10
        try:
            async with aclosing(self._runs.list_run_pages(job_id, deadline, started_after=since)) as listing:
                async for page in listing:
                    pages += 1
                    found = [(awaited.pop(run.run_id), run) for run in page if run.run_id in awaited]
                    for marker, run in found:
                        self._line.add(marker, run)
                    seen = len(markers) - len(awaited)
                    if not awaited or pages >= worth + seen // 2:
                        break
        except JobsError as error:
            logs.warning("runs.unlisted", job_id=job_id, reason=error)
        for marker in awaited.values():
            self._line.add(marker)

    async def _work(self, deadline: Deadline) -> None:
        while (due := await self._line.take()) is not None:
            self._outcomes[await self._outcome(due, deadline)] += 1

    async def _outcome(self, due: Due, deadline: Deadline) -> str:
        if deadline.passed():
            return "out of time"
        marker, run = due
        try:
            entry = await self._entries.read_at(marker.partition, marker.key)
            if entry is None or not marker.stands_for(entry) or (run and run.run_id != entry.run_id):
                return "moved on"
            return str((await self._settle(entry, deadline, run)).state)
        except Exception as error:  # noqa: BLE001 - whatever one entry does, the others must go on (invariant 6)
            logs.error("redrive.entry_failed", entry=marker.key[:12], reason=repr(error))
            return "failed"


def _by_job(due: Sequence[Marker]) -> dict[int | None, list[Marker]]:
    """Return the markers by their runs' jobs; rows that older versions of Landfall wrote tell none."""
    jobs: dict[int | None, list[Marker]] = defaultdict(list)
    for marker in due:
        jobs[marker.job_id if marker.run_id is not None else None].append(marker)
    return jobs

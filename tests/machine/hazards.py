"""What may happen at any call of a service: its process dies, its call is lost, its process stands still for a while.

A crash before a call leaves nothing of it, one after it leaves the effect and nobody who knows. What stands still goes
on later as if no time had passed: a zombie.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from random import Random
from typing import TypeVar

from shared.clock import Clock, Deadline
from shared.errors import JobsUnknown, LedgerUnavailable
from shared.jobs import RunOutput
from shared.ledger import Table
from shared.ledger.table import Operation, Row
from shared.model import Run, RunRequest
from tests.machine.workspace import Workspace

T = TypeVar("T")
# Whether the task that asks has stood still: then the world may have changed between its look and its call.
has_stood_still: ContextVar[bool] = ContextVar("has_stood_still", default=False)


class Crash(BaseException):  # nothing that goes on after any error may go on after this one
    """The process is gone."""


class Trouble(StrEnum):
    """What a call meets."""

    CRASH_BEFORE = "crash before"
    CRASH_AFTER = "crash after"
    LOST_BEFORE = "lost before"
    LOST_AFTER = "lost after"
    STALL_BEFORE = "stall before"
    STALL_AFTER = "stall after"


class Seam(StrEnum):
    """Where a call goes to."""

    TABLE = "table"
    DATABRICKS = "databricks"


@dataclass(slots=True)
class Plan:
    """The n-th call of a seam from now on meets trouble."""

    seam: Seam
    calls: int
    trouble: Trouble


class Hazards:
    """What one process will meet; `reached` counts what it has met."""

    def __init__(self, reached: Counter[str], chance: Random) -> None:
        self.plan: Plan | None = None
        self.is_dead = False
        self.calls = 0
        self._stalled: list[asyncio.Future[None]] = []
        self._reached = reached
        self._chance = chance

    @property
    def stalled(self) -> int:
        """Return how many calls stand still."""
        return len(self._stalled)

    def wake(self) -> None:
        """Let everything go on that stands still."""
        stalled, self._stalled = self._stalled, []
        for future in stalled:
            if not future.done():
                future.set_result(None)

    def kill(self) -> None:
        """End the process: every call that it still makes fails."""
        self.is_dead = True
        self.wake()

    async def around(self, seam: Seam, call: Callable[[], Awaitable[T]], lost: Callable[[], Exception]) -> T:
        """Make a call, with what is planned for it."""
        trouble = await self.before(seam, lost)
        result = await call()
        await self._meet(trouble, lost, {Trouble.CRASH_AFTER, Trouble.LOST_AFTER, Trouble.STALL_AFTER})
        await self._give_way()
        return result

    async def before(self, seam: Seam, lost: Callable[[], Exception]) -> Trouble | None:
        """Meet what is planned for before a call; return what is planned for this call."""
        self.calls += 1
        if self.is_dead:
            raise Crash
        await self._give_way()
        trouble = self._due(seam)
        await self._meet(trouble, lost, {Trouble.CRASH_BEFORE, Trouble.LOST_BEFORE, Trouble.STALL_BEFORE})
        return trouble

    def _due(self, seam: Seam) -> Trouble | None:
        plan = self.plan
        if plan is None or plan.seam is not seam:
            return None
        plan.calls -= 1
        if plan.calls > 0:
            return None
        self.plan = None
        self._reached[f"{plan.trouble} {seam}"] += 1
        return plan.trouble

    async def _meet(self, trouble: Trouble | None, lost: Callable[[], Exception], now: set[Trouble]) -> None:
        if trouble not in now:
            return
        if trouble in {Trouble.CRASH_BEFORE, Trouble.CRASH_AFTER}:
            self.kill()
            raise Crash
        if trouble in {Trouble.LOST_BEFORE, Trouble.LOST_AFTER}:
            raise lost()
        await self._stand_still()

    async def _stand_still(self) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._stalled.append(future)
        await future
        has_stood_still.set(True)
        if self.is_dead:
            raise Crash

    async def _give_way(self) -> None:
        for _ in range(self._chance.randrange(3)):
            await asyncio.sleep(0)


def _ledger_lost() -> Exception:
    return LedgerUnavailable("the machine lost this call")


def _jobs_lost() -> Exception:
    return JobsUnknown("the machine lost this call")


class HazardousTable:
    """Implements shared.ledger.table.Table over another, with what its process meets."""

    def __init__(self, table: Table, hazards: Hazards) -> None:
        self._table = table
        self._hazards = hazards

    async def transact(self, partition: str, operations: Sequence[Operation]) -> Mapping[str, str]:
        """Apply all operations or none; see Table."""
        return await self._around(lambda: self._table.transact(partition, operations))

    async def read(self, partition: str, key: str) -> Row | None:
        """Return one row, or None; see Table."""
        return await self._around(lambda: self._table.read(partition, key))

    async def range(
        self, partition: str, start: str, stop: str, *, columns: Sequence[str] | None = None
    ) -> AsyncIterator[Row]:
        """Yield the rows of a range of keys; see Table."""
        await self._hazards.before(Seam.TABLE, _ledger_lost)
        async for row in self._table.range(partition, start, stop, columns=columns):
            yield row

    async def column(
        self, partition: str, start: str, stop: str, column: str
    ) -> AsyncIterator[Sequence[tuple[str, str]]]:
        """Yield a range page by page; see Table."""
        await self._hazards.before(Seam.TABLE, _ledger_lost)
        async for page in self._table.column(partition, start, stop, column):
            yield page

    async def close(self) -> None:
        """Close the table behind."""
        await self._table.close()

    async def _around(self, call: Callable[[], Awaitable[T]]) -> T:
        return await self._hazards.around(Seam.TABLE, call, _ledger_lost)


class HazardousDatabricks:
    """Implements shared.use_cases.Databricks over a workspace, with what its process meets."""

    def __init__(self, workspace: Workspace, hazards: Hazards, clock: Clock) -> None:
        self._workspace = workspace
        self._hazards = hazards
        self._clock = clock

    async def run_now(self, request: RunRequest, deadline: Deadline) -> int:
        """Start a run, or return the one that this token has started before."""

        async def call() -> int:
            # Who has stood still sends what it had in hand: its own clock had stopped.
            until = Deadline(self._clock, 10) if has_stood_still.get() else deadline
            return await self._workspace.run_now(request, until)

        return await self._around(call)

    async def get_run(self, run_id: int, deadline: Deadline, *, history: bool = False) -> Run | None:
        """Return a run, or None when it is not known."""
        return await self._around(lambda: self._workspace.get_run(run_id, deadline, history=history))

    async def repair_run(
        self, run_id: int, request: RunRequest, latest_repair_id: int | None, deadline: Deadline
    ) -> int:
        """Repair an ended run."""
        return await self._around(lambda: self._workspace.repair_run(run_id, request, latest_repair_id, deadline))

    async def get_output(self, task_run_id: int, deadline: Deadline) -> RunOutput:
        """Return the output of a task's run."""
        return await self._around(lambda: self._workspace.get_output(task_run_id, deadline))

    async def find_job(self, name: str, deadline: Deadline) -> int:
        """Return the id of the only job of this name."""
        return await self._around(lambda: self._workspace.find_job(name, deadline))

    async def list_runs(
        self, job_id: int, deadline: Deadline, *, started_after: datetime | None = None
    ) -> AsyncIterator[Run]:
        """Yield the job's runs, newest first."""
        await self._hazards.before(Seam.DATABRICKS, _jobs_lost)
        async for run in self._workspace.list_runs(job_id, deadline, started_after=started_after):
            yield run

    async def list_run_pages(
        self, job_id: int, deadline: Deadline, *, started_after: datetime | None = None
    ) -> AsyncGenerator[Sequence[Run], None]:
        """Yield the job's runs, a page for each call."""
        await self._hazards.before(Seam.DATABRICKS, _jobs_lost)
        async for page in self._workspace.list_run_pages(job_id, deadline, started_after=started_after):
            yield page

    async def _around(self, call: Callable[[], Awaitable[T]]) -> T:
        return await self._hazards.around(Seam.DATABRICKS, call, _jobs_lost)

"""What settling asks of Databricks, and how often it did."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from typing import Protocol

from shared.clock import Deadline
from shared.jobs import RunOutput
from shared.model import Run, RunRequest


class Runs(Protocol):
    """What can read runs back, and repair them."""

    async def get_run(self, run_id: int, deadline: Deadline, *, history: bool = False) -> Run | None:
        """Return a run, with its last repair where its history is wanted; None when Databricks does not know it."""

    def list_run_pages(
        self, job_id: int, deadline: Deadline, *, started_after: datetime | None = None
    ) -> AsyncGenerator[Sequence[Run], None]:
        """Yield a job's runs, newest first and without their tasks, a page for each call."""

    async def get_output(self, task_run_id: int, deadline: Deadline) -> RunOutput:
        """Return what the run of one task has left behind."""

    async def repair_run(
        self, run_id: int, request: RunRequest, latest_repair_id: int | None, deadline: Deadline
    ) -> int:
        """Run the failed tasks of an ended run again; refused unless `latest_repair_id` is its last repair."""


class CountedRuns:
    """Passes calls on and counts them."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs
        self.calls: Counter[str] = Counter()

    async def get_run(self, run_id: int, deadline: Deadline) -> Run | None:
        """Return a run with its history; see Runs."""
        self.calls["gets"] += 1
        return await self._runs.get_run(run_id, deadline, history=True)

    async def list_run_pages(
        self, job_id: int, deadline: Deadline, *, started_after: datetime
    ) -> AsyncGenerator[Sequence[Run], None]:
        """Yield a job's runs; see Runs."""
        async for page in self._runs.list_run_pages(job_id, deadline, started_after=started_after):
            self.calls["lists"] += 1
            yield page

    async def get_output(self, task_run_id: int, deadline: Deadline) -> RunOutput:
        """Return the output of a task's run; see Runs."""
        self.calls["outputs"] += 1
        return await self._runs.get_output(task_run_id, deadline)

    async def repair_run(
        self, run_id: int, request: RunRequest, latest_repair_id: int | None, deadline: Deadline
    ) -> int:
        """Repair a run; see Runs."""
        self.calls["repairs"] += 1
        return await self._runs.repair_run(run_id, request, latest_repair_id, deadline)

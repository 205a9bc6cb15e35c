"""Databricks as one process sees it: every call passes the gate and ends by its deadline, as the real client's do."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import TypeVar

from shared.clock import Deadline
from shared.errors import JobsBusy, JobsUnknown
from shared.jobs import RunOutput
from shared.model import Run, RunRequest
from tests.simulation.gate import Client, Gate
from tests.simulation.process import START, Process
from tests.simulation.workspace import Workspace

PAGE = 25
# `rejected`: no connection was made, or 503; the real client says which by the name of the error.
DATABRICKS = Client(
    service="databricks",
    seconds=20.0,
    rejected=lambda: JobsUnknown("Databricks answered 503.", status=503),
    unanswered=lambda: JobsUnknown("Databricks did not answer in time."),
)
_T = TypeVar("_T")


class WorkspacePort:
    """Implements shared.use_cases.Databricks for one process."""

    def __init__(self, workspace: Workspace, process: Process, gate: Gate) -> None:
        self._workspace = workspace
        self._process = process
        self._gate = gate

    async def run_now(self, request: RunRequest, deadline: Deadline) -> int:
        """Start a run, or return the one that this token has started before."""

        def effect() -> int:
            return self._workspace.run_now(request)

        # As the process learns of it: also what never got there counts, but not what Databricks was too busy for.
        sent = self._workspace.sent.setdefault(request.job_id, [])
        sent.append(self._process.clock.monotonic())
        at = sent[-1]
        try:
            return await self._ask("run-now", effect, deadline, writes=True, subject=request.token[:12])
        except JobsBusy:
            sent.remove(at)
            raise

    async def get_run(self, run_id: int, deadline: Deadline, *, history: bool = False) -> Run | None:
        """Return a run, or None when it is not known."""
        return await self._ask("runs/get", lambda: self._workspace.get_run(run_id, history=history), deadline)

    async def repair_run(
        self, run_id: int, request: RunRequest, latest_repair_id: int | None, deadline: Deadline
    ) -> int:
        """Run an ended run again, if its last repair is named."""
        del request

        def effect() -> int:
            return self._workspace.repair_run(run_id, latest_repair_id)

        return await self._ask("runs/repair", effect, deadline, writes=True)

    async def get_output(self, task_run_id: int, deadline: Deadline) -> RunOutput:
        """Return what a task's run left behind."""
        del task_run_id

        def effect() -> RunOutput:
            return RunOutput(result="", error="it failed", error_trace="", logs="", truncated=False)

        return await self._ask("runs/get-output", effect, deadline)

    async def list_runs(
        self, job_id: int, deadline: Deadline, *, started_after: datetime | None = None
    ) -> AsyncIterator[Run]:
        """Yield the job's runs, newest first."""
        async for page in self.list_run_pages(job_id, deadline, started_after=started_after):
            for run in page:
                yield run

    async def list_run_pages(
        self, job_id: int, deadline: Deadline, *, started_after: datetime | None = None
    ) -> AsyncGenerator[Sequence[Run], None]:
        """Yield the job's runs, newest first; each page is a call."""
        after = (started_after - START).total_seconds() if started_after else None
        before: int | None = None
        while True:
            page = await self._ask("runs/list", self._listing(job_id, after, before), deadline)
            yield page
            if len(page) < PAGE:
                return
            before = page[-1].run_id

    async def find_job(self, name: str, deadline: Deadline) -> int:
        """Return the id of the only job of this name."""
        return await self._ask("jobs/list", lambda: self._workspace.find_job(name), deadline)

    def _listing(self, job_id: int, after: float | None, before: int | None) -> Callable[[], Sequence[Run]]:
        return lambda: self._workspace.list_page(job_id, after, before, PAGE)

    async def _ask(
        self, name: str, effect: Callable[[], _T], deadline: Deadline, *, writes: bool = False, subject: str = ""
    ) -> _T:
        seconds = deadline.remaining()
        if seconds <= 0:
            raise JobsBusy("There was no time left to ask Databricks.")
        return await self._gate.call(
            self._process, DATABRICKS, name, effect, writes=writes, subject=subject, seconds=seconds
        )

"""A Databricks in memory: tokens make one run, runs end when a test says so, calls fail on request."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import datetime

from shared.clock import Clock, Deadline
from shared.errors import JobMissing, JobsError, JobsRefused
from shared.jobs import RunOutput
from shared.model import Run, RunRequest, Verdict

PAGE = 25


class FakeDatabricks:
    """What the use cases ask of Databricks, with its token contract."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tokens: dict[str, int] = {}
        self._failures: list[tuple[JobsError, bool]] = []
        self._repair_failures: list[tuple[JobsError, bool]] = []
        self.jobs = {"ETL": 7}
        self.runs: dict[int, Run] = {}
        self.errors: dict[int, str] = {}  # of tasks' runs: run 101 has the tasks 1011 and 1012
        self.sent: list[RunRequest] = []
        self.repairs: list[tuple[int, int]] = []  # (run id, repair id), those that took place
        self.forgotten: set[int] = set()  # runs that listings leave out
        self.calls: Counter[str] = Counter()
        self.unreadable: JobsError | None = None
        self.on_call: Callable[[], None] = lambda: None  # when run-now is called, or a job looked up
        self.on_answer: Callable[[], None] = lambda: None  # when it has started a run

    def fail_next(self, error: JobsError, *, times: int = 1, after: bool = False) -> None:
        """Make the next run-now calls fail, before they have any effect or after it."""
        self._failures += [(error, after)] * times

    def fail_next_repair(self, error: JobsError, *, times: int = 1, after: bool = False) -> None:
        """Make the next repairs fail, before they have any effect or after it."""
        self._repair_failures += [(error, after)] * times

    def end(self, run_id: int, verdict: Verdict, state: str = "TERMINATED/SUCCESS") -> None:
        """End a run, with the termination code that stands behind the slash."""
        self.runs[run_id] = replace(
            self.runs[run_id],
            verdict=verdict,
            state=state,
            code=state.partition("/")[2],
            ended_at=self._clock.now(),
            message="as told",
        )

    async def run_now(self, request: RunRequest, deadline: Deadline) -> int:
        """Start a run, or return the one that this token has started before."""
        self.calls["run_now"] += 1
        self.sent.append(request)
        self.on_call()
        assert not deadline.passed()
        error, after = self._failures.pop(0) if self._failures else (None, False)
        if error and not after:
            raise error
        run_id = self._tokens.setdefault(request.token, len(self._tokens) + 101)
        if run_id not in self.runs:
            self.runs[run_id] = self._run(run_id, request)
        self.on_answer()
        if error:
            raise error
        return run_id

    async def get_run(self, run_id: int, deadline: Deadline, *, history: bool = False) -> Run | None:
        """Return a run, or None when it is not known."""
        del deadline
        self.calls["get_run"] += 1
        if self.unreadable:
            raise self.unreadable
        run = self.runs.get(run_id)
        return run if run is None or history else replace(run, latest_repair_id=None)

    async def repair_run(
        self, run_id: int, request: RunRequest, latest_repair_id: int | None, deadline: Deadline
    ) -> int:
        """Repair an ended run, if its last repair is named; see the note on runs/repair in JobsClient."""
        del request, deadline
        self.calls["repair_run"] += 1
        error, after = self._repair_failures.pop(0) if self._repair_failures else (None, False)
        if error and not after:
            raise error
        run = self.runs[run_id]
        if run.verdict is None:
            raise JobsRefused("The run is in progress.")
        if run.latest_repair_id != latest_repair_id:
            raise JobsRefused("The latest repair ID needs to be provided in order to create a new repair")
        repair_id = 9001 + len(self.repairs)
        self.repairs.append((run_id, repair_id))
        self.runs[run_id] = replace(
            run, verdict=None, state="RUNNING", code="", message="", ended_at=None, latest_repair_id=repair_id
        )
        self.on_answer()
        if error:
            raise error
        return repair_id

    async def get_output(self, task_run_id: int, deadline: Deadline) -> RunOutput:
        """Return the output that a test has given a task's run."""
        del deadline
        self.calls["get_output"] += 1
        if self.unreadable:
            raise self.unreadable
        return RunOutput(result="", error=self.errors.get(task_run_id, ""), error_trace="", logs="", truncated=False)

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
        """Yield the job's runs, newest first and without their tasks and repairs; each page is a call."""
        del deadline
        found = [
            replace(run, task_run_ids=(), latest_repair_id=None)
            for run in sorted(self.runs.values(), key=lambda run: -run.run_id)
            if run.job_id == job_id and (not started_after or (run.started_at and run.started_at >= started_after))
            if run.run_id not in self.forgotten
        ]
        for start in range(0, max(1, len(found)), PAGE):
            self.calls["list_runs"] += 1
            if self.unreadable:
                raise self.unreadable
            yield found[start : start + PAGE]

    async def find_job(self, name: str, deadline: Deadline) -> int:
        """Return the id of the only job of this name."""
        del deadline
        self.calls["find_job"] += 1
        self.on_call()
        if name not in self.jobs:
            raise JobMissing(f"There is no job called {name!r}.")
        return self.jobs[name]

    def _run(self, run_id: int, request: RunRequest) -> Run:
        return Run(
            run_id=run_id,
            job_id=request.job_id,
            verdict=None,
            state="RUNNING",
            message="",
            started_at=self._clock.now(),
            ended_at=None,
            page_url=f"https://workspace/run/{run_id}",
            parameters=_named_parameters(json.loads(request.body)),
            task_run_ids=(run_id * 10 + 1, run_id * 10 + 2),
        )


def _named_parameters(body: dict[str, dict[str, str]]) -> dict[str, str]:
    return {**body.get("job_parameters", {}), **body.get("notebook_params", {})}

"""Five hundred runs at once, over HTTP: all of them answered soon, all of them ended, and nothing of them left."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from bench.workspace import Holdings
from localdev.workspace.scripted_runner import ScriptedRunner
from tests.fakes.waiting import until_done
from tests.localdev.workspace.kit import Json, open_workspace, started, task, workspace_settings

RUNS = 500
REQUESTS_AT_ONCE = 10
SLOWEST = 1.0  # seconds for 99 of 100 answers
MOST_MEMORY = 60.0  # MiB more than before; SQLite's and Python's own caches among it


@dataclass
class Answers:
    """Asks, a few at once, and keeps how long each answer took."""

    client: httpx.AsyncClient
    seconds: list[float] = field(default_factory=list)
    gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(REQUESTS_AT_ONCE))

    async def ask(self, method: str, endpoint: str, **request: Any) -> Json:
        """Return an answer, which must be a good one."""
        async with self.gate:
            began = time.perf_counter()
            answer = await self.client.request(method, f"/api/2.2/jobs/{endpoint}", **request)
            self.seconds.append(time.perf_counter() - began)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def start(self, job_id: int, count: int) -> list[int]:
        """Start runs; return their ids."""
        body = {"job_id": job_id}
        answers = [self.ask("POST", "run-now", json=body) for _ in range(count)]
        return [each["run_id"] for each in await asyncio.gather(*answers)]

    async def is_quiet(self) -> bool:
        """Tell whether no run is active."""
        return not await self.runs(active_only="true")

    async def runs(self, **query: str) -> dict[int, Json]:
        """Return all runs that a query wants, by their ids."""
        found: dict[int, Json] = {}
        token = ""
        while True:
            page = await self.ask("GET", "runs/list", params={"limit": 25, "page_token": token, **query})
            found |= {run["run_id"]: run for run in page.get("runs", [])}
            token = page.get("next_page_token", "")
            if not token:
                return found


async def batch(runner: ScriptedRunner, answers: Answers, job_id: int, count: int) -> list[int]:
    """Have so many runs at once, look at all of them, and let them succeed; return their ids."""
    run_ids = await answers.start(job_id, count)
    await started(runner, count)
    assert (await answers.runs(active_only="true")).keys() == set(run_ids)
    for each in runner.started:
        each.finish()
    await until_done(answers.is_quiet)
    ended = await answers.runs()
    assert {ended[run_id]["state"]["result_state"] for run_id in run_ids} == {"SUCCESS"}
    runner.started.clear()
    return run_ids


async def test_five_hundred_runs_at_once_leave_nothing(tmp_path: Path) -> None:
    """Handles, threads, asyncio's tasks and memory are as before, and nobody waits for an answer meanwhile."""
    runner = ScriptedRunner({"main": [None]})
    async with open_workspace(workspace_settings(tmp_path, running_tasks=RUNS), runner=runner) as workspace:
        answers = Answers(workspace.client)
        job_id = await workspace.create(task("main"), max_concurrent_runs=1000)
        await batch(runner, answers, job_id, RUNS // 10)
        answers.seconds.clear()
        before = Holdings.now()

        run_ids = await batch(runner, answers, job_id, RUNS)

        after = Holdings.now()

    assert len(set(run_ids)) == RUNS
    assert sorted(answers.seconds)[int(0.99 * len(answers.seconds))] < SLOWEST
    assert after.handles <= before.handles + REQUESTS_AT_ONCE
    assert after.threads == before.threads
    assert after.tasks <= before.tasks + REQUESTS_AT_ONCE
    assert after.memory_mib - before.memory_mib < MOST_MEMORY

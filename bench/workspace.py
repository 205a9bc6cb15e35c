"""How the local workspace bears 500 runs at once, and whether anything of them stays behind.

    python -m bench.workspace [--runs 500] [--processes]

Each run has four tasks: a condition, a notebook on either way, and one after both. Without --processes a script takes
the place of notebooks, so that what is measured is the workspace itself: requests, decisions, and SQLite. With it every
notebook is a process, as many at once as there are processors. The first batch is a warm-up of a tenth, and the counts
before and after are those around the second. Requests go over HTTP on loopback; client and server share a process, so
that the time of an answer is that of both.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import resource
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from localdev.workspace.app import create_app
from localdev.workspace.scripted_runner import ScriptedRunner
from localdev.workspace.server import running
from localdev.workspace.settings import WorkspaceSettings
from shared.secret import Secret

_TOKEN = "bench"  # noqa: S105 - of a workspace that lives for this measurement, in a temporary folder
_REQUESTS_AT_ONCE = 20
_NOTEBOOK = "# Databricks notebook source\ndbutils.notebook.exit(dbutils.widgets.get('n'))\n"


_answer_seconds: list[float] = []


@dataclass(frozen=True, kw_only=True, slots=True)
class Holdings:
    """What this process has and holds."""

    handles: int
    threads: int
    tasks: int
    memory_mib: float

    @classmethod
    def now(cls) -> Holdings:
        """Count, after collecting what nobody needs."""
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return cls(
            handles=len(list(Path("/proc/self/fd").iterdir())) - 1,  # the listing holds one itself
            threads=threading.active_count(),
            tasks=len(asyncio.all_tasks()),
            memory_mib=pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--processes", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_measure(Path(folder), options.runs, processes=options.processes))


async def _measure(folder: Path, runs: int, *, processes: bool) -> None:
    notebooks = folder / "notebooks"
    notebooks.mkdir()
    (notebooks / "work.py").write_text(_NOTEBOOK, encoding="utf-8")
    settings = WorkspaceSettings(
        data=folder / "data", notebooks=notebooks, token=Secret(_TOKEN), running_tasks=os.cpu_count() or 1
    )
    app = create_app(settings, runner=None if processes else ScriptedRunner())
    async with (
        running(app) as url,
        httpx.AsyncClient(
            base_url=f"{url}/api/2.2/jobs/", headers={"Authorization": f"Bearer {_TOKEN}"}, timeout=60
        ) as client,
    ):
        job_id = (await _call(client, "POST", "create", json=_job()))["job_id"]
        await _batch(client, job_id, max(1, runs // 10))
        _answer_seconds.clear()
        before, cpu, start = Holdings.now(), _cpu(), time.perf_counter()
        started_after, most_active = await _batch(client, job_id, runs)
        seconds, cpu = time.perf_counter() - start, _cpu() - cpu
        after = Holdings.now()
    print(f"{runs} runs of 4 tasks, notebooks {'in processes' if processes else 'by a script'}")
    print(f"  run-now answered for all after {started_after:.2f} s; at most {most_active} runs active at once")
    print(f"  {runs / seconds:.0f} runs/s ({seconds:.2f} s); {1000 * cpu / runs:.1f} ms of CPU a run ({cpu:.2f} s)")
    ordered = sorted(_answer_seconds)
    half, most, last = (1000 * ordered[min(len(ordered) - 1, int(part * len(ordered)))] for part in (0.5, 0.99, 1))
    print(f"  {len(ordered)} answers: half within {half:.0f} ms, 99 % within {most:.0f} ms, the slowest {last:.0f} ms")
    for name in ("handles", "threads", "tasks"):
        print(f"  {name}: {getattr(before, name)} before, {getattr(after, name)} after")
    print(f"  memory: {before.memory_mib:.0f} MiB before, {after.memory_mib:.0f} MiB after")


async def _batch(client: httpx.AsyncClient, job_id: int, runs: int) -> tuple[float, int]:
    """Start that many runs and wait for their end; return when all were answered, and the most active ones seen."""
    start = time.perf_counter()
    gate = asyncio.Semaphore(_REQUESTS_AT_ONCE)

    async def one(number: int) -> int:
        async with gate:
            body = {"job_id": job_id, "job_parameters": {"n": str(number)}, "idempotency_token": f"{start}-{number}"}
            return int((await _call(client, "POST", "run-now", json=body))["run_id"])

    run_ids = set(await asyncio.gather(*map(one, range(runs))))
    answered = time.perf_counter() - start
    assert len(run_ids) == runs
    most = 0
    while active := await _active(client, job_id):
        most = max(most, active)
        await asyncio.sleep(0.2)
    await _check(client, run_ids)
    return answered, most


async def _active(client: httpx.AsyncClient, job_id: int) -> int:
    return len([each async for each in _listed(client, job_id=job_id, active_only="true")])


async def _check(client: httpx.AsyncClient, run_ids: set[int]) -> None:
    """Make sure that every run of a batch has succeeded."""
    ended = {each["run_id"]: each["state"].get("result_state") async for each in _listed(client)}
    wrong = {run_id: ended.get(run_id) for run_id in run_ids if ended.get(run_id) != "SUCCESS"}
    assert not wrong, wrong


async def _listed(client: httpx.AsyncClient, **query: Any) -> Any:
    token = ""
    while True:
        page = await _call(client, "GET", "runs/list", params={"limit": 25, "page_token": token, **query})
        for each in page.get("runs", []):
            yield each
        token = page.get("next_page_token", "")
        if not token:
            return


async def _call(client: httpx.AsyncClient, method: str, endpoint: str, **request: Any) -> dict[str, Any]:
    start = time.perf_counter()
    answer = await client.request(method, endpoint, **request)
    _answer_seconds.append(time.perf_counter() - start)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def _job() -> dict[str, Any]:
    notebook = {"notebook_path": "/work", "base_parameters": {"n": "{{job.parameters.n}}"}}
    decision = {"op": "GREATER_THAN_OR_EQUAL", "left": "{{job.parameters.n}}", "right": "0"}
    return {
        "name": "bench",
        "max_concurrent_runs": 1000,
        "parameters": [{"name": "n", "default": "0"}],
        "tasks": [
            {"task_key": "if", "condition_task": decision},
            {"task_key": "yes", "notebook_task": notebook, "depends_on": [{"task_key": "if", "outcome": "true"}]},
            {"task_key": "no", "notebook_task": notebook, "depends_on": [{"task_key": "if", "outcome": "false"}]},
            {
                "task_key": "after",
                "notebook_task": notebook,
                "depends_on": [{"task_key": "yes"}, {"task_key": "no"}],
                "run_if": "NONE_FAILED",
            },
        ],
    }


def _cpu() -> float:
    """Return the CPU seconds of this process and of those that it has ended."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


if __name__ == "__main__":
    main()

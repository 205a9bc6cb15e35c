"""What the tests of the local workspace share: its parts made easy, and a clock that stands still."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from localdev.workspace.app import create_app
from localdev.workspace.faults import FaultPlan
from localdev.workspace.jobs import job_settings
from localdev.workspace.model.job import JobSettings
from localdev.workspace.scripted_runner import ScriptedRunner
from localdev.workspace.server import running
from localdev.workspace.settings import WorkspaceSettings
from shared.clock import Clock
from shared.secret import Secret
from tests.fakes.waiting import until

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
TOKEN = "dapi-canary"
Json = dict[str, Any]


class StandingClock:
    """A clock that moves only when the test moves it; whoever sleeps wakes up when it is due."""

    def __init__(self) -> None:
        self._now = START
        self._sleepers: list[tuple[datetime, asyncio.Event]] = []

    def now(self) -> datetime:
        """Return the time that the test has set."""
        return self._now

    def monotonic(self) -> float:
        """Return the seconds since the start."""
        return (self._now - START).total_seconds()

    @property
    def sleepers(self) -> int:
        """Return how many wait for the clock to move."""
        return len(self._sleepers)

    async def sleep(self, seconds: float) -> None:
        """Wait until the test has moved the clock by that much."""
        due, woken = self._now + timedelta(seconds=seconds), asyncio.Event()
        if seconds > 0:
            self._sleepers.append((due, woken))
            await woken.wait()

    def advance(self, **span: float) -> None:
        """Move the clock: `advance(hours=48)`."""
        self._now += timedelta(**span)
        for due, woken in self._sleepers:
            if due <= self._now:
                woken.set()
        self._sleepers = [sleeper for sleeper in self._sleepers if not sleeper[1].is_set()]


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """A running local workspace and a client that is signed in."""

    url: str
    client: httpx.AsyncClient

    async def post(self, endpoint: str, body: Json, *, version: str = "2.2") -> httpx.Response:
        """Return the answer to a POST."""
        return await self.client.post(f"/api/{version}/jobs/{endpoint}", json=body)

    async def get(self, endpoint: str, *, version: str = "2.2", **query: Any) -> httpx.Response:
        """Return the answer to a GET."""
        return await self.client.get(f"/api/{version}/jobs/{endpoint}", params=query)

    async def create(self, *tasks: Json, version: str = "2.2", **settings: Any) -> int:
        """Create a job, with one notebook task unless told otherwise; return its id."""
        answer = await self.post("create", job(*tasks, **settings), version=version)
        assert answer.status_code == 200, answer.text
        return int(answer.json()["job_id"])

    async def run_now(self, job_id: int, **request: Any) -> int:
        """Start a run; return its id."""
        answer = await self.post("run-now", {"job_id": job_id, **request})
        assert answer.status_code == 200, answer.text
        return int(answer.json()["run_id"])

    async def run(self, run_id: int) -> Json:
        """Return a run."""
        answer = await self.get("runs/get", run_id=run_id)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def once(self, run_id: int, condition: Callable[[Json], bool]) -> Json:
        """Return a run once something is true of it."""
        async with asyncio.timeout(20):
            while not condition(run := await self.run(run_id)):  # noqa: ASYNC110 - the API has no event to wait for
                await asyncio.sleep(0.005)
        return run

    async def ended(self, run_id: int) -> Json:
        """Return a run once it has ended."""
        return await self.once(run_id, lambda run: run["end_time"] > 0)

    async def reaches(self, run_id: int, life_cycle_state: str) -> Json:
        """Return a run once it is in a state."""
        return await self.once(run_id, lambda run: run["state"]["life_cycle_state"] == life_cycle_state)

    async def outputs(self, run: Json) -> dict[str, Json]:
        """Return the outputs of a run's tasks, of the last attempt, by task key."""
        found = {}
        for task in run["tasks"]:
            found[task["task_key"]] = (await self.get("runs/get-output", run_id=task["run_id"])).json()
        return found


def task(key: str = "main", *upstream: str, **more: Any) -> Json:
    """Return a notebook task."""
    document: Json = {"task_key": key, "notebook_task": {"notebook_path": f"/Workspace/{key}"}, **more}
    return {**document, "depends_on": [{"task_key": each} for each in upstream]} if upstream else document


def job(*tasks: Json, **settings: Any) -> Json:
    """Return the body of jobs/create."""
    return {"name": "ETL", "tasks": list(tasks) or [task()], **settings}


def settings_of(*tasks: Json, version: str = "2.2", **settings: Any) -> JobSettings:
    """Return the settings of a job."""
    return job_settings.read(job_settings.completed(job(*tasks, **settings), version))


def notebook(folder: Path, name: str, *cells: str) -> Path:
    """Write a Databricks source notebook of these cells."""
    file = folder / f"{name}.py"
    file.parent.mkdir(parents=True, exist_ok=True)
    text = "\n# COMMAND ----------\n\n".join(f"{cell}\n" for cell in cells)
    file.write_text(f"# Databricks notebook source\n{text}", encoding="utf-8")
    return file


def workspace_settings(folder: Path, **changes: Any) -> WorkspaceSettings:
    """Return settings with everything below one folder."""
    (folder / "notebooks").mkdir(parents=True, exist_ok=True)
    values: Json = {
        "data": folder / "data",
        "notebooks": folder / "notebooks",
        "token": Secret(TOKEN),
        "running_tasks": 4,
        **changes,
    }
    return WorkspaceSettings(**values)


@asynccontextmanager
async def open_workspace(
    settings: WorkspaceSettings,
    *,
    clock: Clock | None = None,
    runner: ScriptedRunner | None = None,
    faults: FaultPlan | None = None,
) -> AsyncIterator[Workspace]:
    """Serve a workspace on loopback; without a runner it runs real processes."""
    app = create_app(settings, clock=clock, runner=runner, faults=faults)
    async with (
        running(app) as url,
        httpx.AsyncClient(base_url=url, headers=sign_in(TOKEN), timeout=20) as client,
    ):
        yield Workspace(url=url, client=client)


@asynccontextmanager
async def open_without_wire(
    settings: WorkspaceSettings,
    *,
    clock: Clock | None = None,
    runner: ScriptedRunner | None = None,
    faults: FaultPlan | None = None,
) -> AsyncIterator[Workspace]:
    """Open a workspace that the client calls without a socket: the same application, ten times as fast."""
    app = create_app(settings, clock=clock, runner=runner, faults=faults)
    url = "http://workspace.test"
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=url, headers=sign_in(TOKEN)) as client,
    ):
        yield Workspace(url=url, client=client)


def sign_in(token: str) -> Mapping[str, str]:
    """Return the header that carries a token."""
    return {"Authorization": f"Bearer {token}"}


async def started(runner: ScriptedRunner, count: int) -> None:
    """Wait until the scripted runner has started that many tasks."""
    await until(lambda: len(runner.started) >= count)

"""Landfall itself as the client, over HTTP, while the workspace misbehaves: each file starts one run, and no second."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest

from localdev.workspace.faults import Fault, FaultPlan
from localdev.workspace.scripted_runner import ScriptedRunner
from shared.jobs import JobsClient, create_credentials, create_http_client
from shared.model import Entry, Result, State
from shared.secret import Secret
from tests.fakes.memory_dead_letters import MemoryDeadLetters
from tests.fakes.memory_landing import MemoryLanding
from tests.fakes.world import World
from tests.localdev.workspace.kit import Json, StandingClock, Workspace, open_workspace, workspace_settings

CLIENT, SECRET = "3b1c-application", "dose-canary"
FILES, AT_ONCE = 50, 10
MOST_PASSES = 300
RUN_NOW = "POST /api/2.?/jobs/run-now"
RULES = """
version: 1
rules:
  - name: crm
    path: "landing/crm/{name}.csv"
    job: {name: "ETL"}
"""
LOGIN_PAGE = "<!doctype html><html><title>Sign in</title></html>"
EXPIRED = '{"error_code": 403, "message": "JWT has expired"}'
LOCKED = '{"error_code": "COULD_NOT_ACQUIRE_LOCK", "message": "Try again."}'
UNAVAILABLE = '{"error_code": "TEMPORARILY_UNAVAILABLE", "message": "Please try again later."}'
STORM: dict[str, Json] = {
    "429": {"status": 429},
    "429 with Retry-After": {"status": 429, "headers": {"Retry-After": "7"}},
    "429 until a date": {"status": 429, "headers": {"Retry-After": "Sun, 22 Nov 2026 12:03:00 GMT"}},
    "400 that means 429": {"status": 400, "body": LOCKED},
    "500 before": {"status": 500, "body": UNAVAILABLE},
    "500 after": {"status": 500, "body": UNAVAILABLE, "after": True},
    "502 after": {"status": 502, "body": "<html><title>Bad gateway</title></html>", "after": True},
    "503 after": {"status": 503, "body": "", "after": True},
    "504 after": {"status": 504, "body": "upstream request timeout", "after": True},
    "dropped before": {"drop": True},
    "dropped after": {"drop": True, "after": True},
    "cut in the middle": {"cut_after": 6},
    "half a JSON object": {"status": 200, "body": '{"run_id": 12', "after": True},
    "login page": {"status": 200, "body": LOGIN_PAGE},
    "login page after": {"status": 200, "body": LOGIN_PAGE, "after": True},
    "private link": {"status": 307, "headers": {"Location": "/login.html?error=private-link-validation-error"}},
    "expired token": {"status": 403, "body": EXPIRED},
}


class HastyClock:
    """The client's view of a standing clock: whoever sleeps moves it at once."""

    def __init__(self, clock: StandingClock) -> None:
        self._clock = clock

    def now(self) -> datetime:
        """Return the time of the standing clock."""
        return self._clock.now()

    def monotonic(self) -> float:
        """Return the seconds since the start."""
        return self._clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Move the clock, and let others have their turn."""
        self._clock.advance(seconds=seconds)
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._clock.advance(seconds=seconds)


class Landfall(World):
    """The real use cases and the real Jobs client; the ledger and the files are in memory."""

    def __init__(self, workspace: Workspace, clock: StandingClock) -> None:
        super().__init__(
            RULES,
            DATABRICKS_HOST=workspace.url,
            DATABRICKS_AUTH_TYPE="oauth-m2m",
            DATABRICKS_CLIENT_ID=CLIENT,
            DATABRICKS_CLIENT_SECRET=SECRET,
            DATABRICKS_TOKEN="",
        )
        self.clock = HastyClock(clock)  # type: ignore[assignment]  # World's own clock has its methods, and its start
        self.landing = MemoryLanding(self.clock)
        self.dead_letters = MemoryDeadLetters(self.clock)
        http, settings = create_http_client(), self.settings.databricks
        credentials = create_credentials(settings, http, self.clock)
        self.client = JobsClient(http, settings, credentials, self.clock, randomness=self._randomness)
        self.databricks = self.client  # type: ignore[assignment]  # the fake's methods are the client's
        self.restart(RULES)


class Storm(FaultPlan):
    """Faults by chance, until it is over; `happened` counts them by their names."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._seed = seed
        self._names: dict[int, str] = {}  # by the fault's own seed
        self.happened: Counter[str] = Counter()

    def rage(self, pattern: str, *, chance: float, times: int | None = None) -> None:
        """Plan every fault for some requests, each by the same chance."""
        for name, fields in STORM.items():
            seed = self._seed * 1000 + len(self._names)
            self._names[seed] = name
            self.add(Fault(pattern=pattern, chance=chance, times=times, seed=seed, **fields))

    def take(self, request: str) -> tuple[Fault, float] | None:
        """Return what a FaultPlan does, and count what happens to run-now."""
        taken = super().take(request)
        if taken is not None and request.endswith("run-now"):
            self.happened[self._names[taken[0].seed]] += 1
        return taken


async def all_runs(workspace: Workspace) -> list[Json]:
    """Return every run of the workspace."""
    found: list[Json] = []
    query: Json = {"limit": 25}
    while True:
        answer = (await workspace.get("runs/list", **query)).json()
        found += answer.get("runs", [])
        if "next_page_token" not in answer:
            return found
        query["page_token"] = answer["next_page_token"]


async def settled(landfall: Landfall, workspace: Workspace) -> list[Entry]:
    """Let Landfall's timer do its work, a minute apart, until every entry is closed; tokens expire meanwhile."""
    for number in range(MOST_PASSES):
        await landfall.reconciler.run()
        entries = await landfall.all_entries()
        if all(entry.state in {State.SETTLED, State.DEAD} for entry in entries):
            return entries
        if number % 5 == 0:
            expired = await workspace.client.post("/__workspace/faults", json={"expire_tokens": True})
            assert expired.status_code == 200, expired.text
        landfall.clock.advance(60)
    raise AssertionError(f"not settled: {Counter(entry.state for entry in entries)}")


@pytest.mark.parametrize("seed", [1, 2])
async def test_every_file_starts_one_run_through_a_storm(tmp_path: Path, clock: StandingClock, seed: int) -> None:
    """Faults before and after the effect, throttling and expired tokens delay runs: none is lost, none is doubled."""
    storm = Storm(seed)
    settings = workspace_settings(
        tmp_path, clients={CLIENT: Secret(SECRET)}, faults=True, rate_limits=True, short_pages=True
    )
    async with open_workspace(settings, clock=clock, runner=ScriptedRunner(), faults=storm) as workspace:
        grant = {"service_principal_name": CLIENT, "permission_level": "CAN_MANAGE_RUN"}
        await workspace.create(max_concurrent_runs=1000, access_control_list=[grant])
        landfall = Landfall(workspace, clock)
        storm.rage(RUN_NOW, chance=0.3, times=1)  # so that each of them happens
        storm.rage(RUN_NOW, chance=0.02)
        storm.rage("GET /api/2.?/jobs/*", chance=0.01)

        for start in range(0, FILES, AT_ONCE):
            names = [f"landing/crm/{number:02}.csv" for number in range(start, start + AT_ONCE)]
            await asyncio.gather(*map(landfall.drop, names))
        entries = await settled(landfall, workspace)

        storm.clear()
        clock.advance(seconds=60)
        runs = await all_runs(workspace)
        await landfall.client.aclose()

    started = {run["overriding_parameters"]["notebook_params"]["landfall_entry"]: run["run_id"] for run in runs}
    assert [(entry.result, entry.generation) for entry in entries] == [(Result.SUCCEEDED, 1)] * FILES
    assert (len(runs), started) == (FILES, {entry.key: entry.run_id for entry in entries})
    assert min(storm.happened[name] for name in STORM) > 0, storm.happened

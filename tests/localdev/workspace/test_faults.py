"""Faults on request: what a client sees, and what the workspace did all the same; over real HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from localdev.workspace.faults import Fault, FaultPlan
from localdev.workspace.scripted_runner import ScriptedRunner
from tests.fakes.waiting import until
from tests.localdev.workspace.kit import StandingClock, Workspace, open_without_wire, open_workspace, workspace_settings

RUN_NOW = "POST /api/2.2/jobs/run-now"


@pytest.fixture
def plan() -> FaultPlan:
    """Return a plan without faults."""
    return FaultPlan()


@pytest.fixture
async def faulty(
    tmp_path: Path, clock: StandingClock, runner: ScriptedRunner, plan: FaultPlan
) -> AsyncIterator[Workspace]:
    """Serve a workspace in which the plan's faults happen."""
    async with open_workspace(workspace_settings(tmp_path), clock=clock, runner=runner, faults=plan) as workspace:
        yield workspace


async def runs(workspace: Workspace) -> list[int]:
    """Return the ids of all runs."""
    return [run["run_id"] for run in (await workspace.get("runs/list")).json().get("runs", [])]


async def test_fault_before_leaves_nothing_done(faulty: Workspace, plan: FaultPlan) -> None:
    """The request is answered with the fault alone, once."""
    job_id = await faulty.create()
    plan.add(Fault(pattern=RUN_NOW, status=503, body='{"error_code": "X"}', headers={"Retry-After": "7"}))

    answer = await faulty.post("run-now", {"job_id": job_id})
    left = await runs(faulty)
    after = await faulty.post("run-now", {"job_id": job_id})

    assert (answer.status_code, answer.json(), answer.headers["retry-after"]) == (503, {"error_code": "X"}, "7")
    assert left == []
    assert after.status_code == 200


async def test_fault_after_hides_what_was_done(faulty: Workspace, plan: FaultPlan) -> None:
    """The run exists although the client saw an error: only its token can tell."""
    job_id = await faulty.create()
    plan.add(Fault(pattern=RUN_NOW, status=500, after=True))

    answer = await faulty.post("run-now", {"job_id": job_id, "idempotency_token": "t"})
    left = await runs(faulty)
    again = await faulty.post("run-now", {"job_id": job_id, "idempotency_token": "t"})

    assert answer.status_code == 500
    assert [again.json()["run_id"]] == left


@pytest.mark.parametrize(("after", "count"), [(False, 0), (True, 1)])
async def test_dropped_connection_has_no_answer(faulty: Workspace, plan: FaultPlan, after: bool, count: int) -> None:  # noqa: FBT001 - a table's column
    """The client cannot know whether its request took effect."""
    job_id = await faulty.create()
    plan.add(Fault(pattern=RUN_NOW, drop=True, after=after))

    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await faulty.post("run-now", {"job_id": job_id})

    assert len(await runs(faulty)) == count


async def test_late_answer_is_the_real_one(faulty: Workspace, plan: FaultPlan, clock: StandingClock) -> None:
    """Latency alone changes nothing but the time."""
    plan.add(Fault(pattern="GET /api/2.1/*", latency=30))
    request = asyncio.create_task(faulty.get("list", version="2.1"))
    await until(lambda: clock.sleepers == 1)
    other = await faulty.get("list")
    before = request.done()
    clock.advance(seconds=30)

    answer = await request

    assert (other.status_code, before) == (200, False)
    assert answer.json() == {"has_more": False}


async def test_faults_can_wait_and_repeat(faulty: Workspace, plan: FaultPlan) -> None:
    """The first requests pass, then as many fail as was said."""
    plan.add(Fault(pattern="GET *", status=429, skip=1, times=2))

    statuses = [(await faulty.get("list")).status_code for _ in range(4)]

    assert statuses == [200, 429, 429, 200]


async def test_faults_can_be_asked_for_over_http(tmp_path: Path) -> None:
    """Only when the owner allowed it, and only with the token."""
    async with open_workspace(workspace_settings(tmp_path, faults=True), runner=ScriptedRunner()) as workspace:
        fault = {"pattern": "GET *", "status": 500, "times": 9}
        planned = await workspace.client.post("/__workspace/faults", json=fault)
        failed = await workspace.get("list")
        cleared = await workspace.client.delete("/__workspace/faults")
        fine = await workspace.get("list")
        stranger = await workspace.client.post("/__workspace/faults", json=fault, headers={"Authorization": "x"})
        unreadable = await workspace.client.post("/__workspace/faults", json={"status": 500})

    assert [planned.status_code, failed.status_code, cleared.status_code, fine.status_code] == [200, 500, 200, 200]
    assert (stranger.status_code, unreadable.status_code) == (401, 400)


async def test_dropped_connection_without_a_socket_raises(tmp_path: Path, plan: FaultPlan) -> None:
    """Where there is no connection to break, the client's call fails instead of being answered."""
    plan.add(Fault(pattern="GET *", drop=True))
    settings = workspace_settings(tmp_path)
    async with open_without_wire(settings, runner=ScriptedRunner(), faults=plan) as workspace:
        with pytest.raises(ConnectionAbortedError):
            await workspace.get("list")


async def test_chance_is_the_same_for_the_same_seed(faulty: Workspace, plan: FaultPlan) -> None:
    """Random faults can be had again: the seed decides, and another one decides otherwise."""

    async def statuses(seed: int) -> list[int]:
        plan.clear()
        plan.add(Fault(pattern="GET *", status=503, chance=0.3, seed=seed, times=None))
        return [(await faulty.get("list")).status_code for _ in range(40)]

    first, again, other = await statuses(7), await statuses(7), await statuses(8)

    assert first == again
    assert first != other
    assert 4 <= first.count(503) <= 20


async def test_random_fault_over_http_goes_on(tmp_path: Path) -> None:
    """One with a chance has no end, unless `times` gives it one; a chance of 1 is no chance."""
    async with open_without_wire(workspace_settings(tmp_path, faults=True), runner=ScriptedRunner()) as workspace:
        await workspace.client.post("/__workspace/faults", json={"pattern": "GET *", "status": 500, "chance": 0.5})
        endless = [(await workspace.get("list")).status_code for _ in range(60)]
        await workspace.client.delete("/__workspace/faults")
        once = {"pattern": "GET *", "status": 500, "chance": 0.5, "times": 1, "seed": 3}
        await workspace.client.post("/__workspace/faults", json=once)
        limited = [(await workspace.get("list")).status_code for _ in range(60)]

    assert endless.count(500) > 10
    assert limited.count(500) == 1


async def test_latency_is_drawn_from_a_range(faulty: Workspace, plan: FaultPlan, clock: StandingClock) -> None:
    """Never less than the least nor more than the most."""
    plan.add(Fault(pattern="GET *", latency=10, latency_to=20, seed=1))
    request = asyncio.create_task(faulty.get("list"))
    await until(lambda: clock.sleepers == 1)
    clock.advance(seconds=9.9)
    early = request.done()
    clock.advance(seconds=10.1)

    answer = await request

    assert (early, answer.status_code) == (False, 200)


async def test_connection_can_break_in_the_middle(faulty: Workspace, plan: FaultPlan) -> None:
    """The answer begins, with its whole length announced, and never ends; the deed is done."""
    job_id = await faulty.create()
    plan.add(Fault(pattern=RUN_NOW, cut_after=5))

    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await faulty.post("run-now", {"job_id": job_id})

    assert len(await runs(faulty)) == 1


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("<html><title>Sign in</title></html>", "text/html"),
        ('{"run_id": ', "application/json"),
        ("", None),
        ("DEADLINE: x", None),
    ],
)
async def test_good_status_may_carry_rubbish(
    faulty: Workspace, plan: FaultPlan, body: str, content_type: str | None
) -> None:
    """A proxy's page, half an answer or none: a 200 alone says nothing."""
    plan.add(Fault(pattern=RUN_NOW, status=200, body=body))

    answer = await faulty.post("run-now", {})

    assert (answer.status_code, answer.text) == (200, body)
    assert answer.headers.get("content-type") == content_type


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "30"}])
async def test_throttling_comes_with_and_without_a_hint(
    faulty: Workspace, plan: FaultPlan, headers: dict[str, str]
) -> None:
    """Retry-After is documented nowhere, so a client has to do without it."""
    body = '{"error_code": "REQUEST_LIMIT_EXCEEDED", "message": "x"}'
    plan.add(Fault(pattern=RUN_NOW, status=429, body=body, headers=headers))

    answer = await faulty.post("run-now", {})

    assert (answer.status_code, answer.headers.get("retry-after")) == (429, headers.get("Retry-After"))


@pytest.mark.parametrize(
    "fault",
    [
        {"pattern": "*", "chance": 2},
        {"pattern": "*", "chance": "0.5"},
        {"pattern": "*", "chance": True},
        {"pattern": "*", "latency_millis": [1]},
        {"pattern": "*", "latency_millis": [1, "2"]},
        {"pattern": "*", "cut_after": -1},
        {"outcome": "EXPLODED"},
        {"outcome": "FAILED", "times": 0},
        {},
    ],
)
async def test_faults_that_make_no_sense_are_refused(tmp_path: Path, fault: dict[str, object]) -> None:
    """A test that plans nothing would prove nothing."""
    async with open_without_wire(workspace_settings(tmp_path, faults=True), runner=ScriptedRunner()) as workspace:
        answer = await workspace.client.post("/__workspace/faults", json=fault)
        fine = await workspace.get("list")

    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert fine.status_code == 200

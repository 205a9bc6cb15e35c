"""What else runs and jobs can be asked: resolved values, latest attempts, long arrays, trigger state, cancel-all."""

from __future__ import annotations

from typing import Any

import pytest

from localdev.workspace.scripted_runner import ScriptedRunner, failure
from tests.localdev.workspace.kit import Json, Workspace, open_without_wire, started, task, workspace_settings


def parameter(number: int) -> Json:
    """Return the definition of a job parameter."""
    return {"name": f"p{number:03}", "default": str(number)}


async def all_pages(workspace: Workspace, endpoint: str, **query: Any) -> list[Json]:
    """Return every page of one answer."""
    pages = [(await workspace.get(endpoint, **query)).json()]
    while "next_page_token" in pages[-1]:
        pages.append((await workspace.get(endpoint, page_token=pages[-1]["next_page_token"], **query)).json())
    return pages


async def test_resolved_values_are_what_the_task_got(scripted: Workspace) -> None:
    """Merged and with references replaced; only on request, and on a task run by itself too."""
    first = task("quick", notebook_task={"notebook_path": "/x", "base_parameters": {"a": "{{job.id}}", "b": "2"}})
    second = task("file", spark_python_task={"python_file": "/x.py", "parameters": ["--run", "{{job.name}}"]})
    del second["notebook_task"]
    job_id = await scripted.create(first, second)
    run_id = await scripted.run_now(job_id, notebook_params={"b": "3"})
    plain = await scripted.ended(run_id)

    tasks = (await scripted.get("runs/get", run_id=run_id, include_resolved_values="true")).json()["tasks"]
    alone = (await scripted.get("runs/get", run_id=tasks[0]["run_id"], include_resolved_values="true")).json()

    assert not any("resolved_values" in each for each in plain["tasks"])
    resolved = {each["task_key"]: each["resolved_values"] for each in tasks}
    assert resolved["quick"] == {"notebook_task": {"base_parameters": {"a": str(job_id), "b": "3"}}}
    assert resolved["file"] == {"spark_python_task": {"parameters": ["--run", "ETL"]}}
    assert alone["resolved_values"] == resolved[alone["task_key"]]


async def test_values_are_not_resolved_before_they_are_known(scripted: Workspace, runner: ScriptedRunner) -> None:
    """A task that waits for another one may still get other values."""
    run_id = await scripted.run_now(await scripted.create(task("a"), task("b", "a")))
    await started(runner, 1)

    tasks = (await scripted.get("runs/get", run_id=run_id, include_resolved_values="true")).json()["tasks"]

    assert "resolved_values" not in next(each for each in tasks if each["task_key"] == "b")


async def test_latest_attempts_alone_can_be_asked_for(tmp_path: Any, clock: Any) -> None:
    """only_latest leaves out what was tried before."""
    runner = ScriptedRunner({"main": [failure(), failure(), failure()]})
    async with open_without_wire(workspace_settings(tmp_path), clock=clock, runner=runner) as workspace:
        run_id = await workspace.run_now(await workspace.create(task(max_retries=2)))
        await workspace.ended(run_id)
        every = (await workspace.get("runs/get", run_id=run_id)).json()["tasks"]
        latest = (await workspace.get("runs/get", run_id=run_id, only_latest="true")).json()["tasks"]

    assert [each["attempt_number"] for each in every] == [0, 1, 2]
    assert latest == every[2:]


async def test_every_long_array_is_paged(scripted: Workspace) -> None:
    """Tasks, clusters and parameters, a hundred of each at a time; one that has no more is left out later."""
    clusters = [{"job_cluster_key": f"c{number:03}", "new_cluster": {"num_workers": 1}} for number in range(101)]
    settings: Json = {"job_clusters": clusters, "parameters": [parameter(number) for number in range(210)]}
    job_id = await scripted.create(task("quick"), max_concurrent_runs=0, **settings)
    run_id = await scripted.run_now(job_id)

    jobs = [page["settings"] for page in await all_pages(scripted, "get", job_id=job_id)]
    runs = await all_pages(scripted, "runs/get", run_id=run_id)
    old = await scripted.get("get", job_id=job_id, version="2.1")

    assert [len(page["parameters"]) for page in jobs] == [100, 100, 10]
    assert [len(page.get("job_clusters", [])) for page in jobs] == [100, 1, 0]
    assert [len(page.get("tasks", [])) for page in jobs] == [1, 0, 0]
    assert [len(page["job_parameters"]) for page in runs] == [100, 100, 10]
    assert sorted(each["name"] for page in jobs for each in page["parameters"]) == [
        f"p{number:03}" for number in range(210)
    ]
    assert (old.status_code, "API 2.2 and above" in old.text) == (400, True)


async def test_trigger_state_is_shown_on_request(scripted: Workspace) -> None:
    """No file events stand behind a local file arrival trigger."""
    trigger = {"pause_status": "PAUSED", "file_arrival": {"url": "file:///tmp/landing"}}
    job_id = await scripted.create(trigger=trigger)
    without = await scripted.create()

    shown = (await scripted.get("get", job_id=job_id, include_trigger_state="true")).json()
    silent = (await scripted.get("get", job_id=job_id)).json()
    none = (await scripted.get("get", job_id=without, include_trigger_state="true")).json()

    assert shown["trigger_state"] == {"file_arrival": {"using_file_events": False}, "pause_status": "PAUSED"}
    assert "trigger_state" not in silent
    assert "trigger_state" not in none


async def life_cycle_states(workspace: Workspace, run_ids: list[int]) -> list[str]:
    """Return where runs stand."""
    return [(await workspace.run(run_id))["state"]["life_cycle_state"] for run_id in run_ids]


async def test_all_runs_of_a_job_are_cancelled(scripted: Workspace, runner: ScriptedRunner) -> None:
    """The running and the queued ones, and no other job's."""
    mine, other = await scripted.create(), await scripted.create()
    runs = [await scripted.run_now(mine) for _ in range(3)]
    spared = await scripted.run_now(other)
    await started(runner, 2)

    answer = await scripted.post("runs/cancel-all", {"job_id": mine})
    results = [(await scripted.ended(run_id))["state"]["result_state"] for run_id in runs]

    assert (answer.status_code, answer.json()) == (200, {})
    assert results == ["CANCELED"] * 3
    assert await life_cycle_states(scripted, [spared]) == ["RUNNING"]


@pytest.mark.parametrize("with_job", [True, False])
async def test_queued_runs_alone_can_be_cancelled(scripted: Workspace, runner: ScriptedRunner, with_job: bool) -> None:  # noqa: FBT001 - a table's column
    """Of one job, or, without a job, of the whole workspace."""
    mine, other = await scripted.create(), await scripted.create()
    running = [await scripted.run_now(mine), await scripted.run_now(other)]
    queued = [await scripted.run_now(mine), await scripted.run_now(other)]
    await started(runner, 2)

    await scripted.post("runs/cancel-all", {"all_queued_runs": True, **({"job_id": mine} if with_job else {})})
    await scripted.ended(queued[0])

    assert await life_cycle_states(scripted, running) == ["RUNNING", "RUNNING"]
    assert await life_cycle_states(scripted, queued[1:]) == (["QUEUED"] if with_job else ["TERMINATED"])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "Missing required field: job_id"),
        ({"all_queued_runs": False}, "Missing required field: job_id"),
        ({"job_id": 998}, "Job 998 does not exist."),
    ],
)
async def test_cancel_all_wants_to_know_of_what(scripted: Workspace, body: Json, message: str) -> None:
    """Nothing is never everything."""
    answer = await scripted.post("runs/cancel-all", body)

    assert (answer.status_code, answer.json()["message"]) == (400, message)

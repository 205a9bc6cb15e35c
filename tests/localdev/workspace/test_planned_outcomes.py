"""Outcomes of tasks on request: what becomes of a run when its tasks end as somebody planned."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from localdev.workspace.scripted_runner import ScriptedRunner
from tests.localdev.workspace.kit import Json, Workspace, notebook, open_workspace, task, workspace_settings


@pytest.fixture
async def planned(tmp_path: Path) -> AsyncIterator[Workspace]:
    """Serve a workspace whose owner allows faults."""
    async with open_workspace(workspace_settings(tmp_path, faults=True), runner=ScriptedRunner()) as workspace:
        yield workspace


async def plan(workspace: Workspace, **outcome: Any) -> None:
    """Plan an outcome."""
    answer = await workspace.client.post("/__workspace/faults", json=outcome)
    assert answer.status_code == 200, answer.text


async def ran(workspace: Workspace, *tasks: Json) -> Json:
    """Return a run of a new job once it has ended."""
    return await workspace.ended(await workspace.run_now(await workspace.create(*tasks)))


@pytest.mark.parametrize(
    ("outcome", "life_cycle_state", "result_state", "code"),
    [
        ("FAILED", "TERMINATED", "FAILED", "RUN_EXECUTION_ERROR"),
        ("INTERNAL_ERROR", "INTERNAL_ERROR", "FAILED", "DRIVER_ERROR"),
        ("TIMEDOUT", "TERMINATED", "TIMEDOUT", "CANCELED"),
        ("CANCELED", "TERMINATED", "CANCELED", "USER_CANCELED"),
        ("SKIPPED", "SKIPPED", None, "SKIPPED"),
        ("SUCCESS", "TERMINATED", "SUCCESS", "SUCCESS"),
    ],
)
async def test_task_ends_as_planned(
    planned: Workspace, outcome: str, life_cycle_state: str, result_state: str | None, code: str
) -> None:
    """In the words of both state and status."""
    await plan(planned, outcome=outcome)

    (attempt,) = (await ran(planned, task("ingest")))["tasks"]

    assert attempt["state"]["life_cycle_state"] == life_cycle_state
    assert attempt["state"].get("result_state") == result_state
    assert attempt["status"]["termination_details"]["code"] == code


async def test_planned_failure_can_have_any_code(planned: Workspace) -> None:
    """Codes tell a client what to do, and new ones come up: the run has its failed task's."""
    await plan(planned, outcome="INTERNAL_ERROR", code="CLUSTER_ERROR")

    run = await ran(planned, task("ingest"))

    assert run["status"]["termination_details"]["code"] == "CLUSTER_ERROR"
    assert run["tasks"][0]["status"]["termination_details"]["code"] == "CLUSTER_ERROR"


async def test_plan_holds_for_the_tasks_it_names(planned: Workspace) -> None:
    """By their keys, as often as it says; what follows a failed task is not run."""
    await plan(planned, task="ingest*", outcome="FAILED", times=2)
    tasks = (task("ingest_a"), task("ingest_b", "other"), task("other"), task("last", "ingest_a"))

    first = await ran(planned, *tasks)
    second = await ran(planned, *tasks)

    results = {each["task_key"]: each["state"]["result_state"] for each in first["tasks"]}
    assert results == {"ingest_a": "FAILED", "ingest_b": "FAILED", "other": "SUCCESS", "last": "UPSTREAM_FAILED"}
    assert first["state"]["result_state"] == "FAILED"
    assert second["state"]["result_state"] == "SUCCESS"


async def test_plan_can_be_for_one_job(planned: Workspace) -> None:
    """Runs of other jobs do not use it up."""
    mine, other = await planned.create(task("a")), await planned.create(task("a"))
    await plan(planned, task="a", job_id=mine, outcome="FAILED")

    spared = await planned.ended(await planned.run_now(other))
    failed = await planned.ended(await planned.run_now(mine))

    assert [each["state"]["result_state"] for each in (spared, failed)] == ["SUCCESS", "FAILED"]


async def test_retries_use_up_a_plan(planned: Workspace) -> None:
    """A task that fails twice and may be retried twice succeeds at last."""
    await plan(planned, task="a", outcome="FAILED", times=2)

    run = await ran(planned, task("a", max_retries=2))

    assert [each["state"]["result_state"] for each in run["tasks"]] == ["FAILED", "FAILED", "SUCCESS"]
    assert run["state"]["result_state"] == "SUCCESS"


async def test_planned_failure_has_an_output(planned: Workspace) -> None:
    """A client that looks for the reason finds one."""
    await plan(planned, outcome="INTERNAL_ERROR")
    run = await ran(planned, task("a"))

    output = (await planned.outputs(run))["a"]

    assert output["error"] == "This end was planned, and nothing ran"


async def test_plan_can_be_dropped(planned: Workspace) -> None:
    """DELETE drops planned outcomes with all other faults."""
    await plan(planned, outcome="FAILED", times=9)
    await planned.client.delete("/__workspace/faults")

    assert (await ran(planned, task("a")))["state"]["result_state"] == "SUCCESS"


async def test_real_tasks_end_as_planned_too(tmp_path: Path) -> None:
    """Nothing of the notebook runs, and the next run of it is real again."""
    notebook(tmp_path / "notebooks", "main", f"open({str(tmp_path / 'ran')!r}, 'a').write('x')")
    async with open_workspace(workspace_settings(tmp_path, faults=True)) as workspace:
        await plan(workspace, outcome="FAILED")
        job_id = await workspace.create()
        failed = await workspace.ended(await workspace.run_now(job_id))
        traces = (tmp_path / "ran").exists()
        fine = await workspace.ended(await workspace.run_now(job_id))

    assert (failed["state"]["result_state"], traces) == ("FAILED", False)
    assert (fine["state"]["result_state"], (tmp_path / "ran").read_text()) == ("SUCCESS", "x")

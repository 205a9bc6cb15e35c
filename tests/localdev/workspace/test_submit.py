"""jobs/runs/submit: runs without a job."""

from __future__ import annotations

from pathlib import Path

import pytest

from localdev.workspace.scripted_runner import ScriptedRunner
from tests.localdev.workspace.kit import Json, Workspace, open_without_wire, started, task, workspace_settings


async def submit(workspace: Workspace, *tasks: Json, **more: object) -> Json:
    """Return the answer to a submitted run."""
    answer = await workspace.post("runs/submit", {"tasks": list(tasks) or [task("quick")], **more})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_submitted_run_runs_to_its_end(scripted: Workspace) -> None:
    """It has a name of its own and says what it is."""
    run_id = (await submit(scripted, task("quick"), task("after", "quick"), run_name="Once"))["run_id"]

    run = await scripted.ended(run_id)

    assert (run["run_name"], run["run_type"]) == ("Once", "SUBMIT_RUN")
    assert [each["task_key"] for each in run["tasks"]] == ["quick", "after"]
    assert run["state"]["result_state"] == "SUCCESS"


async def test_submitted_run_has_no_job(scripted: Workspace) -> None:
    """Its job_id belongs to nothing that can be listed, read, run or deleted by name."""
    run_id = (await submit(scripted))["run_id"]
    job_id = (await scripted.run(run_id))["job_id"]

    listed = (await scripted.get("list")).json()
    answers = [
        await scripted.get("get", job_id=job_id),
        await scripted.post("run-now", {"job_id": job_id}),
        await scripted.post("update", {"job_id": job_id}),
    ]
    await scripted.post("delete", {"job_id": job_id})

    assert listed == {}
    assert (await scripted.run(run_id))["job_id"] == job_id
    assert [each.json()["message"] for each in answers] == [f"Job {job_id} does not exist."] * 3


async def test_runs_are_listed_by_type(scripted: Workspace) -> None:
    """run_type tells submitted runs from those of jobs."""
    submitted = (await submit(scripted))["run_id"]
    of_job = await scripted.run_now(await scripted.create(task("quick")))

    async def listed(**query: str) -> list[int]:
        return [each["run_id"] for each in (await scripted.get("runs/list", **query)).json().get("runs", [])]

    assert await listed() == [of_job, submitted]
    assert await listed(run_type="SUBMIT_RUN") == [submitted]
    assert await listed(run_type="JOB_RUN") == [of_job]
    assert await listed(run_type="WORKFLOW_RUN") == []
    assert (await scripted.get("runs/list", run_type="X")).status_code == 400


async def test_token_makes_one_submitted_run(scripted: Workspace) -> None:
    """Also when the second request says something else, and an error once the run is deleted."""
    first = await submit(scripted, idempotency_token="t")
    again = await submit(scripted, task("other"), idempotency_token="t")
    await scripted.ended(first["run_id"])
    await scripted.post("runs/delete", {"run_id": first["run_id"]})

    late = await scripted.post("runs/submit", {"tasks": [task("quick")], "idempotency_token": "t"})

    assert first == again
    assert len((await scripted.get("runs/list")).json().get("runs", [])) == 0
    assert (late.status_code, "has been deleted" in late.json()["message"]) == (400, True)


async def test_submitted_run_keeps_its_limits(scripted: Workspace, runner: ScriptedRunner) -> None:
    """A time-out of the run, and cancelling it, are those of any run."""
    run_id = (await submit(scripted, task("main"), timeout_seconds=60))["run_id"]
    await started(runner, 1)

    await scripted.post("runs/cancel", {"run_id": run_id})
    run = await scripted.ended(run_id)

    assert run["state"]["result_state"] == "CANCELED"


@pytest.mark.parametrize(
    ("run_name", "key"),
    [("Old", "Old"), ("an older é run", "an_older___run"), ("x" * 120, "x" * 100), ("", "Untitled")],
)
async def test_older_form_has_one_task(scripted: Workspace, run_name: str, key: str) -> None:
    """Older clients put the task's fields where `tasks` stand now, and find the task by the name of the run."""
    body = {"run_name": run_name, "notebook_task": {"notebook_path": "/Workspace/x"}, "existing_cluster_id": "c-1"}

    answer = await scripted.post("runs/submit", body)

    run = await scripted.run(answer.json()["run_id"])
    assert [(each["task_key"], each["existing_cluster_id"]) for each in run["tasks"]] == [(key, "c-1")]


async def test_submit_refuses_what_create_refuses(scripted: Workspace) -> None:
    """No task, an unknown dependency, a long token."""
    bodies: list[Json] = [{}, {"tasks": [task("a", "b")]}, {"tasks": [task()], "idempotency_token": "t" * 65}]

    answers = [await scripted.post("runs/submit", body) for body in bodies]

    assert [each.status_code for each in answers] == [400, 400, 400]
    assert (await scripted.get("runs/list")).json() == {}


async def test_submitted_run_outlives_a_restart(tmp_path: Path) -> None:
    """What was answered is kept, and so is its type."""
    async with open_without_wire(workspace_settings(tmp_path), runner=ScriptedRunner({"a": [None]})) as before:
        run_id = (await submit(before, task("a"), idempotency_token="t"))["run_id"]

    async with open_without_wire(workspace_settings(tmp_path), runner=ScriptedRunner({"a": [None]})) as after:
        run = await after.run(run_id)
        again = await submit(after, task("a"), idempotency_token="t")

    assert (run["run_type"], again["run_id"]) == ("SUBMIT_RUN", run_id)

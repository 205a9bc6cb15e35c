"""jobs/runs/repair and the repair history, with scripted tasks."""

from __future__ import annotations

from typing import Any

import pytest

from localdev.workspace.scripted_runner import ScriptedRunner, failure
from localdev.workspace.tasks.notebook import NotebookWork
from shared.clock import Deadline
from shared.jobs import JobsClient, create_credentials, create_http_client
from shared.model import RunRequest, Verdict
from shared.settings import read_settings
from tests.localdev.workspace.kit import TOKEN, StandingClock, Workspace, started, task

ALL = {"rerun_all_failed_tasks": True}


async def failed_run(workspace: Workspace, runner: ScriptedRunner, **request: Any) -> int:
    """Return a run of which task a has succeeded, b failed, and c was not run because of b."""
    job_id = await workspace.create(task("a"), task("b", "a"), task("c", "b"))
    run_id = await workspace.run_now(job_id, **request)
    await started(runner, 1)
    runner.started[0].finish()
    await started(runner, 2)
    runner.started[1].finish(failure())
    await workspace.ended(run_id)
    return run_id


async def repaired(workspace: Workspace, run_id: int, **request: Any) -> int:
    """Repair a run; return the repair's id."""
    answer = await workspace.post("runs/repair", {"run_id": run_id, **ALL, **request})
    assert answer.status_code == 200, answer.text
    return int(answer.json()["repair_id"])


async def test_repair_runs_what_did_not_succeed(scripted: Workspace, runner: ScriptedRunner) -> None:
    """The same run goes on, without the task that had succeeded."""
    run_id = await failed_run(scripted, runner)
    await repaired(scripted, run_id)
    await started(runner, 3)
    runner.started[2].finish()
    await started(runner, 4)
    runner.started[3].finish()

    run = await scripted.ended(run_id)

    assert run["state"]["result_state"] == "SUCCESS"
    assert [execution.launch.task_key for execution in runner.started] == ["a", "b", "b", "c"]
    assert sorted(each["task_key"] for each in run["tasks"]) == ["a", "b", "b", "c", "c"]


async def test_parameters_that_are_not_sent_again_are_lost(scripted: Workspace, runner: ScriptedRunner) -> None:
    """As in the cloud: https://github.com/apache/airflow/issues/64828."""
    run_id = await failed_run(scripted, runner, notebook_params={"file_path": "a.csv"})
    await repaired(scripted, run_id)
    await started(runner, 3)
    runner.started[2].finish(failure())
    (first,) = [item["id"] for item in await history(scripted, run_id) if "id" in item]
    await scripted.ended(run_id)
    await repaired(scripted, run_id, latest_repair_id=first, notebook_params={"file_path": "a.csv"})
    await started(runner, 4)

    given = [execution.launch.work for execution in runner.started]
    file = {"file_path": "a.csv"}
    assert given == [
        NotebookWork(path=f"/Workspace/{key}", parameters=parameters)
        for key, parameters in (("a", file), ("b", file), ("b", {}), ("b", file))
    ]


async def history(workspace: Workspace, run_id: int) -> list[dict[str, Any]]:
    """Return the repair history of a run."""
    answer = await workspace.get("runs/get", run_id=run_id, include_history="true")
    return list(answer.json()["repair_history"])


async def test_repair_takes_the_jobs_current_settings(scripted: Workspace, runner: ScriptedRunner) -> None:
    """What was mended in the job counts for the tasks that run again, as the SDK says of repair_run."""
    run_id = await failed_run(scripted, runner)
    job_id = (await scripted.run(run_id))["job_id"]
    mended = {**task("b", "a"), "notebook_task": {"notebook_path": "/Workspace/mended"}, "max_retries": 1}
    changed = await scripted.post("update", {"job_id": job_id, "new_settings": {"name": "Mended", "tasks": [mended]}})
    await repaired(scripted, run_id)
    await started(runner, 3)

    run = await scripted.run(run_id)

    assert changed.status_code == 200
    work = runner.started[2].launch.work
    assert isinstance(work, NotebookWork)
    assert (work.path, run["run_name"]) == ("/Workspace/mended", "Mended")


async def test_repair_of_another_job_than_it_was(scripted: Workspace, runner: ScriptedRunner) -> None:
    """A task that the job no longer has runs as it was; one that it has got meanwhile is none of the run's."""
    run_id = await failed_run(scripted, runner)
    job_id = (await scripted.run(run_id))["job_id"]
    comparison = {"left": "1", "op": "EQUAL_TO", "right": "1"}
    new = [{"task_key": "a", "condition_task": comparison}, task("c", "d"), task("d")]
    changed = await scripted.post("reset", {"job_id": job_id, "new_settings": {"name": "Other", "tasks": new}})
    await repaired(scripted, run_id)
    await started(runner, 4)
    for execution in runner.started[2:]:
        execution.finish()

    run = await scripted.ended(run_id)

    assert changed.status_code == 200, changed.text
    assert sorted(each.launch.task_key for each in runner.started[2:]) == ["b", "c"]
    assert run["state"]["result_state"] == "SUCCESS"


async def test_history_tells_every_repair(scripted: Workspace, runner: ScriptedRunner) -> None:
    """The original run is its first item and has no id; without being asked for, the history is left out."""
    run_id = await failed_run(scripted, runner)
    before = await history(scripted, run_id)
    repair_id = await repaired(scripted, run_id)

    after = await history(scripted, run_id)

    assert [(item["type"], item["status"]["state"]) for item in before] == [("ORIGINAL", "TERMINATED")]
    assert after[0] == before[0]
    assert (after[1]["type"], after[1]["id"], after[1]["end_time"]) == ("REPAIR", repair_id, 0)
    run = await scripted.run(run_id)
    assert "repair_history" not in run
    numbers = {each["run_id"]: each["attempt_number"] for each in run["tasks"]}
    assert [[numbers[each] for each in item["task_run_ids"]] for item in after] == [[0, 0, 0], [1, 1]]


async def test_repair_names_the_last_one(scripted: Workspace, runner: ScriptedRunner) -> None:
    """So that of two requests with the same knowledge one is refused."""
    run_id = await failed_run(scripted, runner)
    repair_id = await repaired(scripted, run_id)
    active = await scripted.post("runs/repair", {"run_id": run_id, **ALL, "latest_repair_id": repair_id})
    await started(runner, 3)
    runner.started[2].finish(failure())
    await scripted.ended(run_id)

    unnamed = await scripted.post("runs/repair", {"run_id": run_id, **ALL})
    wrong = await scripted.post("runs/repair", {"run_id": run_id, **ALL, "latest_repair_id": run_id})

    assert (active.status_code, active.json()["error_code"]) == (400, "INVALID_STATE")
    assert [each.json()["message"] for each in (unnamed, wrong)] == [
        "The latest repair ID needs to be provided in order to create a new repair"
    ] * 2
    assert await repaired(scripted, run_id, latest_repair_id=repair_id) > repair_id


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "Either rerun_tasks or rerun_all_failed_tasks needs to be provided."),
        ({**ALL, "rerun_tasks": ["b"]}, "Only one of rerun_tasks or rerun_all_failed_tasks can be used."),
        ({"rerun_tasks": ["x"]}, "has no task 'x'."),
    ],
)
async def test_repair_of_nothing_is_refused(
    scripted: Workspace, runner: ScriptedRunner, body: Any, message: str
) -> None:
    """databricks/sdk/service/jobs.py, repair_run: one way of naming the tasks, and tasks of this run."""
    run_id = await failed_run(scripted, runner)

    answer = await scripted.post("runs/repair", {"run_id": run_id, **body})

    assert answer.status_code == 400
    assert answer.json()["message"].endswith(message)


async def test_named_tasks_run_again(scripted: Workspace, runner: ScriptedRunner) -> None:
    """rerun_tasks takes what had succeeded too, and leaves what failed as it is."""
    run_id = await failed_run(scripted, runner)
    body = {"run_id": run_id, "rerun_tasks": ["a"]}
    assert (await scripted.post("runs/repair", body)).status_code == 200
    await started(runner, 3)
    runner.started[2].finish()

    run = await scripted.ended(run_id)

    assert [execution.launch.task_key for execution in runner.started] == ["a", "b", "a"]
    assert run["state"]["result_state"] == "FAILED"
    assert run["state"]["state_message"].startswith("Task b failed with message")


async def test_dependent_tasks_run_again_when_asked(scripted: Workspace, runner: ScriptedRunner) -> None:
    """rerun_dependent_tasks takes all that depend on the named ones."""
    run_id = await failed_run(scripted, runner)
    body = {"run_id": run_id, "rerun_tasks": ["a"], "rerun_dependent_tasks": True}
    assert (await scripted.post("runs/repair", body)).status_code == 200
    for number in (2, 3, 4):
        await started(runner, number + 1)
        runner.started[number].finish()

    run = await scripted.ended(run_id)

    assert [execution.launch.task_key for execution in runner.started] == ["a", "b", "a", "b", "c"]
    assert run["state"]["result_state"] == "SUCCESS"


async def test_succeeded_run_has_nothing_to_repair(scripted: Workspace, runner: ScriptedRunner) -> None:
    """Nor has one that nobody knows."""
    run_id = await scripted.run_now(await scripted.create())
    await started(runner, 1)
    runner.started[0].finish()
    await scripted.ended(run_id)

    done = await scripted.post("runs/repair", {"run_id": run_id, **ALL})
    unknown = await scripted.post("runs/repair", {"run_id": 5, **ALL})

    assert done.json()["message"] == f"Run {run_id} has no failed tasks."
    assert unknown.json()["message"] == "Run 5 does not exist."


async def test_our_client_repairs(served: Workspace, runner: ScriptedRunner, clock: StandingClock) -> None:
    """The service's own client and this workspace understand each other over HTTP."""
    run_id = await failed_run(served, runner)
    settings = read_settings(
        {"DATABRICKS_HOST": served.url, "DATABRICKS_TOKEN": TOKEN, "AzureWebJobsStorage": "UseDevelopmentStorage=true"}
    ).databricks
    http = create_http_client()
    jobs = JobsClient(http, settings, create_credentials(settings, http, clock), clock)
    request = RunRequest(job_id=1, token="t", body='{"job_id":1,"notebook_params":{"file_path":"a.csv"}}')
    before = await jobs.get_run(run_id, Deadline(clock, 20), history=True)

    repair_id = await jobs.repair_run(run_id, request, None, Deadline(clock, 20))

    after = await jobs.get_run(run_id, Deadline(clock, 20), history=True)
    await jobs.aclose()
    assert before is not None
    assert after is not None
    assert (before.verdict, before.latest_repair_id) == (Verdict.FAILED, None)
    assert (after.verdict, after.latest_repair_id) == (None, repair_id)

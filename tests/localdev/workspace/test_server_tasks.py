"""Tasks that need no process: conditions, runs of other jobs, and iterations."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from localdev.workspace.scripted_runner import ScriptedRunner, failure
from localdev.workspace.tasks.notebook import NotebookWork
from tests.fakes.waiting import until
from tests.localdev.workspace.kit import (
    Json,
    StandingClock,
    Workspace,
    open_without_wire,
    started,
    task,
    workspace_settings,
)


def condition(key: str, op: str, left: str, right: str) -> Json:
    """Return a condition_task."""
    return {"task_key": key, "condition_task": {"op": op, "left": left, "right": right}}


def run_job(key: str, job_id: int, **more: Any) -> Json:
    """Return a run_job_task."""
    return {"task_key": key, "run_job_task": {"job_id": job_id, **more}}


def for_each(key: str, inputs: object, nested: Json, **more: Any) -> Json:
    """Return a for_each_task over these inputs."""
    text = inputs if isinstance(inputs, str) else json.dumps(inputs)
    return {"task_key": key, "for_each_task": {"inputs": text, "task": nested, **more}}


def by_key(run: Json) -> dict[str, Json]:
    """Return the last attempts at a run's tasks, by task key."""
    return {each["task_key"]: each for each in run["tasks"]}


def results(run: Json) -> dict[str, str]:
    """Return how a run's tasks ended."""
    return {key: each["state"].get("result_state", "") for key, each in by_key(run).items()}


def parameters(runner: ScriptedRunner) -> list[dict[str, str]]:
    """Return the parameters of all notebooks that were started."""
    return [dict(each.launch.work.parameters) for each in runner.started if isinstance(each.launch.work, NotebookWork)]


@pytest.fixture
async def narrow(tmp_path: Path, clock: StandingClock, runner: ScriptedRunner) -> AsyncIterator[Workspace]:
    """Open a workspace that has a place for one process."""
    settings = workspace_settings(tmp_path, running_tasks=1)
    async with open_without_wire(settings, clock=clock, runner=runner) as workspace:
        yield workspace


async def test_condition_is_shown_with_its_outcome(scripted: Workspace, runner: ScriptedRunner) -> None:
    """It starts no process; what is on the way that it did not take is excluded, and the run has succeeded."""
    job_id = await scripted.create(
        condition("if", "GREATER_THAN", "{{job.parameters.rows}}", "9"),
        {**task("many"), "depends_on": [{"task_key": "if", "outcome": "true"}]},
        {**task("few"), "depends_on": [{"task_key": "if", "outcome": "false"}]},
        parameters=[{"name": "rows", "default": "5"}],
    )
    run = await scripted.ended(await scripted.run_now(job_id, job_parameters={"rows": "10"}))

    assert results(run) == {"if": "SUCCESS", "many": "SUCCESS", "few": "EXCLUDED"}
    assert run["state"]["result_state"] == "SUCCESS"
    assert by_key(run)["if"]["condition_task"] == {
        "op": "GREATER_THAN",
        "left": "{{job.parameters.rows}}",
        "right": "9",
        "outcome": "true",
    }
    assert [each.launch.task_key for each in runner.started] == ["many"]


async def test_condition_without_numbers_fails_and_says_why(scripted: Workspace) -> None:
    """No retry would help, so there is none."""
    unclear = {**condition("if", "LESS_THAN", "many", "9"), "max_retries": -1}
    run = await scripted.ended(await scripted.run_now(await scripted.create(unclear)))
    (output,) = (await scripted.outputs(run)).values()

    assert run["status"]["termination_details"]["code"] == "INVALID_RUN_CONFIGURATION"
    assert output["error"] == "'many' is not a number, and this operator compares numbers."
    assert len(run["tasks"]) == 1


async def test_unknown_reference_fails_its_task_only(scripted: Workspace, runner: ScriptedRunner) -> None:
    """A task without a process and one with: the message names the reference."""
    job_id = await scripted.create(
        condition("if", "EQUAL_TO", "{{job.start_date}}", "x"),
        {"task_key": "note", "notebook_task": {"notebook_path": "/x", "base_parameters": {"d": "{{job.start_date}}"}}},
        task("fine"),
    )
    run = await scripted.ended(await scripted.run_now(job_id))

    assert results(run) == {"if": "FAILED", "note": "FAILED", "fine": "SUCCESS"}
    for key in ("if", "note"):
        details = by_key(run)[key]["status"]["termination_details"]
        assert details["code"] == "INVALID_RUN_CONFIGURATION"
        assert "{{job.start_date}}" in details["message"]
        assert "{{job.start_time.iso_date}}" in details["message"]
    assert [each.launch.task_key for each in runner.started] == ["fine"]


async def test_run_job_waits_for_the_other_job(narrow: Workspace, runner: ScriptedRunner) -> None:
    """The other run is a run of its own; the waiting task takes no place from it, and tells which run it is."""
    other = await narrow.create(task("main"), parameters=[{"name": "day", "default": "mon"}])
    job_id = await narrow.create(run_job("call", other, job_parameters={"day": "tue"}), task("after", "call"))
    run_id = await narrow.run_now(job_id)
    await started(runner, 1)
    waiting = await narrow.run(run_id)
    runner.started[0].finish()
    run = await narrow.ended(run_id)
    (child,) = (await narrow.get("runs/list", job_id=other)).json()["runs"]
    output = (await narrow.outputs(run))["call"]

    assert by_key(waiting)["call"]["state"]["life_cycle_state"] == "RUNNING"
    assert results(run) == {"call": "SUCCESS", "after": "SUCCESS"}
    assert (child["trigger"], child["run_type"]) == ("RUN_JOB_TASK", "JOB_RUN")
    assert output["run_job_output"] == {"run_id": child["run_id"]}
    assert parameters(runner) == [{"day": "tue"}, {}]


async def test_job_parameters_are_pushed_down(scripted: Workspace, runner: ScriptedRunner) -> None:
    """https://docs.databricks.com/aws/en/jobs/job-parameters: they override what the task has."""
    other = await scripted.create(task("x"), parameters=[{"name": "day", "default": "mon"}])
    job_id = await scripted.create(
        run_job("call", other, job_parameters={"day": "tue", "id": "{{job.run_id}}"}),
        parameters=[{"name": "day", "default": "wed"}],
    )
    run_id = await scripted.run_now(job_id)
    await scripted.ended(run_id)

    assert parameters(runner) == [{"day": "wed", "id": str(run_id)}]


async def test_failed_job_fails_the_task_that_runs_it(scripted: Workspace, runner: ScriptedRunner) -> None:
    """Its message leads to the run that failed."""
    other = await scripted.create(task("main"))
    run_id = await scripted.run_now(await scripted.create(run_job("call", other)))
    await started(runner, 1)
    runner.started[0].finish(failure())
    run = await scripted.ended(run_id)
    child_id = (await scripted.outputs(run))["call"]["run_job_output"]["run_id"]

    assert results(run) == {"call": "FAILED"}
    assert f"Run {child_id} of job {other} did not succeed: Task main failed" in run["state"]["state_message"]


async def test_job_without_a_slot_fails_the_task(scripted: Workspace, runner: ScriptedRunner) -> None:
    """A run that is skipped did not happen, and the task that needed it cannot have succeeded."""
    other = await scripted.create(task("main"), version="2.1")
    await scripted.run_now(other)
    await started(runner, 1)
    run = await scripted.ended(await scripted.run_now(await scripted.create(run_job("call", other))))

    assert run["status"]["termination_details"]["code"] == "MAX_CONCURRENT_RUNS_EXCEEDED"


async def test_jobs_in_a_circle_fail(scripted: Workspace) -> None:
    """Also through others; a run of its own kind is never waited for."""
    first = await scripted.create()
    second = await scripted.create(run_job("back", first))
    await scripted.post("reset", {"job_id": first, "new_settings": {"tasks": [run_job("there", second)]}})
    run = await scripted.ended(await scripted.run_now(first))

    assert f"Jobs run each other in a circle: {first} -> {second} -> {first}." in run["state"]["state_message"]


async def test_three_run_job_tasks_are_the_deepest(scripted: Workspace) -> None:
    """https://docs.databricks.com/aws/en/jobs/tasks/run-job: no more are supported."""
    jobs = [await scripted.create(task("x"))]
    for _ in range(4):
        jobs.append(await scripted.create(run_job("call", jobs[-1])))
    fine = await scripted.ended(await scripted.run_now(jobs[3]))
    deep = await scripted.ended(await scripted.run_now(jobs[4]))

    assert fine["state"]["result_state"] == "SUCCESS"
    assert "More than 3 run_job_tasks are nested" in deep["state"]["state_message"]


@pytest.mark.parametrize("nested", ["run_job", "for_each"])
async def test_cancelling_reaches_the_runs_below(scripted: Workspace, runner: ScriptedRunner, nested: str) -> None:
    """The waiting task is terminating until all that it waits for has ended."""
    if nested == "run_job":
        work = run_job("call", await scripted.create(task("main")))
    else:
        work = for_each("call", [1, 2], task("main"), concurrency=2)
        runner._script["main_0"] = runner._script["main_1"] = [None]
    run_id = await scripted.run_now(await scripted.create(work))
    await started(runner, 1 if nested == "run_job" else 2)
    await scripted.post("runs/cancel", {"run_id": run_id})
    run = await scripted.ended(run_id)

    assert run["state"]["result_state"] == "CANCELED"
    assert all(each._result.done() for each in runner.started)
    active = (await scripted.get("runs/list", active_only="true")).json()
    assert "runs" not in active


async def test_time_out_reaches_the_runs_below(
    scripted: Workspace, runner: ScriptedRunner, clock: StandingClock
) -> None:
    """A task that waits has a time-out like any other."""
    other = await scripted.create(task("main"))
    run_id = await scripted.run_now(await scripted.create({**run_job("call", other), "timeout_seconds": 60}))
    await started(runner, 1)
    await until(lambda: clock.sleepers > 0)
    clock.advance(seconds=60)
    run = await scripted.ended(run_id)
    (child,) = (await scripted.get("runs/list", job_id=other)).json()["runs"]

    assert results(run) == {"call": "TIMEDOUT"}
    assert child["state"]["life_cycle_state"] == "TERMINATED"


async def test_iterations_get_their_elements(scripted: Workspace, runner: ScriptedRunner) -> None:
    """Whole, by field, and beside other references; what an element says is not looked at again."""
    nested = task("x")
    nested["notebook_task"]["base_parameters"] = {
        "all": "{{input}}",
        "name": "{{input.name}}!",
        "run": "{{job.run_id}}",
        "task": "{{task.name}}",
    }
    inputs = [{"name": "é", "n": 1}, {"name": "{{job.id}}"}]
    job_id = await scripted.create(for_each("loop", "{{job.parameters.list}}", nested))
    run_id = await scripted.run_now(job_id, job_parameters={"list": json.dumps(inputs)})
    await scripted.ended(run_id)

    given = parameters(runner)
    assert [each["name"] for each in given] == ["é!", "{{job.id}}!"]
    assert [json.loads(each["all"]) for each in given] == inputs
    assert [(each["run"], each["task"]) for each in given] == [(str(run_id), "x_0"), (str(run_id), "x_1")]


async def test_iterations_are_bounded_and_counted(scripted: Workspace, runner: ScriptedRunner) -> None:
    """`concurrency` of them run at once; runs/get of the task run shows them, and runs/list does not."""
    runner._script |= {f"x_{number}": [None] for number in range(5)}
    job_id = await scripted.create(for_each("loop", "{{job.parameters.list}}", task("x"), concurrency=2))
    await scripted.post(
        "update", {"job_id": job_id, "new_settings": {"parameters": [{"name": "list", "default": "[1,2,3,4,5]"}]}}
    )
    run_id = await scripted.run_now(job_id)
    await started(runner, 2)
    runner.started[1].finish(failure())
    await started(runner, 3)
    (loop,) = (await scripted.run(run_id))["tasks"]
    shown = (await scripted.get("runs/get", run_id=loop["run_id"])).json()
    runs = (await scripted.get("runs/list")).json()["runs"]

    assert len(runner.started) == 3
    assert loop["for_each_task"]["stats"]["task_run_stats"] == {
        "active_iterations": 2,
        "completed_iterations": 1,
        "failed_iterations": 1,
        "scheduled_iterations": 3,
        "succeeded_iterations": 0,
        "total_iterations": 5,
    }
    assert loop["for_each_task"]["stats"]["error_message_stats"][0]["count"] == 1
    assert [each["task_key"] for each in shown["tasks"]] == ["loop"]
    states = [each["state"]["life_cycle_state"] for each in shown["iterations"]]
    assert states == ["RUNNING", "TERMINATED", "RUNNING", "BLOCKED", "BLOCKED"]
    assert [each["run_id"] for each in runs] == [run_id]
    one = (await scripted.get("runs/get", run_id=shown["iterations"][1]["run_id"])).json()
    assert one["state"]["result_state"] == "FAILED"


async def test_repair_repeats_failed_iterations_only(scripted: Workspace, runner: ScriptedRunner) -> None:
    """What had succeeded is counted and not run again."""
    runner._script["x_1"] = [failure(), failure(), None]
    run_id = await scripted.run_now(await scripted.create(for_each("loop", ["a", "b", "c"], task("x"), concurrency=3)))
    failed = await scripted.ended(run_id)
    repair = await scripted.post("runs/repair", {"run_id": run_id, "rerun_all_failed_tasks": True})
    await started(runner, 4)
    await scripted.ended(run_id)
    again = {"run_id": run_id, "rerun_all_failed_tasks": True, "latest_repair_id": repair.json()["repair_id"]}
    await scripted.post("runs/repair", again)
    await started(runner, 5)
    runner.started[4].finish()
    run = await scripted.ended(run_id)

    assert "1 of 3 iterations did not succeed" in failed["state"]["state_message"]
    assert [each.launch.task_key for each in runner.started] == ["x_0", "x_1", "x_2", "x_1", "x_1"]
    assert results(run) == {"loop": "SUCCESS"}
    stats = by_key(run)["loop"]["for_each_task"]["stats"]["task_run_stats"]
    assert (stats["succeeded_iterations"], stats["failed_iterations"]) == (3, 0)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ("{}", "The inputs are no JSON array"),
        ("[1,", "The inputs are no JSON"),
        ("['a']", "The inputs are no JSON"),
        ("[" * 100_000, "The inputs are"),
        (json.dumps([0] * 1001), "The inputs have 1001 elements"),
    ],
)
async def test_inputs_must_be_an_array(scripted: Workspace, inputs: str, message: str) -> None:
    """They may come from anywhere, so they are looked at when the task begins."""
    run = await scripted.ended(await scripted.run_now(await scripted.create(for_each("loop", inputs, task("x")))))

    assert message in run["state"]["state_message"]


async def test_nothing_to_do_succeeds(scripted: Workspace, runner: ScriptedRunner) -> None:
    """No elements, no iterations."""
    run = await scripted.ended(await scripted.run_now(await scripted.create(for_each("loop", [], task("x")))))

    assert results(run) == {"loop": "SUCCESS"}
    assert runner.started == []


async def test_iterations_may_run_other_jobs(narrow: Workspace, runner: ScriptedRunner) -> None:
    """With one place for all of them."""
    other = await narrow.create(task("x"), max_concurrent_runs=3)
    nested = run_job("call", other, job_parameters={"n": "{{input}}"})
    run = await narrow.ended(
        await narrow.run_now(await narrow.create(for_each("loop", [1, 2, 3], nested, concurrency=3)))
    )

    assert results(run) == {"loop": "SUCCESS"}
    assert sorted(each["n"] for each in parameters(runner)) == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("nested", "message"),
    [
        (for_each("inner", [1], task("x")), "the nested task cannot be another for_each_task"),
        (task("x", "y"), "the nested task cannot depend on other tasks"),
        ({"task_key": "x", "notebook_task": {}}, "notebook_path"),
        ({}, "task is missing"),
    ],
)
async def test_unfit_nested_task_is_refused(scripted: Workspace, nested: Json, message: str) -> None:
    """When the job is created."""
    answer = await scripted.post("create", {"name": "x", "tasks": [for_each("loop", [1], nested)]})

    assert answer.status_code == 400
    assert message in answer.json()["message"]


async def test_deleted_run_leaves_no_iterations(scripted: Workspace) -> None:
    """Nobody could find them any more."""
    run_id = await scripted.run_now(await scripted.create(for_each("loop", [1], task("x"))))
    (loop,) = (await scripted.ended(run_id))["tasks"]
    iteration = (await scripted.get("runs/get", run_id=loop["run_id"])).json()["iterations"][0]["run_id"]
    await scripted.post("runs/delete", {"run_id": run_id})

    answer = await scripted.get("runs/get", run_id=iteration)

    assert answer.json()["message"] == f"Run {iteration} does not exist."

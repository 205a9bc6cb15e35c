"""jobs/run-now and jobs/runs/get, list, get-output, cancel and delete, with scripted tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from localdev.workspace.scripted_runner import SUCCESS, ScriptedRunner, failure
from localdev.workspace.tasks.notebook import NotebookWork
from localdev.workspace.tasks.python_file import PythonFileWork
from tests.localdev.workspace.kit import (
    START,
    StandingClock,
    Workspace,
    open_without_wire,
    started,
    task,
    workspace_settings,
)

MILLIS = round(START.timestamp() * 1000)


async def test_run_lives_from_pending_to_terminated(
    scripted: Workspace, runner: ScriptedRunner, clock: StandingClock
) -> None:
    """Both the old state and the new status tell the truth all along."""
    run_id = await scripted.run_now(await scripted.create())
    await started(runner, 1)
    running = await scripted.reaches(run_id, "RUNNING")
    clock.advance(seconds=3)
    runner.started[0].finish()
    ended = await scripted.ended(run_id)

    assert (running["status"], running["start_time"], running["end_time"]) == ({"state": "RUNNING"}, MILLIS, 0)
    assert "result_state" not in running["state"]
    assert ended["state"]["life_cycle_state"] == "TERMINATED"
    assert ended["state"]["result_state"] == "SUCCESS"
    assert ended["status"] == {
        "state": "TERMINATED",
        "termination_details": {"code": "SUCCESS", "type": "SUCCESS", "message": ""},
    }
    assert (ended["end_time"], ended["run_duration"]) == (MILLIS + 3000, 3000)
    assert ended["tasks"][0]["execution_duration"] == 3000


async def test_run_says_what_it_is(scripted: Workspace) -> None:
    """The fields that clients rely on are there."""
    job_id = await scripted.create(name="ETL Pipeline Daily")
    answer = (await scripted.post("run-now", {"job_id": job_id, "notebook_params": {"file_path": "é.csv"}})).json()

    run = await scripted.run(answer["run_id"])

    assert answer["number_in_job"] == answer["run_id"] == run["run_id"] == run["number_in_job"]
    assert (run["job_id"], run["run_name"]) == (job_id, "ETL Pipeline Daily")
    assert (run["run_type"], run["trigger"]) == ("JOB_RUN", "ONE_TIME")
    assert run["run_page_url"] == f"{scripted.url}/jobs/{job_id}/runs/{run['run_id']}?o=1234567890123456"
    assert run["overriding_parameters"] == {"notebook_params": {"file_path": "é.csv"}}


async def test_failed_run_looks_as_in_the_cloud(scripted: Workspace, runner: ScriptedRunner) -> None:
    """INTERNAL_ERROR/FAILED in the state and RUN_EXECUTION_ERROR in the status, for an ordinary failure."""
    run_id = await scripted.run_now(await scripted.create())
    await started(runner, 1)
    runner.started[0].finish(failure())

    run = await scripted.ended(run_id)

    message = "Task main failed with message: Workload failed, see run output for details."
    assert run["state"] == {
        "life_cycle_state": "INTERNAL_ERROR",
        "result_state": "FAILED",
        "state_message": message,
        "user_cancelled_or_timedout": False,
    }
    assert run["status"]["state"] == "TERMINATED"
    assert run["status"]["termination_details"] == {
        "code": "RUN_EXECUTION_ERROR",
        "type": "CLIENT_ERROR",
        "message": message,
    }
    assert run["tasks"][0]["state"]["life_cycle_state"] == "TERMINATED"


async def test_same_token_is_the_same_run(scripted: Workspace, runner: ScriptedRunner) -> None:
    """However often it is sent, and whatever came of the run."""
    job_id = await scripted.create()
    first = await scripted.run_now(job_id, idempotency_token="t" * 64)
    again = await scripted.run_now(job_id, idempotency_token="t" * 64, notebook_params={"other": "body"})
    await started(runner, 1)
    runner.started[0].finish(failure())
    await scripted.ended(first)
    later = await scripted.run_now(job_id, idempotency_token="t" * 64)
    other = await scripted.run_now(job_id, idempotency_token="u" * 64)

    assert first == again == later != other
    assert len((await scripted.get("runs/list")).json()["runs"]) == 2


async def test_token_of_a_deleted_run_is_an_error(scripted: Workspace, runner: ScriptedRunner) -> None:
    """It starts nothing new."""
    job_id = await scripted.create()
    run_id = await scripted.run_now(job_id, idempotency_token="t")
    await started(runner, 1)
    runner.started[0].finish()
    await scripted.ended(run_id)
    deleted = await scripted.post("runs/delete", {"run_id": run_id})

    answer = await scripted.post("run-now", {"job_id": job_id, "idempotency_token": "t"})

    assert deleted.status_code == 200
    assert answer.status_code == 400
    assert "has been deleted" in answer.json()["message"]
    assert (await scripted.get("runs/list")).json() == {}


async def test_active_run_is_not_deleted(scripted: Workspace) -> None:
    """It must be cancelled first."""
    run_id = await scripted.run_now(await scripted.create())

    answer = await scripted.post("runs/delete", {"run_id": run_id})

    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_STATE")


async def test_run_of_a_missing_job_is_a_400(scripted: Workspace) -> None:
    """Which is no 404, and only jobs/get and runs/get are repaired by the SDKs."""
    answer = await scripted.post("run-now", {"job_id": 998})

    assert (answer.status_code, answer.json()["message"]) == (400, "Job 998 does not exist.")


@pytest.mark.parametrize("endpoint", ["runs/get", "runs/get-output"])
async def test_missing_run_is_a_400(scripted: Workspace, endpoint: str) -> None:
    """The words are those that the SDKs look for."""
    answer = await scripted.get(endpoint, run_id=998)

    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert answer.json()["message"] == "Run 998 does not exist."


async def test_second_run_waits_in_the_queue(scripted: Workspace, runner: ScriptedRunner, clock: StandingClock) -> None:
    """It says why, and starts when the first one has ended; queue_duration tells how long that took."""
    job_id = await scripted.create()
    first, second, third = [await scripted.run_now(job_id) for _ in range(3)]
    await started(runner, 1)
    queued = await scripted.run(second)
    clock.advance(seconds=5)
    runner.started[0].finish()
    await scripted.ended(first)
    running = await scripted.reaches(second, "RUNNING")

    message = "Queued due to reaching maximum concurrent runs of 1."
    assert (queued["state"]["life_cycle_state"], queued["state"]["queue_reason"]) == ("QUEUED", message)
    assert queued["status"] == {
        "state": "QUEUED",
        "queue_details": {"code": "MAX_CONCURRENT_RUNS_REACHED", "message": message},
    }
    assert running["queue_duration"] == 5000
    assert "queue_details" not in running["status"]
    assert (await scripted.run(third))["state"]["life_cycle_state"] == "QUEUED"


async def test_second_run_without_a_queue_is_skipped(scripted: Workspace) -> None:
    """The answer is still a 200 with a run id."""
    job_id = await scripted.create(version="2.1")
    await scripted.run_now(job_id)
    second = await scripted.run_now(job_id)

    run = await scripted.ended(second)

    assert run["state"]["life_cycle_state"] == "SKIPPED"
    assert "result_state" not in run["state"]
    assert run["state"]["state_message"] == (
        "Skipping this run because the limit of 1 maximum concurrent runs has been reached."
    )
    assert run["status"]["termination_details"]["code"] == "MAX_CONCURRENT_RUNS_EXCEEDED"


async def test_queued_run_is_dropped_after_48_hours(scripted: Workspace, clock: StandingClock) -> None:
    """Nobody has to ask for it."""
    job_id = await scripted.create()
    await scripted.run_now(job_id)
    second = await scripted.run_now(job_id)
    await scripted.reaches(second, "QUEUED")
    clock.advance(hours=48)

    run = await scripted.ended(second)

    assert run["state"]["life_cycle_state"] == "SKIPPED"


async def test_concurrent_runs_share_a_job(scripted: Workspace, runner: ScriptedRunner) -> None:
    """max_concurrent_runs of them at once."""
    job_id = await scripted.create(max_concurrent_runs=2)
    runs = [await scripted.run_now(job_id) for _ in range(3)]
    await started(runner, 2)

    states = [(await scripted.run(run_id))["state"]["life_cycle_state"] for run_id in runs]

    assert states == ["RUNNING", "RUNNING", "QUEUED"]


async def test_list_is_newest_first_in_pages(scripted: Workspace, clock: StandingClock) -> None:
    """Each run is shown once, and the last page has no token."""
    job_id = await scripted.create(max_concurrent_runs=0)
    made = []
    for _ in range(7):
        made.append(await scripted.run_now(job_id))
        clock.advance(seconds=1)
    pages = [(await scripted.get("runs/list", limit=3)).json()]
    while token := pages[-1].get("next_page_token"):
        await scripted.run_now(job_id)
        pages.append((await scripted.get("runs/list", limit=3, page_token=token)).json())

    assert [len(page["runs"]) for page in pages] == [3, 3, 1]
    assert [run["run_id"] for page in pages for run in page["runs"]] == made[::-1]
    assert all("tasks" not in run for page in pages for run in page["runs"])


async def test_list_filters(scripted: Workspace, runner: ScriptedRunner, clock: StandingClock) -> None:
    """By job, by being active or completed, and by inclusive start times in milliseconds."""
    first_job, second_job = await scripted.create(), await scripted.create()
    first = await scripted.run_now(first_job)
    clock.advance(seconds=10)
    second = await scripted.run_now(second_job)
    await started(runner, 2)
    next(each for each in runner.started if each.launch.attempt_id == first + 1).finish()
    await scripted.ended(first)

    async def found(**query: Any) -> list[int]:
        return [run["run_id"] for run in (await scripted.get("runs/list", **query)).json().get("runs", [])]

    assert await found() == [second, first]
    assert await found(job_id=first_job) == [first]
    assert await found(active_only="true") == [second]
    assert await found(completed_only="true") == [first]
    assert await found(start_time_from=MILLIS + 10_000) == [second]
    assert await found(start_time_to=MILLIS) == [first]
    assert await found(start_time_from=MILLIS + 1, start_time_to=MILLIS + 9_999) == []
    assert await found(run_type="SUBMIT_RUN") == []


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 27},
        {"limit": -1},
        {"active_only": "true", "completed_only": "true"},
        {"offset": 20},
        {"run_type": "x"},
        {"page_token": "eA=="},
        {"job_id": "x"},
    ],
    ids=str,
)
async def test_unusable_list_queries_are_refused(scripted: Workspace, query: dict[str, Any]) -> None:
    """A filter that is not understood is an error and not ignored."""
    assert (await scripted.get("runs/list", **query)).status_code == 400


@pytest.mark.parametrize(("query", "shown"), [({"limit": 1}, 1), ({"limit": 26}, 26), ({"limit": 0}, 25), ({}, 20)])
async def test_list_takes_limits_as_a_workspace_does(scripted: Workspace, query: dict[str, Any], shown: int) -> None:
    """Up to 25 is documented and 26 is taken; 0 is the most that is documented, and none is 20."""
    job_id = await scripted.create(max_concurrent_runs=0)
    for _ in range(27):
        await scripted.run_now(job_id)

    answer = await scripted.get("runs/list", **query)

    assert len(answer.json()["runs"]) == shown


async def test_too_large_a_limit_is_refused_in_the_clouds_words(scripted: Workspace) -> None:
    """https://github.com/databricks/databricks-cli/issues/464 has the message."""
    answer = await scripted.get("runs/list", limit=27)

    assert answer.json()["message"] == "Invalid limit 27 - it has to be no more than 26."


async def test_pages_can_come_short(tmp_path: Path, clock: StandingClock, runner: ScriptedRunner) -> None:
    """Every run and job is on one page all the same, and only the last page has no token."""
    settings = workspace_settings(tmp_path, short_pages=True)
    async with open_without_wire(settings, clock=clock, runner=runner) as workspace:
        jobs = [await workspace.create(max_concurrent_runs=0) for _ in range(12)]
        runs = [await workspace.run_now(jobs[0]) for _ in range(40)]
        pages: dict[str, list[list[int]]] = {}
        for endpoint, name, key in (("runs/list", "runs", "run_id"), ("list", "jobs", "job_id")):
            answer = (await workspace.get(endpoint, limit=10)).json()
            pages[name] = [[each[key] for each in answer[name]]]
            while token := answer.get("next_page_token"):
                answer = (await workspace.get(endpoint, limit=10, page_token=token)).json()
                pages[name].append([each[key] for each in answer[name]])

    assert [each for page in pages["runs"] for each in page] == runs[::-1]
    assert [each for page in pages["jobs"] for each in page] == jobs[::-1]
    assert len({len(page) for page in pages["runs"]}) > 2


async def test_list_shows_tasks_on_request(scripted: Workspace) -> None:
    """expand_tasks adds them."""
    run_id = await scripted.run_now(await scripted.create())

    view = (await scripted.get("runs/list", expand_tasks="true")).json()["runs"][0]

    assert (view["run_id"], len(view["tasks"])) == (run_id, 1)


async def test_output_wants_the_task_run(scripted: Workspace, runner: ScriptedRunner) -> None:
    """The job run's id is refused even for a job of one task."""
    run_id = await scripted.run_now(await scripted.create())
    await started(runner, 1)
    runner.started[0].finish(failure("RuntimeError: intentional failure"))
    run = await scripted.ended(run_id)

    refused = await scripted.get("runs/get-output", run_id=run_id)
    output = (await scripted.outputs(run))["main"]

    assert refused.status_code == 400
    assert refused.json()["message"] == (
        "Retrieving the output of runs with multiple tasks is not supported. "
        "Please retrieve the output of each individual task run instead."
    )
    assert output["error"] == "RuntimeError: intentional failure"
    assert output["metadata"]["run_id"] == run["tasks"][0]["run_id"]
    assert output["metadata"]["job_run_id"] == run_id
    assert output["notebook_output"] == {}
    assert "logs" not in output


async def test_task_run_can_be_read_by_itself(scripted: Workspace, runner: ScriptedRunner) -> None:
    """runs/get knows the ids of task runs too."""
    run_id = await scripted.run_now(await scripted.create(), notebook_params={"a": "b"})
    await started(runner, 1)
    task_run_id = (await scripted.run(run_id))["tasks"][0]["run_id"]

    view = await scripted.run(task_run_id)

    assert (view["run_id"], view["job_run_id"], view["task_key"]) == (task_run_id, run_id, "main")
    assert view["overriding_parameters"] == {"notebook_params": {"a": "b"}}


async def test_every_attempt_is_a_task_run(scripted: Workspace, runner: ScriptedRunner) -> None:
    """The array `tasks` has one element per attempt, with an id and an output each."""
    run_id = await scripted.run_now(await scripted.create(task(max_retries=1)))
    for number, result in enumerate([failure("E: one"), SUCCESS], start=1):
        await started(runner, number)
        runner.started[-1].finish(result)

    run = await scripted.ended(run_id)

    assert [(each["attempt_number"], each["state"]["result_state"]) for each in run["tasks"]] == [
        (0, "FAILED"),
        (1, "SUCCESS"),
    ]
    assert len({each["run_id"] for each in run["tasks"]}) == 2
    assert {each["original_attempt_run_id"] for each in run["tasks"]} == {run["tasks"][0]["run_id"]}
    assert (await scripted.get("runs/get-output", run_id=run["tasks"][0]["run_id"])).json()["error"] == "E: one"


async def test_retry_waits_for_its_interval(scripted: Workspace, runner: ScriptedRunner, clock: StandingClock) -> None:
    """The waiting attempt says so in both vocabularies."""
    run_id = await scripted.run_now(await scripted.create(task(max_retries=1, min_retry_interval_millis=60_000)))
    await started(runner, 1)
    runner.started[0].finish(failure())
    waiting = (await scripted.once(run_id, lambda run: len(run["tasks"]) == 2))["tasks"][1]
    clock.advance(seconds=60)
    await started(runner, 2)

    assert waiting["state"]["life_cycle_state"] == "WAITING_FOR_RETRY"
    assert waiting["status"]["state"] == "WAITING"


async def test_task_times_out(scripted: Workspace, runner: ScriptedRunner, clock: StandingClock) -> None:
    """A task past its timeout_seconds is ended."""
    run_id = await scripted.run_now(await scripted.create(task(timeout_seconds=30)))
    await started(runner, 1)
    clock.advance(seconds=30)

    run = await scripted.ended(run_id)

    assert run["tasks"][0]["state"]["result_state"] == "TIMEDOUT"
    assert run["tasks"][0]["state"]["user_cancelled_or_timedout"] is True
    assert run["tasks"][0]["status"]["termination_details"]["code"] == "CANCELED"


async def test_run_times_out(scripted: Workspace, clock: StandingClock, runner: ScriptedRunner) -> None:
    """So is a run past the job's own timeout_seconds."""
    run_id = await scripted.run_now(await scripted.create(timeout_seconds=30))
    await started(runner, 1)
    clock.advance(seconds=30)

    run = await scripted.ended(run_id)

    assert (run["state"]["life_cycle_state"], run["state"]["result_state"]) == ("TERMINATED", "TIMEDOUT")


async def test_cancelled_run_says_so(scripted: Workspace, runner: ScriptedRunner) -> None:
    """The answer comes at once, the end a little later; a second wish changes nothing."""
    run_id = await scripted.run_now(await scripted.create())
    await started(runner, 1)

    answers = [await scripted.post("runs/cancel", {"run_id": run_id}) for _ in range(2)]
    run = await scripted.ended(run_id)
    late = await scripted.post("runs/cancel", {"run_id": run_id})

    assert [answer.json() for answer in [*answers, late]] == [{}, {}, {}]
    assert (run["state"]["life_cycle_state"], run["state"]["result_state"]) == ("TERMINATED", "CANCELED")
    assert run["state"]["user_cancelled_or_timedout"] is True
    assert run["status"]["termination_details"]["code"] == "USER_CANCELED"


async def test_cancelling_a_run_frees_its_slot(scripted: Workspace, runner: ScriptedRunner) -> None:
    """The next run in the queue takes it."""
    job_id = await scripted.create()
    first, second = [await scripted.run_now(job_id) for _ in range(2)]
    await started(runner, 1)
    await scripted.post("runs/cancel", {"run_id": first})

    run = await scripted.reaches(second, "RUNNING")

    assert run["end_time"] == 0


async def test_cancelling_a_missing_run_is_refused(scripted: Workspace) -> None:
    """In the words for any missing run."""
    answer = await scripted.post("runs/cancel", {"run_id": 998})

    assert (answer.status_code, answer.json()["message"]) == (400, "Run 998 does not exist.")


async def test_one_task_run_can_be_cancelled(scripted: Workspace, runner: ScriptedRunner) -> None:
    """By its own id; what depends on it is skipped, the rest goes on."""
    run_id = await scripted.run_now(await scripted.create(task("a"), task("b"), task("c", "a")))
    await started(runner, 2)
    by_key = {each.launch.task_key: each for each in runner.started}
    await scripted.post("runs/cancel", {"run_id": by_key["a"].launch.attempt_id})
    by_key["b"].finish()

    run = await scripted.ended(run_id)

    assert {each["task_key"]: each["state"]["result_state"] for each in run["tasks"]} == {
        "a": "CANCELED",
        "b": "SUCCESS",
        "c": "UPSTREAM_CANCELED",
    }


async def test_job_parameters_are_listed(scripted: Workspace) -> None:
    """A run shows the job's parameters with the defaults and the values used."""
    job_id = await scripted.create(parameters=[{"name": "env", "default": "dev"}, {"name": "day", "default": ""}])
    run_id = await scripted.run_now(job_id, job_parameters={"day": "20261122", "extra": "x"})

    run = await scripted.run(run_id)

    assert run["job_parameters"] == [
        {"name": "day", "default": "", "value": "20261122"},
        {"name": "env", "default": "dev", "value": "dev"},
        {"name": "extra", "default": "", "value": "x"},
    ]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, {"base": "1", "both": "base"}),
        ({"notebook_params": {"both": "now", "file_path": "x"}}, {"base": "1", "both": "now", "file_path": "x"}),
        ({"job_parameters": {"both": "job"}}, {"base": "1", "both": "job"}),
    ],
    ids=["base", "notebook_params", "job_parameters"],
)
async def test_notebook_gets_merged_parameters(
    scripted: Workspace, runner: ScriptedRunner, asked: dict[str, Any], expected: dict[str, str]
) -> None:
    """base_parameters, over them what run-now gives."""
    notebook_task = {"notebook_path": "/x", "base_parameters": {"base": "1", "both": "base"}}
    await scripted.run_now(await scripted.create({"task_key": "main", "notebook_task": notebook_task}), **asked)
    await started(runner, 1)

    assert runner.started[0].launch.work == NotebookWork(path="/x", parameters=expected)


async def test_python_parameters_replace_the_tasks_own(scripted: Workspace, runner: ScriptedRunner) -> None:
    """They are a command line, which cannot be merged."""
    python = {"task_key": "main", "spark_python_task": {"python_file": "/x.py", "parameters": ["a", "b"]}}
    job_id = await scripted.create(python, max_concurrent_runs=2)
    await scripted.run_now(job_id)
    await scripted.run_now(job_id, python_params=["c"])
    await started(runner, 2)

    assert [each.launch.work for each in runner.started] == [
        PythonFileWork(path="/x.py", arguments=("a", "b")),
        PythonFileWork(path="/x.py", arguments=("c",)),
    ]


async def test_running_tasks_are_bounded(scripted: Workspace, runner: ScriptedRunner) -> None:
    """Beyond the limit a task is pending until another one ends, and the oldest goes first."""
    job_id = await scripted.create(max_concurrent_runs=10)
    runs = [await scripted.run_now(job_id) for _ in range(6)]
    await started(runner, 4)
    states = [(await scripted.run(run_id))["state"]["life_cycle_state"] for run_id in runs]
    runner.started[2].finish()
    await scripted.reaches(runs[4], "RUNNING")

    assert states == ["RUNNING"] * 4 + ["PENDING"] * 2
    assert len(runner.started) == 5


async def test_fan_in_runs_in_order(scripted: Workspace, runner: ScriptedRunner) -> None:
    """Parallel branches start together, and the last task when both are done."""
    run_id = await scripted.run_now(await scripted.create(task("c", "a", "b"), task("a"), task("b")))
    await started(runner, 2)
    first = [each.launch.task_key for each in runner.started]
    for execution in list(runner.started):
        execution.finish()
    await started(runner, 3)
    runner.started[2].finish()

    run = await scripted.ended(run_id)

    assert sorted(first) == ["a", "b"]
    assert runner.started[2].launch.task_key == "c"
    assert run["state"]["result_state"] == "SUCCESS"

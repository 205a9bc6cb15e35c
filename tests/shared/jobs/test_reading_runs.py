from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.clock import Deadline
from shared.errors import JobMissing, JobsBusy, JobsRefused, JobsUnknown
from shared.jobs import JobsClient, RunOutput
from shared.model import Run, Verdict
from tests.fakes.manual_clock import ManualClock
from tests.shared.jobs.scripted_server import Action, ScriptedServer, says

# As runs/get answers for a notebook that failed: an ordinary failure looks like an internal error in the older model.
FAILED_RUN: dict[str, Any] = {
    "job_id": 7,
    "run_id": 455644833,
    "number_in_job": 455644833,
    "state": {
        "life_cycle_state": "INTERNAL_ERROR",
        "result_state": "FAILED",
        "state_message": "Task main failed with message: Workload failed, see run output for details.",
        "user_cancelled_or_timedout": False,
    },
    "status": {
        "state": "TERMINATED",
        "termination_details": {
            "code": "RUN_EXECUTION_ERROR",
            "type": "CLIENT_ERROR",
            "message": "Task main failed with message: Workload failed, see run output for details.",
        },
    },
    "overriding_parameters": {"notebook_params": {"file_path": "crm/é.csv", "landfall_entry": "ab12"}},
    "job_parameters": [{"name": "stage", "default": "dev", "value": "prod"}, {"name": "region", "default": "eu"}],
    "tasks": [
        {"run_id": 11, "task_key": "main", "attempt_number": 0},
        {"run_id": 14, "task_key": "after", "attempt_number": 0},
        {"run_id": 12, "task_key": "main", "attempt_number": 1},
    ],
    "start_time": 1795348800000,
    "end_time": 1795348861500,
    "run_page_url": "https://adb-1.azuredatabricks.net/?o=1#job/7/run/455644833",
    "run_type": "JOB_RUN",
}


async def test_run_is_parsed_into_our_own_type(server: ScriptedServer, jobs: JobsClient, deadline: Deadline) -> None:
    """Every field that the service uses comes over, with times in UTC and each task's last attempt."""
    server.will(says(200, FAILED_RUN))

    run = await jobs.get_run(455644833, deadline)

    assert run == Run(
        run_id=455644833,
        job_id=7,
        verdict=Verdict.FAILED,
        state="TERMINATED/RUN_EXECUTION_ERROR",
        message="Task main failed with message: Workload failed, see run output for details.",
        started_at=datetime(2026, 11, 22, 12, 0, tzinfo=UTC),
        ended_at=datetime(2026, 11, 22, 12, 1, 1, 500_000, tzinfo=UTC),
        page_url="https://adb-1.azuredatabricks.net/?o=1#job/7/run/455644833",
        parameters={"file_path": "crm/é.csv", "landfall_entry": "ab12", "stage": "prod", "region": "eu"},
        task_run_ids=(12, 14),
        code="RUN_EXECUTION_ERROR",
    )
    assert server.received[0].target == "/api/2.2/jobs/runs/get?run_id=455644833"


async def test_active_run_has_no_end(server: ScriptedServer, jobs: JobsClient, deadline: Deadline) -> None:
    """A time of 0 means "not yet"; empty arrays and objects are left out."""
    answer = {"run_id": "5", "start_time": 1795348800000, "end_time": 0, "status": {"state": "RUNNING"}}
    server.will(says(200, answer))

    run = await jobs.get_run(5, deadline)

    assert run is not None
    assert (run.verdict, run.state, run.ended_at, run.job_id) == (None, "RUNNING", None, None)
    assert run.parameters == {}
    assert run.task_run_ids == ()


async def test_queued_run_says_why(server: ScriptedServer, jobs: JobsClient, deadline: Deadline) -> None:
    """Who looks at a waiting run sees what it waits for."""
    queue = {"code": "MAX_CONCURRENT_RUNS_REACHED", "message": "Queued behind 1 run."}
    server.will(says(200, {"run_id": 5, "status": {"state": "QUEUED", "queue_details": queue}}))

    run = await jobs.get_run(5, deadline)

    assert run is not None
    assert (run.verdict, run.state, run.message) == (None, "QUEUED/MAX_CONCURRENT_RUNS_REACHED", "Queued behind 1 run.")


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(
            says(400, {"error_code": "INVALID_PARAMETER_VALUE", "message": "Run 5 does not exist."}), id="400"
        ),
        pytest.param(
            says(400, {"error_code": "INVALID_PARAMETER_VALUE", "message": "Run: 5 in job: 7 doesn't exist"}),
            id="400 with its job",
        ),
        pytest.param(says(404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no"}), id="404"),
    ],
)
async def test_forgotten_run_is_none(
    server: ScriptedServer, jobs: JobsClient, deadline: Deadline, answer: Action
) -> None:
    """Runs are deleted, and vanish after 60 days: an ordinary outcome for who asks."""
    server.will(answer)

    assert await jobs.get_run(5, deadline) is None


async def test_other_refusals_of_a_run_are_raised(server: ScriptedServer, jobs: JobsClient, deadline: Deadline) -> None:
    """Only what says that the run does not exist may settle it as gone."""
    server.will(says(400, {"error_code": "INVALID_PARAMETER_VALUE", "message": "run_id is malformed"}))

    with pytest.raises(JobsRefused):
        await jobs.get_run(5, deadline)


async def test_answer_without_a_run_is_unknown(server: ScriptedServer, jobs: JobsClient, deadline: Deadline) -> None:
    """An empty object is no run, and no proof that there is none."""
    server.will(says(200, {}))

    with pytest.raises(JobsUnknown):
        await jobs.get_run(5, deadline)


async def test_only_web_addresses_become_links(server: ScriptedServer, jobs: JobsClient, deadline: Deadline) -> None:
    """The run's page is shown as a link."""
    server.will(says(200, {"run_id": 5, "run_page_url": "javascript:alert(1)"}))

    run = await jobs.get_run(5, deadline)

    assert run is not None
    assert run.page_url == ""


async def test_listing_follows_page_tokens_only(server: ScriptedServer, jobs: JobsClient, deadline: Deadline) -> None:
    """Pages may be short or empty; only the lack of a token ends the listing, whatever has_more says."""
    server.will(
        says(200, {"runs": [{"run_id": 9}, {"run_id": 8}], "next_page_token": "p/2+&=", "has_more": False}),
        says(200, {"next_page_token": "p3"}),
        says(200, {"runs": [{"run_id": 7}], "next_page_token": "", "has_more": True}),
    )

    runs = [run.run_id async for run in jobs.list_runs(7, deadline)]

    assert runs == [9, 8, 7]
    assert [request.query for request in server.received] == [
        {"job_id": "7", "limit": "25"},
        {"job_id": "7", "limit": "25", "page_token": "p/2+&="},
        {"job_id": "7", "limit": "25", "page_token": "p3"},
    ]


async def test_listing_may_be_narrowed(server: ScriptedServer, jobs: JobsClient, deadline: Deadline) -> None:
    """Times go out as epoch milliseconds, both ends included."""
    server.always(says(200, {}))
    start = datetime(2026, 11, 22, 12, 0, 0, 1_999, tzinfo=UTC)
    end = start + timedelta(hours=1)

    assert [run async for run in jobs.list_runs(7, deadline, started_after=start, started_before=end)] == []
    assert [run async for run in jobs.list_runs(7, deadline, active_only=True)] == []
    assert [run async for run in jobs.list_runs(7, deadline, completed_only=True)] == []

    times, active, completed = (request.query for request in server.received)
    assert (times["start_time_from"], times["start_time_to"]) == ("1795348800001", "1795352400001")
    assert active == {"job_id": "7", "limit": "25", "active_only": "true"}
    assert completed == {"job_id": "7", "limit": "25", "completed_only": "true"}


async def test_exclusive_filters_are_refused(server: ScriptedServer, jobs: JobsClient, deadline: Deadline) -> None:
    """A run is either active or completed."""
    with pytest.raises(ValueError, match="exclude"):
        [run async for run in jobs.list_runs(7, deadline, active_only=True, completed_only=True)]

    assert server.received == []


async def test_repeated_page_token_ends_the_listing(
    server: ScriptedServer, jobs: JobsClient, deadline: Deadline
) -> None:
    """A listing that goes round in circles is an error, not an endless one, nor a complete one."""
    server.always(says(200, {"runs": [{"run_id": 9}], "next_page_token": "again"}))

    with pytest.raises(JobsUnknown, match="repeats a page"):
        [run async for run in jobs.list_runs(7, deadline)]

    assert len(server.received) == 2


async def test_listing_ends_with_its_deadline(
    server: ScriptedServer, jobs: JobsClient, clock: ManualClock, deadline: Deadline
) -> None:
    """What follows the deadline is an error: a part must not pass for the whole."""
    server.always(says(200, {"runs": [{"run_id": 9}], "next_page_token": "more"}))

    async def read_slowly() -> None:
        async for _ in jobs.list_runs(7, deadline):
            clock.advance(60)

    with pytest.raises(JobsBusy, match="no time left"):
        await read_slowly()


async def test_run_without_id_fails_the_listing(server: ScriptedServer, jobs: JobsClient, deadline: Deadline) -> None:
    """A run left out in silence would look as if it had never been started."""
    server.will(says(200, {"runs": [{"job_id": 7}]}))

    with pytest.raises(JobsUnknown, match="no id"):
        [run async for run in jobs.list_runs(7, deadline)]


async def test_runs_of_a_missing_job_are_not_none(server: ScriptedServer, jobs: JobsClient, deadline: Deadline) -> None:
    """A job that does not exist is not a job without runs."""
    server.will(says(404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no"}))

    with pytest.raises(JobMissing):
        [run async for run in jobs.list_runs(7, deadline)]


async def test_output_is_read_from_the_task_run(server: ScriptedServer, jobs: JobsClient, deadline: Deadline) -> None:
    """What the notebook returned, and how it failed."""
    notebook = {"result": "GOT é.csv", "truncated": True}
    server.will(says(200, {"notebook_output": notebook, "error": "ValueError: x", "error_trace": "Traceback"}))

    output = await jobs.get_output(12, deadline)

    assert output == RunOutput(
        result="GOT é.csv", error="ValueError: x", error_trace="Traceback", logs="", truncated=True
    )
    assert server.received[0].target == "/api/2.2/jobs/runs/get-output?run_id=12"


async def test_large_output_is_read(server: ScriptedServer, jobs: JobsClient, deadline: Deadline) -> None:
    """A result may have 5 MB, more than other answers are allowed."""
    result = "x" * 5_000_000
    server.will(says(200, {"notebook_output": {"result": result, "truncated": False}}))

    output = await jobs.get_output(12, deadline)

    assert (output.result, output.truncated) == (result, False)


@pytest.mark.parametrize(
    "body",
    [b'{"run_id":5,"padding":"%b"}' % (b"x" * 10_000_000), b'{"run_id":5}' + b" " * 10_000_000],
    ids=["long value", "long blank"],
)
async def test_ten_megabytes_do_not_become_a_run(
    server: ScriptedServer, jobs: JobsClient, deadline: Deadline, body: bytes
) -> None:
    """Answers are bounded whether they have an end or not, and too long a one is not asked for again."""
    server.will(says(200, body))

    with pytest.raises(JobsUnknown, match="more than"):
        await jobs.get_run(5, deadline)

    assert len(server.received) == 1


async def test_output_of_a_job_run_is_refused(server: ScriptedServer, jobs: JobsClient, deadline: Deadline) -> None:
    """Databricks' own explanation is passed on."""
    message = "Retrieving the output of runs with multiple tasks is not supported."
    server.will(says(400, {"error_code": "INVALID_PARAMETER_VALUE", "message": message}))

    with pytest.raises(JobsRefused, match="multiple tasks"):
        await jobs.get_output(5, deadline)


async def test_cancelling_may_be_repeated(server: ScriptedServer, jobs: JobsClient, deadline: Deadline) -> None:
    """A cancel whose answer is lost is sent again."""
    server.will(says(502), says(200, {}))

    await jobs.cancel_run(5, deadline)

    assert [(request.target, request.body) for request in server.received] == [
        ("/api/2.2/jobs/runs/cancel", b'{"run_id":5}')
    ] * 2

"""runs/repair, and what runs/get tells of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared.clock import Deadline
from shared.errors import JobsRefused, JobsUnknown
from shared.jobs import JobsClient
from shared.model import RunRequest, Verdict
from tests.shared.jobs.scripted_server import ScriptedServer, says

FAILED: dict[str, Any] = {
    "state": "TERMINATED",
    "termination_details": {"code": "CLUSTER_ERROR", "type": "CLOUD_FAILURE"},
}
ORIGINAL = {"type": "ORIGINAL", "start_time": 1, "end_time": 2, "status": FAILED}


async def test_repair_sends_the_parameters_again(
    server: ScriptedServer, jobs: JobsClient, request_to_run: RunRequest, deadline: Deadline
) -> None:
    """Without them Databricks would run the failed tasks without their file; what only run-now takes is left out."""
    server.will(says(200, {"repair_id": "77"}))

    assert await jobs.repair_run(5, request_to_run, None, deadline) == 77

    assert server.paths == ["/api/2.2/jobs/runs/repair"]
    assert json.loads(server.received[0].body) == {
        "run_id": 5,
        "rerun_all_failed_tasks": True,
        "notebook_params": {"file_path": "crm/é 1.csv"},
    }


async def test_later_repair_names_the_last_one(
    server: ScriptedServer, jobs: JobsClient, request_to_run: RunRequest, deadline: Deadline
) -> None:
    """The fence against a second repair for one decision; a repetition within a call has the same."""
    server.will(says(500), says(200, {"repair_id": 78}))

    await jobs.repair_run(5, request_to_run, 77, deadline)

    assert [json.loads(request.body)["latest_repair_id"] for request in server.received] == [77, 77]


async def test_refused_repair_is_raised(
    server: ScriptedServer, jobs: JobsClient, request_to_run: RunRequest, deadline: Deadline
) -> None:
    """What Databricks says about it is for the reason of the failure."""
    message = "The latest repair ID needs to be provided in order to create a new repair"
    server.will(says(400, {"error_code": "INVALID_PARAMETER_VALUE", "message": message}))

    with pytest.raises(JobsRefused, match=message):
        await jobs.repair_run(5, request_to_run, None, deadline)


async def test_repair_without_an_id_is_unknown(
    server: ScriptedServer, jobs: JobsClient, request_to_run: RunRequest, deadline: Deadline
) -> None:
    """A 200 that names no repair proves nothing."""
    server.will(says(200, {}))

    with pytest.raises(JobsUnknown):
        await jobs.repair_run(5, request_to_run, None, deadline)


async def test_history_tells_the_last_repair(server: ScriptedServer, jobs: JobsClient, deadline: Deadline) -> None:
    """It is in the history with the original run, whose item has no id."""
    older = {"type": "REPAIR", "id": 99, "start_time": 3, "status": FAILED}
    newer = {"type": "REPAIR", "id": 12, "start_time": 4, "status": FAILED}
    server.will(says(200, {"run_id": 5, "status": FAILED, "repair_history": [ORIGINAL, newer, older]}))

    run = await jobs.get_run(5, deadline, history=True)

    assert run is not None
    assert (run.latest_repair_id, run.verdict, run.code) == (12, Verdict.FAILED, "CLUSTER_ERROR")
    assert server.received[0].query == {"run_id": "5", "include_history": "true"}


async def test_run_is_active_while_it_is_repaired(server: ScriptedServer, jobs: JobsClient, deadline: Deadline) -> None:
    """Should the run still tell its old end, the running repair counts."""
    repair = {"type": "REPAIR", "id": 99, "start_time": 3, "status": {"state": "RUNNING"}}
    server.will(says(200, {"run_id": 5, "status": FAILED, "repair_history": [ORIGINAL, repair]}))

    run = await jobs.get_run(5, deadline, history=True)

    assert run is not None
    assert (run.verdict, run.latest_repair_id) == (None, 99)


async def test_run_never_repaired_has_no_repair(server: ScriptedServer, jobs: JobsClient, deadline: Deadline) -> None:
    """The history of such a run holds the original alone."""
    server.will(says(200, {"run_id": 5, "status": FAILED, "repair_history": [ORIGINAL]}))

    run = await jobs.get_run(5, deadline, history=True)

    assert run is not None
    assert run.latest_repair_id is None


async def test_time_out_has_a_code_of_its_own(server: ScriptedServer, jobs: JobsClient, deadline: Deadline) -> None:
    """Its termination code is that of a run which somebody cancelled."""
    ended = {"state": "TERMINATED", "termination_details": {"code": "CANCELED"}}
    answer = {"run_id": 5, "status": ended, "state": {"life_cycle_state": "TERMINATED", "result_state": "TIMEDOUT"}}
    server.will(says(200, answer))

    run = await jobs.get_run(5, deadline)

    assert run is not None
    assert (run.verdict, run.code) == (Verdict.FAILED, "TIMEDOUT")

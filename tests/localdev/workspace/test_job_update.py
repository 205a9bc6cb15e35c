"""jobs/update: what it replaces, what it merges, and what it leaves."""

from __future__ import annotations

from typing import Any

import pytest

from localdev.workspace.errors import ApiError
from localdev.workspace.jobs import job_update
from localdev.workspace.scripted_runner import ScriptedRunner
from tests.localdev.workspace.kit import StandingClock, Workspace, started, task

Json = dict[str, Any]


async def changed(workspace: Workspace, job_id: int, **request: Any) -> Json:
    """Return a job's settings after an update."""
    answer = await workspace.post("update", {"job_id": job_id, **request})
    assert (answer.status_code, answer.json()) == (200, {}), answer.text
    return dict((await workspace.get("get", job_id=job_id)).json()["settings"])


async def test_fields_that_are_given_are_replaced_whole(scripted: Workspace) -> None:
    """https://docs.databricks.com/api/workspace/jobs/update: no partial update of nested fields."""
    job_id = await scripted.create(tags={"a": "1", "b": "2"}, description="kept")

    settings = await changed(scripted, job_id, new_settings={"tags": {"c": "3"}, "name": "New"})

    assert (settings["tags"], settings["name"], settings["description"]) == ({"c": "3"}, "New", "kept")
    assert [each["task_key"] for each in settings["tasks"]] == ["main"]


async def test_arrays_with_a_key_are_merged_by_it(scripted: Workspace) -> None:
    """A task of a known key is replaced whole, a new one is added, and the others stay."""
    job_id = await scripted.create(task("a", description="old", timeout_seconds=60), task("b"))

    settings = await changed(scripted, job_id, new_settings={"tasks": [task("a", max_retries=1), task("c", "b")]})

    assert [each["task_key"] for each in settings["tasks"]] == ["a", "b", "c"]
    assert settings["tasks"][0]["max_retries"] == 1
    assert "description" not in settings["tasks"][0]
    assert settings["tasks"][0]["timeout_seconds"] == 0


@pytest.mark.parametrize(
    ("name", "key"), [("job_clusters", "job_cluster_key"), ("environments", "environment_key"), ("parameters", "name")]
)
def test_other_arrays_are_merged_by_their_keys(name: str, key: str) -> None:
    """Each has a key of its own."""
    old = {name: [{key: "a", "x": 1}, {key: "b", "x": 2}]}

    merged = job_update.merged(old, {name: [{key: "b", "x": 3}, {key: "c", "x": 4}]}, [])

    assert merged[name] == [{key: "a", "x": 1}, {key: "b", "x": 3}, {key: "c", "x": 4}]


def test_triggers_are_replaced_whole() -> None:
    """They are an array too, and have no key."""
    assert job_update.merged({"triggers": [{"x": 1}]}, {"triggers": [{"y": 2}]}, []) == {"triggers": [{"y": 2}]}


async def test_fields_can_be_removed(scripted: Workspace) -> None:
    """Top-level ones by name, tasks and job clusters by their keys; what is not there needs no removing."""
    clusters = [{"job_cluster_key": "small", "new_cluster": {}}]
    job_id = await scripted.create(task("a"), task("b"), tags={"x": "y"}, job_clusters=clusters, max_concurrent_runs=7)
    remove = ["tags", "tasks/b", "job_clusters/small", "max_concurrent_runs", "schedule", "tasks/nothing"]

    settings = await changed(scripted, job_id, fields_to_remove=remove)

    assert "tags" not in settings
    assert not settings.get("job_clusters")
    assert settings["max_concurrent_runs"] == 1
    assert [each["task_key"] for each in settings["tasks"]] == ["a"]


@pytest.mark.parametrize("path", ["tags/x", "parameters/file", "tasks/"])
def test_other_nested_fields_cannot_be_removed(path: str) -> None:
    """The error names the path and the rule."""
    with pytest.raises(ApiError, match="Removing nested fields is not supported, except for tasks and job clusters"):
        job_update.merged({}, {}, [path])


async def test_update_that_breaks_a_job_changes_nothing(scripted: Workspace) -> None:
    """Taking away the task that another one needs is refused, and all stays as it was."""
    job_id = await scripted.create(task("a"), task("b", "a"))

    answer = await scripted.post("update", {"job_id": job_id, "fields_to_remove": ["tasks/a", "name"]})

    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    settings = (await scripted.get("get", job_id=job_id)).json()["settings"]
    assert (settings["name"], len(settings["tasks"])) == ("ETL", 2)


async def test_update_does_not_switch_queueing_on(scripted: Workspace) -> None:
    """The default of API 2.2 is for new jobs."""
    job_id = await scripted.create(version="2.1")

    settings = await changed(scripted, job_id, new_settings={"name": "New"})

    assert "queue" not in settings


async def test_update_of_a_missing_job_is_refused(scripted: Workspace) -> None:
    """In the words of every missing job."""
    answer = await scripted.post("update", {"job_id": 998, "new_settings": {}})

    assert (answer.status_code, answer.json()["message"]) == (400, "Job 998 does not exist.")


async def test_time_out_holds_for_active_runs_too(
    scripted: Workspace, runner: ScriptedRunner, clock: StandingClock
) -> None:
    """Of all fields timeout_seconds alone does: a name, for one, is that of the run's beginning."""
    job_id = await scripted.create()
    run_id = await scripted.run_now(job_id)
    await started(runner, 1)

    await changed(scripted, job_id, new_settings={"timeout_seconds": 60, "name": "New"})
    clock.advance(seconds=60)
    run = await scripted.ended(run_id)

    assert run["state"]["result_state"] == "TIMEDOUT"
    assert run["run_name"] == "ETL"

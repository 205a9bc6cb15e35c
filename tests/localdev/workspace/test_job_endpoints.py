"""jobs/create, get, list, reset and delete."""

from __future__ import annotations

from typing import Any

import pytest

from localdev.workspace.scripted_runner import ScriptedRunner
from tests.localdev.workspace.kit import START, StandingClock, Workspace, job, started, task

MILLIS = round(START.timestamp() * 1000)


async def test_created_job_can_be_read(scripted: Workspace) -> None:
    """jobs/get shows what jobs/create was given."""
    job_id = await scripted.create(task(description="Ingestion"), tags={"team": "x"})

    view = (await scripted.get("get", job_id=job_id)).json()

    assert (view["job_id"], view["created_time"]) == (job_id, MILLIS)
    assert view["settings"]["tags"] == {"team": "x"}
    assert view["settings"]["tasks"][0]["description"] == "Ingestion"
    assert view["settings"]["queue"] == {"enabled": True}


async def test_ids_are_longer_than_32_bits(scripted: Workspace) -> None:
    """A client that counts on less is found out here."""
    assert await scripted.create() > 2**32


@pytest.mark.parametrize("version", ["2.1", "2.2"])
async def test_missing_job_is_a_400(scripted: Workspace, version: str) -> None:
    """https://github.com/databricks/terraform-provider-databricks/issues/2225: no 404."""
    answer = await scripted.get("get", job_id=998, version=version)

    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert answer.json()["message"] == "Job 998 does not exist."


async def test_name_matches_whatever_its_case(scripted: Workspace) -> None:
    """The filter is exact but for case, and names need not be unique."""
    first = await scripted.create(name="ETL Pipeline Daily")
    second = await scripted.create(name="etl pipeline DAILY")
    await scripted.create(name="ETL Pipeline Daily 2")

    view = (await scripted.get("list", name="ETL pipeline daily")).json()

    assert [each["job_id"] for each in view["jobs"]] == [second, first]


async def test_empty_list_has_no_array(scripted: Workspace) -> None:
    """https://github.com/databricks/databricks-cli/issues/172."""
    assert (await scripted.get("list")).json() == {}


async def test_lists_come_in_pages(scripted: Workspace) -> None:
    """Each job is shown once, also when new ones come in between two pages."""
    made = [await scripted.create() for _ in range(5)]
    found: list[int] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        page = (await scripted.get("list", **query)).json()
        found += [each["job_id"] for each in page["jobs"]]
        if "next_page_token" not in page:
            break
        await scripted.create(name="meanwhile")
        query["page_token"] = page["next_page_token"]

    assert found == made[::-1]


async def test_list_shows_tasks_on_request(scripted: Workspace) -> None:
    """Settings come without their arrays unless expand_tasks is given."""
    await scripted.create()

    short = (await scripted.get("list")).json()["jobs"][0]["settings"]
    long = (await scripted.get("list", expand_tasks="true")).json()["jobs"][0]["settings"]

    assert "tasks" not in short
    assert len(long["tasks"]) == 1


@pytest.mark.parametrize(
    "query",
    [{"limit": 101}, {"limit": 0}, {"limit": "x"}, {"offset": 1}, {"page_token": "x"}, {"expand_tasks": "1"}],
    ids=str,
)
async def test_unusable_queries_are_refused(scripted: Workspace, query: dict[str, Any]) -> None:
    """A filter that is not understood is an error and not ignored."""
    assert (await scripted.get("list", **query)).status_code == 400


async def test_tasks_come_in_pages_of_a_hundred(scripted: Workspace) -> None:
    """https://docs.databricks.com/aws/en/reference/jobs-api-2-2-updates."""
    job_id = await scripted.create(*(task(f"t{number}") for number in range(130)))

    first = (await scripted.get("get", job_id=job_id)).json()
    second = (await scripted.get("get", job_id=job_id, page_token=first["next_page_token"])).json()
    former = await scripted.get("get", job_id=job_id, version="2.1")

    assert (len(first["settings"]["tasks"]), len(second["settings"]["tasks"])) == (100, 30)
    assert "next_page_token" not in second
    assert "API 2.2 and above" in former.json()["message"]


async def test_reset_replaces_all_settings(scripted: Workspace) -> None:
    """What is left out is gone, but for run_as, which the cloud keeps."""
    job_id = await scripted.create(tags={"a": "b"}, run_as={"user_name": "u"})

    answer = await scripted.post("reset", {"job_id": job_id, "new_settings": job(task("other"), name="New")})
    settings = (await scripted.get("get", job_id=job_id)).json()["settings"]

    assert answer.json() == {}
    assert (settings["name"], settings["tasks"][0]["task_key"]) == ("New", "other")
    assert "tags" not in settings
    assert settings["run_as"] == {"user_name": "u"}


async def test_reset_leaves_active_runs_alone(scripted: Workspace, runner: ScriptedRunner) -> None:
    """A run keeps the settings it was started with."""
    job_id = await scripted.create()
    run_id = await scripted.run_now(job_id)
    await started(runner, 1)
    await scripted.post("reset", {"job_id": job_id, "new_settings": job(task("other"))})
    runner.started[0].finish()

    run = await scripted.ended(run_id)

    assert [each["task_key"] for each in run["tasks"]] == ["main"]


async def test_reset_of_a_missing_job_is_refused(scripted: Workspace) -> None:
    """It does not create one."""
    answer = await scripted.post("reset", {"job_id": 998, "new_settings": job()})

    assert answer.json()["message"] == "Job 998 does not exist."


async def test_deleted_job_takes_its_runs_along(
    scripted: Workspace, runner: ScriptedRunner, clock: StandingClock
) -> None:
    """Neither it nor its history is seen any more, and what runs is ended."""
    del clock
    job_id = await scripted.create()
    run_id = await scripted.run_now(job_id)
    await started(runner, 1)

    answers = [await scripted.post("delete", {"job_id": job_id}) for _ in range(2)]
    await runner.started[0].wait()

    assert [answer.status_code for answer in answers] == [200, 200]
    assert (await scripted.get("get", job_id=job_id)).status_code == 400
    assert (await scripted.get("runs/get", run_id=run_id)).json()["message"] == f"Run {run_id} does not exist."
    assert (await scripted.get("runs/list")).json() == {}
    assert (await scripted.post("run-now", {"job_id": job_id})).status_code == 400

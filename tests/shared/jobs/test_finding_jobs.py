from __future__ import annotations

from typing import Any

import pytest

from shared.clock import Deadline
from shared.errors import JobMissing, JobsUnknown
from shared.jobs import Job, JobsClient
from tests.shared.jobs.scripted_server import ScriptedServer, says


def named(job_id: int, name: str) -> dict[str, Any]:
    """Return a job of jobs/list."""
    return {"job_id": job_id, "settings": {"name": name}}


async def test_job_is_found_by_its_exact_name(server: ScriptedServer, jobs: JobsClient, deadline: Deadline) -> None:
    """Databricks' filter ignores case; ours does not."""
    listed = [named(1, "ETL pipeline daily"), named(2, "ETL Pipeline Daily"), {"settings": {}}, "odd"]
    server.will(says(200, {"jobs": listed}))

    assert await jobs.find_job("ETL Pipeline Daily", deadline) == 2

    assert server.received[0].query == {"name": "ETL Pipeline Daily", "limit": "100"}


@pytest.mark.parametrize("name", ["a+b & c=d", "100%41", "é/?#;", "{{x}}", 'quo"te'])
async def test_name_reaches_databricks_unchanged(
    server: ScriptedServer, jobs: JobsClient, deadline: Deadline, name: str
) -> None:
    """Whatever characters a name has, it is encoded once."""
    server.will(says(200, {"jobs": [named(3, name)]}))

    assert await jobs.find_job(name, deadline) == 3

    assert server.received[0].query["name"] == name


async def test_job_on_a_later_page_is_found(server: ScriptedServer, jobs: JobsClient, deadline: Deadline) -> None:
    """Pages may be empty before the end."""
    server.will(says(200, {"next_page_token": "p2"}), says(200, {"jobs": [named(5, "daily")]}))

    assert await jobs.find_job("daily", deadline) == 5


@pytest.mark.parametrize("answer", [{}, {"jobs": []}, {"jobs": [named(1, "DAILY")]}], ids=str)
async def test_missing_job_is_told_by_name(
    server: ScriptedServer, jobs: JobsClient, deadline: Deadline, answer: object
) -> None:
    """The error names what was looked for."""
    server.will(says(200, answer))

    with pytest.raises(JobMissing, match="no job named daily"):
        await jobs.find_job("daily", deadline)


async def test_ambiguous_name_is_refused(server: ScriptedServer, jobs: JobsClient, deadline: Deadline) -> None:
    """Names need not be unique, and the wrong job must not run: the error lists the candidates of all pages."""
    server.will(
        says(200, {"jobs": [named(1, "daily")], "next_page_token": "p2"}), says(200, {"jobs": [named(2, "daily")]})
    )

    with pytest.raises(JobMissing, match="2 jobs are named daily: 1, 2"):
        await jobs.find_job("daily", deadline)


async def test_job_tells_whether_files_can_start_it(
    server: ScriptedServer, jobs: JobsClient, deadline: Deadline
) -> None:
    """The settings that later checks look at."""
    settings = {
        "name": "daily",
        "max_concurrent_runs": 0,
        "queue": {"enabled": True},
        "continuous": {"pause_status": "UNPAUSED"},
    }
    server.will(says(200, {"job_id": 7, "settings": settings}))

    job = await jobs.get_job(7, deadline)

    assert job == Job(id=7, name="daily", max_concurrent_runs=0, queue_enabled=True, is_continuous=True)
    assert server.received[0].target == "/api/2.2/jobs/get?job_id=7"


async def test_absent_job_settings_have_databricks_defaults(
    server: ScriptedServer, jobs: JobsClient, deadline: Deadline
) -> None:
    """One run at a time, no queue, not continuous."""
    server.will(says(200, {"job_id": "7", "settings": {"name": "daily"}}))

    job = await jobs.get_job(7, deadline)

    assert job == Job(id=7, name="daily", max_concurrent_runs=1, queue_enabled=False, is_continuous=False)


async def test_get_job_of_a_missing_job(server: ScriptedServer, jobs: JobsClient, deadline: Deadline) -> None:
    """A missing job is a 400 whose message says so."""
    server.will(says(400, {"error_code": "INVALID_PARAMETER_VALUE", "message": "Job 7 does not exist."}))

    with pytest.raises(JobMissing, match="Job 7"):
        await jobs.get_job(7, deadline)


async def test_answer_without_a_job_is_unknown(server: ScriptedServer, jobs: JobsClient, deadline: Deadline) -> None:
    """An empty object is no job."""
    server.will(says(200, {}))

    with pytest.raises(JobsUnknown):
        await jobs.get_job(7, deadline)

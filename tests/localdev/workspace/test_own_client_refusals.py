"""The service's own Jobs client over HTTP against what the workspace really answers, refusals above all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from localdev.workspace.scripted_runner import ScriptedRunner, failure
from shared.clock import Deadline
from shared.errors import JobMissing, JobsRefused, JobsUnauthorised
from shared.jobs import JobsClient, create_credentials, create_http_client, frozen_body
from shared.model import RunRequest, Verdict
from shared.secret import Secret
from shared.settings import read_settings
from tests.fakes.waiting import until_done
from tests.localdev.workspace.kit import TOKEN, StandingClock, Workspace, open_workspace, task, workspace_settings

ADA = "ada-canary"
Pair = tuple[Workspace, JobsClient]


@asynccontextmanager
async def both(folder: Path, clock: StandingClock, *, token: str = TOKEN, **settings: Any) -> AsyncIterator[Pair]:
    """Serve a workspace, and open a client that signs in with a token."""
    runner = ScriptedRunner({"bad": [failure()], "long": [None]})
    settings = {"users": {"ada": Secret(ADA)}, **settings}
    async with open_workspace(workspace_settings(folder, **settings), clock=clock, runner=runner) as workspace:
        environment = {
            "DATABRICKS_HOST": workspace.url,
            "DATABRICKS_TOKEN": token,
            "AzureWebJobsStorage": "UseDevelopmentStorage=true",
        }
        databricks, http = read_settings(environment).databricks, create_http_client()
        client = JobsClient(http, databricks, create_credentials(databricks, http, clock), clock)
        try:
            yield workspace, client
        finally:
            await client.aclose()


def asked(job_id: int, **fields: Any) -> RunRequest:
    """Return a request as the ledger keeps it: the same for the same job."""
    token = f"job-{job_id}"
    return RunRequest(job_id=job_id, token=token, body=frozen_body(job_id, token, fields))


async def has_runs(workspace: Workspace, job_id: int) -> bool:
    """Tell whether a job has started a run."""
    return "runs" in (await workspace.get("runs/list", job_id=job_id)).json()


def soon(clock: StandingClock) -> Deadline:
    """Return a deadline."""
    return Deadline(clock, 20)


async def test_missing_job_and_run_are_told_apart(tmp_path: Path, clock: StandingClock) -> None:
    """Both are a 400 in words; a run that is gone is an answer, and no error."""
    async with both(tmp_path, clock) as (_, client):
        with pytest.raises(JobMissing):
            await client.run_now(asked(998), soon(clock))
        with pytest.raises(JobMissing):
            await client.get_job(998, soon(clock))

        assert await client.get_run(998, soon(clock)) is None


async def test_missing_permission_says_what_to_grant(tmp_path: Path, clock: StandingClock) -> None:
    """A 403 that no new token would mend, also for a job that does not exist."""
    async with both(tmp_path, clock, token=ADA) as (workspace, client):
        for job_id in (await workspace.create(), 998):
            with pytest.raises(JobsUnauthorised) as caught:
                await client.run_now(asked(job_id), soon(clock))

            assert "CAN MANAGE RUN" in caught.value.hint


@pytest.mark.parametrize(
    "fields",
    [
        {"notebook_params": {"a": "x" * 10_000}},
        {"notebook_params": {"a": "b"}, "job_parameters": {"c": "d"}},
        {"notebook_params": "a"},
    ],
    ids=["too long", "together", "no object"],
)
async def test_unusable_parameters_are_refused_for_good(
    tmp_path: Path, clock: StandingClock, fields: dict[str, Any]
) -> None:
    """Sent again they would be refused again."""
    async with both(tmp_path, clock) as (workspace, client):
        with pytest.raises(JobsRefused) as caught:
            await client.run_now(asked(await workspace.create(), **fields), soon(clock))

    assert caught.value.status == 400


async def test_running_continuous_job_gives_no_run(tmp_path: Path, clock: StandingClock) -> None:
    """A 200 without a run id, as in the cloud."""
    async with both(tmp_path, clock) as (workspace, client):
        job_id = await workspace.create(task("long"), continuous={"pause_status": "UNPAUSED"})
        await until_done(lambda: has_runs(workspace, job_id))

        with pytest.raises(JobsRefused) as caught:
            await client.run_now(asked(job_id), soon(clock))

    assert "continuous" in caught.value.hint


async def test_older_workspace_is_asked_the_older_way(tmp_path: Path, clock: StandingClock) -> None:
    """A 404 without a code to 2.2 leads to 2.1."""
    async with both(tmp_path, clock, api_versions=("2.0", "2.1")) as (workspace, client):
        job_id = await workspace.create(version="2.1")

        run_id = await client.run_now(asked(job_id), soon(clock))

        run = await client.get_run(run_id, soon(clock))
        assert run is not None
        assert run.job_id == job_id


async def test_token_of_a_deleted_run_is_refused(tmp_path: Path, clock: StandingClock) -> None:
    """The one case in which the same token gives no run at all."""
    async with both(tmp_path, clock) as (workspace, client):
        request = asked(await workspace.create())
        run_id = await client.run_now(request, soon(clock))
        again = await client.run_now(request, soon(clock))
        await workspace.ended(run_id)
        await workspace.post("runs/delete", {"run_id": run_id})

        with pytest.raises(JobsRefused):
            await client.run_now(request, soon(clock))

    assert again == run_id


async def test_ends_of_runs_are_understood(tmp_path: Path, clock: StandingClock) -> None:
    """A failed notebook's INTERNAL_ERROR is its own failure; a skipped run, which has no result, never ran."""
    async with both(tmp_path, clock) as (workspace, client):
        jobs = [
            await workspace.create(),
            await workspace.create(task("bad")),
            await workspace.create(max_concurrent_runs=0),
        ]
        run_ids = [await client.run_now(asked(job_id), soon(clock)) for job_id in jobs]
        for run_id in run_ids:
            await workspace.ended(run_id)

        runs = [await client.get_run(run_id, soon(clock)) for run_id in run_ids]

    assert [run.verdict for run in runs if run] == [Verdict.SUCCEEDED, Verdict.FAILED, Verdict.NEVER_RAN]


async def test_every_run_is_listed_once_through_short_pages(tmp_path: Path, clock: StandingClock) -> None:
    """Only a missing page token ends a list, whatever a page holds."""
    async with both(tmp_path, clock, short_pages=True) as (workspace, client):
        job_id = await workspace.create(max_concurrent_runs=0)
        made = [await workspace.run_now(job_id) for _ in range(60)]

        pages = [[run.run_id for run in page] async for page in client.list_run_pages(job_id, soon(clock))]

    assert [run_id for page in pages for run_id in page] == made[::-1]
    assert len(pages) > 60 / 25 + 1

"""The published rates, when the owner wants them kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from localdev.workspace.api.api_table import ENDPOINTS
from localdev.workspace.api.rate_limits import CREATIONS_AN_HOUR, LIMITS, RateLimits
from localdev.workspace.errors import ApiError
from localdev.workspace.scripted_runner import ScriptedRunner
from tests.localdev.workspace.kit import StandingClock, Workspace, open_without_wire, workspace_settings

CREATE = ("POST", "jobs/create")


@pytest.fixture
async def limited(tmp_path: Path, clock: StandingClock) -> AsyncIterator[Workspace]:
    """Open a workspace that keeps to the published rates."""
    settings = workspace_settings(tmp_path, rate_limits=True)
    async with open_without_wire(settings, clock=clock, runner=ScriptedRunner()) as workspace:
        yield workspace


async def test_more_than_the_published_rate_is_a_429(limited: Workspace, clock: StandingClock) -> None:
    """run-now takes twenty a second, says so, and takes twenty more a second later."""
    job_id = await limited.create(max_concurrent_runs=0)
    first = [await limited.post("run-now", {"job_id": job_id}) for _ in range(21)]
    clock.advance(seconds=1)

    second = [await limited.post("run-now", {"job_id": job_id}) for _ in range(21)]

    for answers in (first, second):
        assert Counter(each.status_code for each in answers) == {200: 20, 429: 1}
        assert answers[-1].json()["error_code"] == "RESOURCE_EXHAUSTED"
        assert answers[-1].headers["retry-after"] == "1"
    assert len((await limited.get("runs/list", limit=25)).json()["runs"]) == 25


async def test_each_endpoint_has_a_rate_of_its_own(limited: Workspace) -> None:
    """One that is used up leaves the others alone."""
    for _ in range(6):
        exhausted = await limited.post("runs/cancel-all", {"all_queued_runs": True})

    other = await limited.post("runs/cancel", {"run_id": 1})

    assert (exhausted.status_code, other.status_code) == (429, 400)


async def test_rates_are_off_unless_wanted(scripted: Workspace) -> None:
    """A test of something else is not throttled by surprise."""
    answers = [await scripted.get("list") for _ in range(30)]

    assert {each.status_code for each in answers} == {200}


def test_bucket_fills_with_time(clock: StandingClock) -> None:
    """Half a second gives half of a second's requests, and a long rest no more than a second's."""
    rates = RateLimits(clock)

    def taken() -> int:
        for count in range(1000):
            try:
                rates.take(CREATE)
            except ApiError:
                return count
        return 1000

    counts = [taken()]
    clock.advance(seconds=0.5)
    counts.append(taken())
    clock.advance(hours=2)
    counts.append(taken())

    assert counts == [20, 10, 20]


def test_creations_have_a_limit_an_hour(clock: StandingClock) -> None:
    """Submitted runs count too: a 400 in Databricks' words, and not a 429."""
    rates = RateLimits(clock)
    for number in range(CREATIONS_AN_HOUR):
        rates.take(CREATE if number % 2 else ("POST", "jobs/runs/submit"))
        clock.advance(seconds=0.1)

    with pytest.raises(ApiError, match="There were already 10000 jobs created in past 3600 seconds") as refused:
        rates.take(CREATE)

    assert (refused.value.status, refused.value.error_code) == (400, "INVALID_STATE")
    clock.advance(hours=1)
    rates.take(CREATE)


def test_limits_name_real_endpoints() -> None:
    """A misspelt one would limit nothing."""
    assert set(LIMITS) <= set(ENDPOINTS)

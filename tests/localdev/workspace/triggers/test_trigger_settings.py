"""What jobs/create says of schedules and triggers, over the API."""

from __future__ import annotations

from datetime import timedelta, timezone
from pathlib import PurePosixPath
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from localdev.workspace.errors import ApiError
from localdev.workspace.triggers.place import ContainerFolder, Folder, NoPlace, Place, read_place
from localdev.workspace.triggers.zones import zone_of
from tests.fakes.waiting import until_done
from tests.localdev.workspace.kit import StandingClock, Workspace, settings_of

HOURLY = {"quartz_cron_expression": "0 0 * * * ?", "timezone_id": "UTC"}
FILES = {"file_arrival": {"url": "/Volumes/main/landing/files"}}


def with_timer(name: str, seconds: int) -> dict[str, Any]:
    """Return a file arrival trigger with a timer."""
    return {"file_arrival": {**FILES["file_arrival"], name: seconds}}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"schedule": {**HOURLY, "quartz_cron_expression": "0 0 0 * * MON"}},
            "Invalid quartz_cron_expression: 0 0 0 * * MON. Databricks uses Quartz cron syntax, which is different",
        ),
        ({"schedule": {**HOURLY, "timezone_id": "Mars/Olympus"}}, "Invalid timezone_id: Mars/Olympus."),
        ({"schedule": {"timezone_id": "UTC"}}, "quartz_cron_expression is missing"),
        ({"schedule": {"quartz_cron_expression": "0 0 * * * ?"}}, "timezone_id is missing"),
        ({"schedule": {**HOURLY, "pause_status": "STOPPED"}}, "must be one of UNPAUSED, PAUSED"),
        ({"schedule": HOURLY, "continuous": {}}, "this job has schedule and continuous"),
        ({"schedule": HOURLY, "trigger": FILES}, "this job has schedule and trigger"),
        ({"trigger": FILES, "continuous": {}}, "this job has trigger and continuous"),
        ({"trigger": {"pause_status": "PAUSED"}}, "exactly one of file_arrival and periodic"),
        ({"trigger": with_timer("min_time_between_triggers_seconds", 59)}, "is 59; it must be at least 60"),
        ({"trigger": with_timer("wait_after_last_change_seconds", 1)}, "is 1; it must be at least 60"),
        ({"trigger": {"file_arrival": {}}}, "url is missing"),
        ({"trigger": {"file_arrival": {"url": "/Volumes/a/b/c/*.csv"}}}, "wildcards are not supported"),
        ({"trigger": {"periodic": {"interval": 0, "unit": "HOURS"}}}, "interval is 0"),
        ({"trigger": {"periodic": {"interval": 1, "unit": "SECONDS"}}}, "MINUTES, HOURS, DAYS, WEEKS"),
        ({"trigger": {"table_update": {"table_names": ["a.b.c"]}}}, "trigger.table_update is not supported"),
        ({"triggers": [{"periodic": {"interval": 1, "unit": "HOURS"}}]}, "triggers (several of them for one job)"),
        ({"continuous": {"task_retry_mode": "ON_FAILURE"}}, "task_retry_mode ON_FAILURE is not supported"),
    ],
)
def test_wrong_trigger_is_refused(settings: dict[str, Any], message: str) -> None:
    """The refusal comes with the job and not with the first run that never starts."""
    with pytest.raises(ApiError) as refused:
        settings_of(**settings)

    assert (refused.value.status, refused.value.error_code) == (400, "INVALID_PARAMETER_VALUE")
    assert message in refused.value.message


def test_refused_expression_says_where_and_why() -> None:
    """Databricks' sentence does not: the words of Quartz and the place come after it."""
    with pytest.raises(ApiError) as refused:
        settings_of(schedule={**HOURLY, "quartz_cron_expression": "0 0 25 * * ?"})

    assert refused.value.message.endswith("(Hour values must be between 0 and 23, at character 5)")


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("file:/data/in", Folder(PurePosixPath("/data/in"), in_dbfs=False)),
        ("file:///data/a%20b", Folder(PurePosixPath("/data/a b"), in_dbfs=False)),
        ("/Volumes/main/landing/in/", Folder(PurePosixPath("Volumes/main/landing/in"), in_dbfs=True)),
        ("dbfs:/in/2026", Folder(PurePosixPath("in/2026"), in_dbfs=True)),
        ("abfss://landing@lake.dfs.core.windows.net/in", ContainerFolder("lake", "landing", "in/")),
        ("abfss://landing@lake.dfs.core.windows.net", ContainerFolder("lake", "landing", "")),
        ("https://lake.blob.core.windows.net/landing/in/a", ContainerFolder("lake", "landing", "in/a/")),
        ("http://127.0.0.1:10000/devstoreaccount1/landing/in/", ContainerFolder("devstoreaccount1", "landing", "in/")),
    ],
)
def test_url_names_a_place(url: str, place: Place) -> None:
    """A path names a folder, with or without a slash at its end."""
    assert read_place(url) == place


@pytest.mark.parametrize(
    "url",
    [
        "landing",
        "/data/in",
        "s3://bucket/in",
        "file://host/in",
        "file:in",
        "/Volumes/../../etc",
        "file:/data/%2e%2e/etc",
        "dbfs:/../x",
        "http://lake.example/landing",
        "abfss://lake.dfs.core.windows.net/in",
        "https://lake.blob.core.windows.net/UPPER/in",
        "https://[::1/x",
    ],
)
def test_url_of_no_place_is_refused(url: str) -> None:
    """Nothing outside of a volume is looked at through it, and no secret goes over an open line."""
    with pytest.raises(NoPlace):
        read_place(url)


def test_zones_have_their_java_names() -> None:
    """Names of the tz database, Java's old short ones and offsets from GMT; nothing else is taken for GMT."""
    assert zone_of("Europe/Paris") == ZoneInfo("Europe/Paris")
    assert zone_of("PST") == ZoneInfo("America/Los_Angeles")
    assert zone_of("GMT+2") == timezone(timedelta(hours=2))
    assert zone_of("GMT-03:30") == timezone(-timedelta(hours=3, minutes=30))
    assert [zone_of(name) for name in ("Europe", "../UTC", "GMT+24", "", "Nowhere/City", "/etc/passwd")] == [None] * 6


async def test_run_tells_its_trigger(scripted: Workspace, clock: StandingClock) -> None:
    """runs/get says PERIODIC of a run that a schedule started."""
    job_id = await scripted.create(schedule=HOURLY)
    runs: list[Any] = []

    async def has_run() -> bool:
        clock.advance(hours=1)
        runs[:] = (await scripted.get("runs/list", job_id=job_id)).json().get("runs", [])
        return bool(runs)

    await until_done(has_run)

    assert runs[0]["trigger"] == "PERIODIC"


async def test_job_tells_the_state_of_its_trigger(scripted: Workspace) -> None:
    """jobs/get with include_trigger_state says that no file events stand behind a file arrival trigger."""
    job_id = await scripted.create(trigger=FILES)

    job = (await scripted.get("get", job_id=job_id, include_trigger_state="true")).json()

    assert job["trigger_state"] == {"file_arrival": {"using_file_events": False}, "pause_status": "UNPAUSED"}

"""Databricks' job notifications: hints, and nothing more."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import LedgerUnavailable
from shared.model import Result, State, Verdict
from shared.settle import Received
from shared.settle.run_hints import LONGEST_BODY, RunHint, hint_of
from tests.fakes.world import World

SECRET = "correct horse"
# As docs/jobs/notifications shows it: https://docs.databricks.com/aws/en/jobs/notifications
FAILURE: dict[str, Any] = {
    "event_type": "jobs.on_failure",
    "workspace_id": 1234567890123456,
    "run": {"run_id": 101},
    "job": {"job_id": 7, "name": "ETL"},
}
TASK = {**FAILURE, "run": {"run_id": 1011, "parent_run_id": 101}, "task": {"task_key": "main"}}


def basic(password: str, user: str = "databricks") -> str:
    """Return the header that a notification destination sends."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


async def told(world: World, notification: object = FAILURE, authorization: str = basic(SECRET)) -> Received:
    """Deliver a notification."""
    return await world.run_hints.receive(authorization, json.dumps(notification).encode(), world.deadline())


@pytest.fixture
async def world() -> World:
    """Return a service over fakes, with a secret and one running run, number 101."""
    world = World(DATABRICKS_WEBHOOK_SECRET=SECRET)
    await world.drop("landing/crm/a.csv")
    return world


async def test_hint_settles_its_run_now(world: World) -> None:
    """The result stands beside the file without a pass, and without its being due."""
    world.databricks.end(101, Verdict.FAILED, "INTERNAL_ERROR/FAILED")

    assert await told(world) is Received.LOOKED
    assert (await world.only_entry()).result is Result.FAILED


async def test_hint_is_not_believed(world: World) -> None:
    """What says that a run has failed settles nothing while the run itself is running."""
    assert await told(world) is Received.LOOKED

    entry = await world.only_entry()
    assert entry.state is State.SUBMITTED
    assert entry.due_at is not None
    assert entry.due_at > world.clock.now()


async def test_repeated_hint_is_harmless(world: World) -> None:
    """Nothing is known of how often Databricks sends one."""
    world.databricks.end(101, Verdict.SUCCEEDED)

    outcomes = [await told(world) for _ in range(3)]

    assert outcomes == [Received.LOOKED, Received.IGNORED, Received.IGNORED]
    assert world.databricks.calls["get_run"] == 1


@pytest.mark.parametrize(
    "notification",
    [
        {**FAILURE, "event_type": "jobs.on_start"},
        {**FAILURE, "event_type": "jobs.on_duration_warning_threshold_exceeded"},
        {**FAILURE, "event_type": "jobs.on_something_new"},
        {**FAILURE, "run": {"run_id": 555}},
        {**FAILURE, "run": {"run_id": "x\ny"}},
        {**FAILURE, "run": None},
        TASK,
        {"text": "Azure Databricks test notification"},
        [],
        "jobs.on_failure",
    ],
    ids=lambda value: str(value)[:40],
)
async def test_anything_else_is_ignored(world: World, notification: object) -> None:
    """Other events, other people's runs and nonsense cost no call to Databricks."""
    world.databricks.end(101, Verdict.SUCCEEDED)

    assert await told(world, notification) is Received.IGNORED
    assert world.databricks.calls["get_run"] == 0


@pytest.mark.parametrize(
    "authorization",
    ["", basic(""), basic("wrong"), basic(SECRET + " "), "Basic", "Basic ####", f"Bearer {SECRET}", "Basic YQ", SECRET],
)
async def test_stranger_learns_nothing(world: World, authorization: str, caplog: pytest.LogCaptureFixture) -> None:
    """Without the password nothing is read, and what was tried is not logged."""
    calls = world.table.calls

    assert await told(world, authorization=authorization) is Received.STRANGER
    assert world.table.calls == calls
    assert [record.getMessage() for record in caplog.records] == ["hint.refused"]


async def test_user_name_does_not_matter(world: World) -> None:
    """Databricks asks for one; the password is the secret, colons included."""
    other = World(DATABRICKS_WEBHOOK_SECRET="a:b")

    assert await told(world, authorization=basic(SECRET, user="")) is Received.LOOKED
    assert await told(other, authorization=basic("a:b")) is Received.IGNORED


@pytest.mark.parametrize("authorization", ["", basic("")])
async def test_door_without_secret_is_shut(authorization: str) -> None:
    """An empty secret opens to nobody, least of all to an empty password."""
    assert await told(World(), authorization=authorization) is Received.SHUT


async def test_large_body_is_not_parsed(world: World) -> None:
    """A notification has some 300 bytes."""
    assert await told(world, {**FAILURE, "job": {"name": "x" * LONGEST_BODY}}) is Received.TOO_LARGE


async def test_burst_of_hints_reads_the_ledger_once(world: World) -> None:
    """Runs end together: one look at the open entries serves them all, and a stranger's runs cost none."""
    for number in range(20):
        await world.drop(f"landing/crm/{number}.csv")
    for run_id in world.databricks.runs:
        world.databricks.end(run_id, Verdict.SUCCEEDED)
    calls = world.table.calls
    for run_id in [*world.databricks.runs, 555, 556]:
        await told(world, {**FAILURE, "run": {"run_id": run_id}})

    looks = 2 * 4  # rules and shards
    assert {entry.state for entry in await world.all_entries()} == {State.SETTLED}
    assert world.table.calls - calls <= looks + 21 * 2 + 60  # a read and a write each, and what this test reads


async def test_later_run_is_found_by_a_later_look(world: World) -> None:
    """What was open a few seconds ago is not for ever what is open."""
    await told(world)
    await world.drop("landing/crm/b.csv")
    world.databricks.end(102, Verdict.SUCCEEDED)
    world.clock.advance(10)

    assert await told(world, {**FAILURE, "run": {"run_id": 102}}) is Received.LOOKED


async def test_ledger_that_is_away_is_an_error(world: World) -> None:
    """Then nobody can tell whose run it is, and Databricks may send it again."""
    world.table.down = True

    with pytest.raises(LedgerUnavailable):
        await told(world)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_read(body: bytes) -> None:
    """Whatever comes, reading it raises nothing."""
    assert isinstance(hint_of(body), str | RunHint)


def test_real_payload_names_its_run() -> None:
    """Of a job's own notification; a task's names the run of the task."""
    assert hint_of(json.dumps(FAILURE).encode()) == RunHint(101)
    assert hint_of(json.dumps(TASK).encode()) == "a task has ended, and not its run"

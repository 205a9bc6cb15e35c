"""The door for Databricks' job notifications: genuine azure.functions objects in, run hints behind."""

from __future__ import annotations

import asyncio
import base64
import json
from types import SimpleNamespace
from typing import Any, cast

import azure.functions as func
import pytest

from functions.http_databricks import _STATUS, http_databricks
from shared import wiring
from shared.errors import Fault, SettingsError
from shared.model import Result, Verdict
from shared.settle import Received
from tests.fakes.world import World

SECRET = "correct horse"


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """Return a service over fakes behind the door, with one run that has succeeded, number 101."""
    world = World(DATABRICKS_WEBHOOK_SECRET=SECRET)
    behind(world, monkeypatch)
    await world.drop("landing/crm/a.csv")
    world.databricks.end(101, Verdict.SUCCEEDED)
    return world


def behind(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a service behind the door."""
    service = SimpleNamespace(run_hints=world.run_hints, dispatch_deadline=world.deadline)
    services = {asyncio.get_running_loop(): cast("wiring.Service", service)}
    monkeypatch.setattr(wiring, "_services", services)


async def post(password: str = SECRET, body: bytes | None = None) -> func.HttpResponse:
    """Deliver the notification of run 101, or another body, as Databricks does."""
    notification = {"event_type": "jobs.on_success", "run": {"run_id": 101}, "job": {"job_id": 7, "name": "ETL"}}
    headers = {"Authorization": "Basic " + base64.b64encode(f"databricks:{password}".encode()).decode()}
    content = json.dumps(notification).encode() if body is None else body
    request = func.HttpRequest("POST", "http://localhost/api/databricks", headers=headers, body=content)
    return cast("func.HttpResponse", await cast("Any", http_databricks)(request))


async def test_notification_settles_its_run(world: World) -> None:
    """The door answers 200 with nothing, and the result is there."""
    answer = await post()

    assert (answer.status_code, answer.get_body()) == (200, b"")
    assert (await world.only_entry()).result is Result.SUCCEEDED


@pytest.mark.usefixtures("world")
async def test_anything_with_the_password_is_taken() -> None:
    """An error would make Databricks, or a person, try to mend what is not broken."""
    assert (await post(body=b"\xff\x00 no JSON")).status_code == 200


async def test_wrong_password_is_refused(world: World) -> None:
    """It is told how to sign in, and nothing else."""
    answer = await post("wrong")

    assert (answer.status_code, answer.get_body()) == (401, b"")
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="landfall"'
    assert (await world.only_entry()).result is None


async def test_door_without_secret_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has not set a secret has not opened the door."""
    behind(World(), monkeypatch)

    assert (await post("")).status_code == 404


async def test_ledger_that_is_away_is_said(world: World) -> None:
    """503 is the one answer after which another delivery makes sense; the reason is for our log."""
    world.table.down = True

    answer = await post()

    assert (answer.status_code, answer.get_body()) == (503, b"")


async def test_unusable_configuration_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong with the settings is for our log, and not for whoever knocks at an open door."""
    monkeypatch.setattr(wiring, "_services", {})
    monkeypatch.setattr(wiring, "build", _refuse)

    answer = await post()

    assert (answer.status_code, answer.get_body()) == (503, b"")


def _refuse(_: object) -> object:
    raise SettingsError("settings", [Fault("DATABRICKS_HOST is missing.")])


def test_every_outcome_has_an_answer() -> None:
    """The door's table is held against what run hints can say."""
    assert set(_STATUS) == set(Received)

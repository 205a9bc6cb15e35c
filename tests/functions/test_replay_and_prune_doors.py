"""The doors of replay and prune: JSON in, the use case behind, JSON out."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import azure.functions as func
import pytest

from functions.http_prunes import http_prunes
from functions.http_replays import http_replays
from shared import wiring
from shared.errors import Fault, SettingsError
from shared.model import Entry, Result, State
from tests.fakes.world import World


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """Return a service over fakes, behind the doors."""
    world = World()
    service = SimpleNamespace(
        replayer=world.replayer,
        redriver=world.redriver,
        pruner=world.pruner,
        bookkeeping=world.bookkeeping,
        clock=world.clock,
        dispatch_deadline=world.deadline,
    )
    services = {asyncio.get_running_loop(): cast("wiring.Service", service)}
    monkeypatch.setattr(wiring, "_services", services)
    return world


async def post(door: object, body: object = None) -> tuple[int, Any]:
    """Open a door with a JSON body and return the code and the JSON of the answer."""
    sent = b"" if body is None else json.dumps(body).encode()
    response = await cast("Any", door)(func.HttpRequest("POST", "http://localhost/api/x", body=sent))
    assert response.mimetype == "application/json"
    return response.status_code, json.loads(response.get_body())


async def failed(world: World) -> Entry:
    """Return an entry whose run has failed."""
    claim = await world.drop("landing/crm/\u202ea.csv")
    return await world.entries.move(
        claim.entry, state=State.SETTLED, result=Result.FAILED, due_at=None, settled_at=world.clock.now()
    )


async def test_replay_door_opens_and_starts(world: World) -> None:
    """202 with what is open again; it is started at once, and the ledger says through which door."""
    entry = await failed(world)

    code, answer = await post(http_replays, {"entry": entry.key[:12], "asked_by": "ada"})

    assert code == 202
    assert [one["entry"] for one in answer["reopened"]] == [entry.key]
    assert answer["started"] == {"submitted": 1}
    assert (await world.only_entry()).generation == 2


async def test_replay_door_says_when_nothing_is_opened(world: World) -> None:
    """200, with nothing opened and nothing started."""
    entry = await failed(world)

    code, answer = await post(http_replays, {"rule": "crm", "dry_run": True})

    assert code == 200
    assert (answer["dry_run"], len(answer["reopened"]), answer["started"]) == (True, 1, {})
    assert await world.only_entry() == entry


@pytest.mark.parametrize("door", [http_replays, http_prunes])
@pytest.mark.usefixtures("world")
async def test_all_faults_of_a_request_are_named(door: object) -> None:
    """400, each with what to write, at once."""
    code, answer = await post(door, {"dry_run": "maybe", "limitt": 5})

    assert code == 400
    assert [fault.split()[0] for fault in answer["errors"]] == ["`limitt`", "`dry_run`:"]


@pytest.mark.parametrize(("door", "body"), [(http_replays, {"rule": "crm"}), (http_prunes, None)])
async def test_ledger_that_is_down_is_unavailable(world: World, door: object, body: object) -> None:
    """503: ask again later."""
    world.table.down = True

    code, answer = await post(door, body)

    assert code == 503
    assert "down" in answer["error"]


@pytest.mark.parametrize("door", [http_replays, http_prunes])
async def test_unusable_configuration_is_told(door: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without settings there is no service: the door says what is missing."""
    monkeypatch.setattr(wiring, "_services", {})
    monkeypatch.setattr(wiring, "build", _refuse)

    code, answer = await post(door)

    assert code == 503
    assert "settings" in answer["error"]


def _refuse(_: object) -> object:
    raise SettingsError("settings", [Fault("DATABRICKS_HOST is missing.")])


async def test_prune_door_removes_what_is_old(world: World) -> None:
    """It answers what is gone, by rule."""
    await failed(world)
    world.clock.advance(timedelta(days=200).total_seconds())
    await world.bookkeeping.activate("crm", world.clock.now())

    code, answer = await post(http_prunes)

    assert code == 200
    assert answer == {
        "dry_run": False,
        "complete": True,
        "rules": {"crm": {"entries": 1, "heads": 1}},
        "failures": {},
    }
    assert await world.all_entries() == []

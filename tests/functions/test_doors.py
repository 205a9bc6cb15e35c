"""The doors: genuine azure.functions objects in, use cases behind, nothing else."""

from __future__ import annotations

import asyncio
import json
from typing import Any, cast

import azure.functions as func
import pytest

from functions.http_status import http_status
from functions.on_blob_event import on_blob_event
from functions.on_reconcile_timer import on_reconcile_timer
from functions.on_sweep_shard import on_sweep_shard
from shared import wiring
from shared.errors import LedgerUnavailable, SettingsError
from shared.model import State
from tests.fakes.world import World, event_body


class PastDueTimer(func.TimerRequest):
    """A timer that fires late."""

    @property
    def past_due(self) -> bool:
        """Tell that it is late."""
        return True


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """Return a service over fakes, behind the doors."""
    return behind_the_doors(World(), monkeypatch)


def behind_the_doors(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Make a world the service that doors find."""
    services = {asyncio.get_running_loop(): cast("wiring.Service", _Service(world))}
    monkeypatch.setattr(wiring, "_services", services)
    return world


class _Service:
    """What doors use of a service, from a world of fakes."""

    def __init__(self, world: World) -> None:
        self.intake, self.redriver, self.reconciler, self.status = (
            world.intake,
            world.redriver,
            world.reconciler,
            world.status,
        )
        self.sweeper, self.gatherer = world.sweeper, world.gatherer
        self.backfiller = world.backfiller
        self.dispatch_deadline = world.deadline


async def get(**parameters: str) -> tuple[int, Any]:
    """Ask for the status and return the code and the JSON of the answer."""
    request = func.HttpRequest("GET", "http://localhost/api/status", params=parameters, body=b"")
    response = await cast("Any", http_status)(request)
    assert response.mimetype == "application/json"
    return response.status_code, json.loads(response.get_body())


async def test_event_door_starts_the_job(world: World) -> None:
    """The raw body of an event goes to intake."""
    arrival = world.landing.upload("landing/crm/a.csv")

    await cast("Any", on_blob_event)(event_body(arrival))

    assert (await world.only_entry()).state is State.SUBMITTED


@pytest.mark.parametrize("body", ["", "not JSON", "[]", '{"eventType": "Microsoft.Storage.BlobDeleted"}'])
async def test_event_door_takes_anything(world: World, body: str) -> None:
    """Bad input is answered with success: Event Grid must not deliver it for a day (rule R7)."""
    await cast("Any", on_blob_event)(body)

    assert await world.all_entries() == []


async def test_event_door_raises_when_nothing_could_be_claimed(world: World) -> None:
    """Only a raised error makes Event Grid deliver again (rule R7)."""
    arrival = world.landing.upload("landing/crm/a.csv")
    world.table.down = True

    with pytest.raises(LedgerUnavailable):
        await cast("Any", on_blob_event)(event_body(arrival))


async def test_timer_door_runs_a_pass(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """The timer runs one pass, and says when it came late."""
    await cast("Any", on_reconcile_timer)(PastDueTimer())

    assert await world.bookkeeping.last_pass() is not None
    assert "timer.past_due" in caplog.text


async def test_shard_door_sweeps_what_the_pass_has_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file whose event was lost is found by whoever receives the message of its shard, and by nobody before."""
    world = behind_the_doors(World(SWEEP_QUEUE_ABOVE="0"), monkeypatch)
    await world.drop("landing/crm/known.csv")
    await world.reconciler.run()  # how much there is to list is known after the first round
    world.clock.advance(60)
    missed = world.landing.upload("landing/crm/missed.csv")
    world.clock.advance(3600)
    await world.reconciler.run()
    before = [entry.arrival.path for entry in await world.all_entries()]

    for message in world.queue.take():
        await cast("Any", on_sweep_shard)(message)

    assert missed.path not in before
    assert [entry.arrival.path for entry in await world.all_entries()] == [*before, missed.path]


@pytest.mark.parametrize("message", ["", "not JSON", "{}", '{"kind": "quick", "round": "long ago", "shard": 1}'])
async def test_shard_door_takes_anything(world: World, message: str) -> None:
    """A message that names no shard of ours is done with, and not received again and again."""
    await cast("Any", on_sweep_shard)(message)

    assert world.queue.sent == []


async def test_shard_door_raises_when_the_ledger_is_away(world: World) -> None:
    """A raised error makes the host receive the message again."""
    world.table.down = True

    with pytest.raises(LedgerUnavailable):
        await cast("Any", on_sweep_shard)('{"kind": "quick", "round": "r", "shard": 1}')


async def test_status_door_answers_json(world: World) -> None:
    """The status of every rule, for the window that is asked for."""
    await world.drop("landing/crm/a.csv")

    code, body = await get(window="7d")

    assert code == 200
    assert body["since"] == "2026-11-15T12:00:00.000+00:00"
    assert [rule["rule"] for rule in body["rules"]] == ["crm", "erp"]


async def test_status_door_refuses_a_window_it_cannot_read(world: World) -> None:
    """A wrong parameter is the caller's mistake and says what to write."""
    del world

    code, body = await get(window="soon")

    assert (code, body) == (
        400,
        {"error": "window: it must be a number and a unit, such as 90s, 5m, 48h or 7d"},
    )


async def test_status_door_says_when_the_ledger_is_away(world: World) -> None:
    """A dead ledger is an answer of its own, for monitors."""
    world.table.down = True

    code, body = await get()

    assert code == 503
    assert body["error"] == "the ledger is down"


async def test_unset_settings_are_one_clear_error() -> None:
    """Without settings a door says what is missing, and the event is delivered again when they are there."""
    with pytest.raises(SettingsError, match="DATABRICKS_HOST is missing"):
        await cast("Any", on_blob_event)("[]")

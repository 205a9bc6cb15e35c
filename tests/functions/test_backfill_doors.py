"""The doors of backfills: JSON in, the use case behind, JSON out."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import Any, cast

import azure.functions as func
import pytest

from functions.http_backfill import http_backfill
from functions.http_backfills import http_backfills
from shared import wiring
from tests.fakes.world import World

DAY = 86400.0


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """Return a service over fakes, behind the doors, whose rules are younger than two files."""
    world = World()
    for name in ("a", "b"):
        world.landing.upload(f"landing/crm/{name}.csv")
    world.clock.advance(DAY)
    await world.reconciler.run()
    service = SimpleNamespace(backfill_orders=world.backfill_orders, backfiller=world.backfiller, clock=world.clock)
    services = {asyncio.get_running_loop(): cast("wiring.Service", service)}
    monkeypatch.setattr(wiring, "_services", services)
    return world


async def ask(method: str, body: object = None, *, identity: str = "") -> tuple[int, Any]:
    """Send a request to the collection, or to one of it; return the code and the JSON of the answer."""
    sent = b"" if body is None else json.dumps(body).encode()
    url = "http://localhost/api/backfills"
    door = http_backfill if identity else http_backfills
    request = func.HttpRequest(method, url, route_params={"id": identity} if identity else {}, body=sent)
    response = await cast("Any", door)(request)
    assert response.mimetype == "application/json"
    return response.status_code, json.loads(response.get_body())


async def test_post_writes_it_down_and_the_passes_do_it(world: World) -> None:
    """202 at once; nobody waits for the listing."""
    code, asked = await ask("POST", {"rule": "crm", "since": "7d", "limit": 5, "asked_by": "ada"})

    assert code == 202
    assert (asked["state"], asked["rule"], asked["asked_by"], asked["counts"]) == ("running", "crm", "ada", {})
    assert await world.all_entries() == []
    await world.reconciler.run()
    assert len(await world.all_entries()) == 2
    code, done = await ask("GET", identity=asked["id"])
    assert (code, done["state"], done["counts"]["claimed"]) == (200, "done", 2)


async def test_dry_run_answers_what_would_be_claimed(world: World) -> None:
    """200 with the counts, and nothing is written."""
    code, told = await ask("POST", {"rule": "crm", "dry_run": True})

    assert (code, told["counts"]) == (200, {"listed": 2, "claimed": 2})
    assert await world.all_entries() == []
    assert (await ask("GET"))[1] == {"backfills": []}


async def test_list_has_the_newest_first(world: World) -> None:
    """The dashboard shows what was asked for of late."""
    for rule in ("crm", "erp"):
        await ask("POST", {"rule": rule})
        world.clock.advance(1)

    code, listed = await ask("GET")

    assert (code, [each["rule"] for each in listed["backfills"]]) == (200, ["erp", "crm"])


async def test_delete_calls_it_off(world: World) -> None:
    """A backfill that was called off claims nothing more, and calling it off twice is harmless."""
    _, asked = await ask("POST", {"rule": "crm"})

    first = await ask("DELETE", identity=asked["id"])
    second = await ask("DELETE", identity=asked["id"])
    await world.reconciler.run()

    assert first[0] == second[0] == 200
    assert first[1]["state"] == second[1]["state"] == "cancelled"
    assert await world.all_entries() == []


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ([], "The body must be a JSON object"),
        ({}, "No rule is named"),
        ({"rule": "crm", "form": 1}, "`form` is no field"),
        ({"rule": "crn"}, "Did you mean `crm`?"),
        ({"rule": "crm", "since": "soon"}, "`since`: it must be a length of time ago"),
        ({"rule": "crm", "since": "1d", "until": "2d"}, "Nothing is from"),
        ({"rule": "crm", "limit": 0}, "The limit is `0`"),
        ({"rule": "crm", "limit": 10**4000}, "it must be from 1 to 1000000000"),
        ({"rule": "crm", "limit": True}, "`limit`: it must be a whole number"),
        ({"rule": "crm", "rate": 0}, "The rate is 0"),
        ({"rule": "crm", "rate": 10**400}, "`rate`: it is no number"),
        ({"rule": "crm", "prefix": "landing/crm/\ud800"}, "half a character"),
        ({f"stranger-{number}" * 30: 1 for number in range(99)}, "is no field"),
        ({"rule": "crm", "prefix": "landing/erp/"}, "nothing of it is below `landing/erp/`"),
        ({"rule": "crm", "prefix": "/crm"}, "names no container"),
        ({"rule": "crm", "prefix": "$logs/x"}, "No rule watches the container"),
        ({"rule": "crm", "asked_by": "a\nb"}, "printable"),
    ],
)
async def test_wrong_request_is_refused_with_what_is_wrong(world: World, body: object, told: str) -> None:
    """400 names the fault, and nothing is written."""
    code, answer = await ask("POST", body)

    assert code == 400
    assert told in " ".join(answer["errors"])
    assert await world.backfills.running() == []


@pytest.mark.parametrize("identity", ["20261122T120000-abc", "../x", "O|x", "\u202e" * 300])
async def test_unknown_id_is_not_found(world: World, identity: str) -> None:
    """An id that nobody gave is nobody's, whatever characters it has."""
    del world

    assert (await ask("GET", identity=identity))[0] == 404
    assert (await ask("DELETE", identity=identity))[0] == 404


async def test_dead_ledger_is_an_answer(world: World) -> None:
    """503 says that it may be tried again."""
    world.table.down = True

    assert (await ask("POST", {"rule": "crm"}))[0] == 503
    assert (await ask("GET"))[0] == 503
    assert (await ask("GET", identity="20261122T120000-abc"))[0] == 503

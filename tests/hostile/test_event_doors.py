"""Bad events at every door that takes events: the live one, its webhook, and the files of dead letters."""

from __future__ import annotations

import asyncio
import json
import logging
from datetime import UTC, datetime
from typing import Any, cast

import httpx
import pytest
from azure.functions.meta import Datum
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from functions.on_blob_event import on_blob_event
from localdev.functions_host.app_functions import AppFunction
from localdev.functions_host.event_grid_webhook import EventGridWebhook, PayloadUnusable
from localdev.functions_host.invocation import Invocation
from shared.dead_letter_file import read_dead_letters
from shared.events import MOST_EVENTS, Ignored, read_events
from tests.fakes.world import World
from tests.hostile import tally
from tests.hostile.corpus import FILE, Delivery, deliveries, event, label
from tests.hostile.service import behind_the_doors

RULES = """
version: 1
rules:
  - name: everything
    path: "*/**"
    job: {id: 7}
    notebook_params: {path: "{blob.path}", etag: "{blob.etag}", type: "{blob.content_type}", id: "{event.id}"}
"""
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
CASES = pytest.mark.parametrize("sent", deliveries(), ids=label)
# Of an event that is an arrival: a claim, its duplicate, its count, its request and what is learnt beside it.
MOST_CALLS_PER_EVENT = 8
LONGEST_LINE = 20_000


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """Return a service behind the doors whose only rule wants everything."""
    return behind_the_doors(World(RULES), monkeypatch)


def prepare(world: World, sent: Delivery) -> None:
    """Make the landing account what a case wants it to be."""
    if sent.landing == "file":
        world.landing.upload(f"landing/{FILE}")
    elif sent.landing == "copying":
        world.landing.start_copy(f"landing/{FILE}")


def facts(caplog: pytest.LogCaptureFixture, name: str) -> list[str]:
    """Return the lines of the log that tell one fact."""
    return [line for line in logged(caplog) if line.split(" ", 1)[0] == name]


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return every line that the service has logged."""
    return [record.getMessage() for record in caplog.records if record.name == "landfall"]


async def check(world: World, sent: Delivery, caplog: pytest.LogCaptureFixture) -> None:
    """Compare what came of a delivery with what must come of it."""
    assert world.table.calls <= max(1, sent.events) * MOST_CALLS_PER_EVENT
    ignored = facts(caplog, "event.ignored")
    assert len(ignored) == sent.ignored_in_all
    for part, line in zip(sent.ignored, ignored, strict=False):
        assert part in line
    assert len(facts(caplog, "arrival.vanished")) == sent.vanished
    assert len(facts(caplog, "arrival.duplicate")) == sent.duplicates
    assert facts(caplog, "arrival.unmatched") == []
    assert len(await world.all_entries()) == sent.entries
    assert len(world.databricks.runs) == sent.runs
    assert world.databricks.calls["run_now"] == sent.runs
    assert all(line.isprintable() and len(line) < LONGEST_LINE for line in logged(caplog))


@CASES
async def test_live_door_takes_it(sent: Delivery, world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing that is delivered raises: each event ends as an entry, a counted duplicate or one line (rule R7).

    A line is a line, and what one event costs of ledger and log is bounded, whatever it holds.
    """
    caplog.set_level(logging.INFO, "landfall")
    prepare(world, sent)

    await cast("Any", on_blob_event)(sent.text)

    await check(world, sent, caplog)
    tally.count("corpus")


@pytest.mark.parametrize("sent", [sent for sent in deliveries() if sent.events < MOST_EVENTS], ids=label)
async def test_webhook_never_answers_a_client_error(
    sent: Delivery, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """A 4xx would drop the event at once, and a 500 bring it again for a day: it is 202, and the same comes of it.

    Only what is no JSON does not reach us: the host's own extension fails on it, before any code of the app.
    """
    caplog.set_level(logging.INFO, "landfall")
    prepare(world, sent)

    answer = await posted(sent.body)

    if sent.is_refused_by_host:
        assert answer is None
        assert await world.all_entries() == []
    else:
        assert answer == 202
        assert len(world.databricks.runs) == sent.runs
        assert len(await world.all_entries()) == sent.entries
    tally.count("corpus")


async def posted(body: bytes) -> int | None:
    """Post a body to the webhook of the door, as Event Grid does; return the status, None where the host fails."""
    one_at_a_time = asyncio.Lock()  # what comes of events that race each other is another test's

    async def run(function: AppFunction, datum: Datum) -> Invocation:
        async with one_at_a_time:
            await cast("Any", on_blob_event)(datum.value)
        return Invocation(function=function.name, invocation_id="i", seconds=0, outputs={})

    webhook = EventGridWebhook({"on_blob_event": _door()}, run)

    async def endpoint(request: Request) -> Response:
        return await webhook.answer(request, await request.body())

    app = Starlette(routes=[Route("/runtime/webhooks/EventGrid", endpoint, methods=["POST"])])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://host") as client:
        try:
            answer = await client.post(
                "/runtime/webhooks/EventGrid",
                params={"functionName": "on_blob_event"},
                headers={"aeg-event-type": "Notification"},
                content=body,
            )
        except PayloadUnusable:
            return None
    return answer.status_code


def _door() -> AppFunction:
    """Return the door as the webhook looks at it: its name and its trigger."""

    class Door:
        name, trigger_type, runs = "on_blob_event", "eventGridTrigger", True

    return cast("AppFunction", Door())


@CASES
def test_dead_letters_say_the_same(sent: Delivery) -> None:
    """A file of dead letters holds what was delivered: what starts something live does so there, and nothing raises."""
    live = [found for found in read_events(sent.text, NOW) if not isinstance(found, Ignored)]

    read = read_dead_letters(sent.body)

    again = [found for letter in read.letters for found in read_events(letter.body, NOW)]
    assert [found for found in again if not isinstance(found, Ignored)] == live
    assert read.letters or read.fault
    assert read.fault.isprintable()
    tally.count("corpus")


@pytest.mark.usefixtures("world")
async def test_events_beyond_a_delivery_are_left_to_the_sweep(caplog: pytest.LogCaptureFixture) -> None:
    """No delivery has more than 5,000 events: a body of a million would fill the log and the bill."""
    caplog.set_level(logging.INFO, "landfall")
    body = "[" + ",".join(["{}"] * (MOST_EVENTS + 7)) + "]"

    await cast("Any", on_blob_event)(body)

    ignored = facts(caplog, "event.ignored")
    assert len(ignored) == MOST_EVENTS + 1
    assert f"{MOST_EVENTS + 7} events" in ignored[-1]


async def test_defect_in_one_event_spares_the_others(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever one event meets, those after it in the body are claimed before Event Grid is asked to come again."""
    accept, met = world.intake.accept, 0

    async def broken_once(*arguments: Any, **named: Any) -> Any:
        nonlocal met
        met += 1
        if met == 1:
            raise KeyError("a defect")
        return await accept(*arguments, **named)

    monkeypatch.setattr(world.intake, "accept", broken_once)
    body = json.dumps([event(id=str(n), subject=f"{event()['subject']}{n}") for n in range(3)])

    with pytest.raises(Exception, match=r"KeyError|a defect"):
        await cast("Any", on_blob_event)(body)

    assert len(await world.all_entries()) == 2

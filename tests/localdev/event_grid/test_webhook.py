"""Requests look like Event Grid's, whatever comes back is an answer, and a webhook is asked first."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from localdev.event_grid.event_bodies import Schema
from localdev.event_grid.faults import Malformation
from localdev.event_grid.handshake import HandshakeFailed, shake_hands
from localdev.event_grid.webhook import Parcel, Webhook, functions_url
from shared.events import Ignored, read_events
from shared.model import Arrival
from tests.fakes.manual_clock import START, ManualClock
from tests.localdev.event_grid.receiver import Receiver
from tests.localdev.event_grid.samples import event, factory


@asynccontextmanager
async def webhook(url: str, schema: Schema = Schema.EVENT_GRID, patience: float = 10) -> AsyncIterator[Webhook]:
    """Yield a webhook of the subscription `landfall`."""
    async with Webhook(url, subscription="landfall", schema=schema, timeout=patience, connections=4) as opened:
        yield opened


async def test_event_is_delivered_as_event_grid_does(receiver: Receiver) -> None:
    """An array of one event, with the headers of public captures."""
    sent = event("día 1/a#b.csv")
    async with webhook(receiver.url) as target:
        answer = await target.deliver(Parcel(events=(sent,)), 2)

    (request,) = receiver.received
    assert answer.success
    assert json.loads(request.body) == [sent.document]
    assert "functionName=on_blob_event" in request.query
    assert {name: request.headers[name] for name in request.headers if name.startswith("aeg-")} == {
        "aeg-event-type": "Notification",
        "aeg-subscription-name": "LANDFALL",
        "aeg-data-version": "",
        "aeg-metadata-version": "1",
        "aeg-delivery-count": "2",
    }
    assert request.headers["Content-Type"] == "application/json; charset=utf-8"


async def test_cloud_event_is_delivered_bare(receiver: Receiver) -> None:
    """A single CloudEvent is an object and not an array, of its own content type."""
    sent = event(schema=Schema.CLOUD_EVENTS)
    async with webhook(receiver.url, Schema.CLOUD_EVENTS) as target:
        await target.deliver(Parcel(events=(sent,)), 0)

    (request,) = receiver.received
    assert json.loads(request.body) == sent.document
    assert request.headers["Content-Type"] == "application/cloudevents+json; charset=utf-8"


@pytest.mark.parametrize("schema", list(Schema))
async def test_batch_is_an_array(receiver: Receiver, schema: Schema) -> None:
    """Several events travel in one array, in order."""
    events = tuple(event(f"{number}.csv", schema=schema) for number in range(3))
    async with webhook(receiver.url, schema) as target:
        await target.deliver(Parcel(events=events), 0)

    assert json.loads(receiver.received[0].body) == [sent.document for sent in events]


@pytest.mark.parametrize("malformation", list(Malformation))
@pytest.mark.parametrize("schema", list(Schema))
async def test_malformed_event_starts_nothing(receiver: Receiver, malformation: Malformation, schema: Schema) -> None:
    """Landfall's decoder takes no malformed event for an arrival, and the same event unharmed for one."""
    sent = event("a.csv", schema=schema)
    async with webhook(receiver.url, schema) as target:
        await target.deliver(Parcel(events=(sent,), malformation=malformation), 0)
        await target.deliver(Parcel(events=(sent,)), 0)

    damaged, whole = (list(read_events(request.body.decode(), START)) for request in receiver.received)
    assert [type(found) for found in damaged] == [Ignored]
    assert [type(found) for found in whole] == [Arrival]


async def test_status_is_the_answer(receiver: Receiver) -> None:
    """An error of the webhook is an answer like any other; redirects are not followed."""
    receiver.answers = [500, 302]
    async with webhook(receiver.url) as target:
        answers = [await target.deliver(Parcel(events=(event(),)), 0) for _ in range(2)]

    assert [answer.status for answer in answers] == [500, 302]
    assert len(receiver.received) == 2


async def test_late_answer_is_a_time_out(receiver: Receiver) -> None:
    """A webhook that does not answer in time has not answered."""
    receiver.gate.clear()
    async with webhook(receiver.url, patience=0.1) as target:
        answer = await target.deliver(Parcel(events=(event(),)), 0)

    assert (answer.status, answer.outcome) == (0, "TimedOut")


async def test_nobody_there_is_a_socket_error() -> None:
    """A refused connection is an answer too."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"http://127.0.0.1:{closed.getsockname()[1]}/"
    async with webhook(address) as target:
        answer = await target.deliver(Parcel(events=(event(),)), 0)

    assert (answer.status, answer.outcome) == (0, "SocketError")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("http://127.0.0.1:7071", "http://127.0.0.1:7071/runtime/webhooks/EventGrid?functionName=on_blob_event"),
        ("127.0.0.1:7071/", "http://127.0.0.1:7071/runtime/webhooks/EventGrid?functionName=on_blob_event"),
        ("https://h/api/x?code=s", "https://h/api/x?code=s"),
    ],
)
def test_host_alone_means_its_event_grid_trigger(address: str, expected: str) -> None:
    """The address of a Functions host is enough; a URL with a path is taken as it is."""
    assert functions_url(address, "on_blob_event") == expected


async def test_webhook_must_return_the_code(receiver: Receiver, clock: ManualClock) -> None:
    """The Event Grid schema validates by a code that only the webhook has been told."""
    async with webhook(receiver.url) as target:
        await shake_hands(target, factory(), clock, 60)

    (request,) = receiver.validations
    (document,) = request.documents
    assert request.headers["aeg-event-type"] == "SubscriptionValidation"
    assert document["eventType"] == "Microsoft.EventGrid.SubscriptionValidationEvent"
    assert len(document["data"]["validationCode"]) == 36


async def test_webhook_must_allow_our_origin(receiver: Receiver, clock: ManualClock) -> None:
    """CloudEvents validate by an OPTIONS request that names who is asking."""
    async with webhook(receiver.url, Schema.CLOUD_EVENTS) as target:
        await shake_hands(target, factory(), clock, 60)

    (request,) = receiver.validations
    assert request.method == "OPTIONS"
    assert request.headers["WebHook-Request-Origin"] == "eventgrid.azure.net"


async def test_host_that_is_starting_is_waited_for(
    receiver: Receiver, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Refusals are tried again, with one line for each new reason."""
    receiver.validation_answers = [503, 503, 503, 404, 200]
    with caplog.at_level(logging.INFO):
        async with webhook(receiver.url) as target:
            await shake_hands(target, factory(), clock, 60)

    told = [message for message in caplog.messages if message.startswith("eventgrid.")]
    assert len(receiver.validations) == 5
    assert [line.split()[0] for line in told] == [
        "eventgrid.handshake_failed",
        "eventgrid.handshake_failed",
        "eventgrid.handshake_done",
    ]
    assert not [line for line in told if "not-for-logs" in line]


@pytest.mark.parametrize(
    ("response", "words"),
    [
        ('{"validationResponse": "guess"}', "another validationResponse"),
        ("{}", "without"),
        ("[1]", "without"),
        ("?", "without"),
    ],
)
async def test_wrong_code_is_a_refusal(receiver: Receiver, clock: ManualClock, response: str, words: str) -> None:
    """Only the very code that was sent validates; the error says what came and what to look at."""
    receiver.validation_response = lambda _: response
    async with webhook(receiver.url) as target:
        with pytest.raises(HandshakeFailed, match=words) as caught:
            await shake_hands(target, factory(), clock, 3)

    assert "within 3 s" in str(caught.value)
    assert "not-for-logs" not in str(caught.value)
    assert caught.value.hint


async def test_accepted_is_not_validated(receiver: Receiver, clock: ManualClock) -> None:
    """A 202 to the validation is a refusal, as in Azure."""
    receiver.validation_answers = [202] * 100
    async with webhook(receiver.url) as target:
        with pytest.raises(HandshakeFailed, match="HTTP 202"):
            await shake_hands(target, factory(), clock, 3)


async def test_foreign_origin_is_a_refusal(receiver: Receiver, clock: ManualClock) -> None:
    """A webhook that allows somebody else does not want our CloudEvents."""
    receiver.allowed_origin = "example.com"
    async with webhook(receiver.url, Schema.CLOUD_EVENTS) as target:
        with pytest.raises(HandshakeFailed, match=r"'example\.com'"):
            await shake_hands(target, factory(), clock, 3)

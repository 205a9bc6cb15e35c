"""The Event Grid webhook: handshakes, deliveries, and what is refused."""

from __future__ import annotations

import asyncio
import json
import logging
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.localdev.functions_host.sample import SETTINGS, event
from tests.localdev.functions_host.serving import served
from tests.localdev.functions_host.signature_apps import EVENT, HEADER

if TYPE_CHECKING:
    import httpx

HOOK = "/runtime/webhooks/EventGrid"
BLOB_CREATED = event("eg_BlobCreated_PutBlockList")


async def deliver(
    client: httpx.AsyncClient, body: Any, *, kind: str | None = "Notification", function: str = "on_text"
) -> httpx.Response:
    """Post a payload as Event Grid does."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"aeg-event-type": kind} if kind else {}
    return await client.post(HOOK, params={"functionName": function}, content=content, headers=headers)


async def test_delivered_event_is_accepted() -> None:
    """An event, bare or in a list, is answered with 202 when its function succeeds."""
    async with served() as (_, client):
        bare, listed = await deliver(client, BLOB_CREATED), await deliver(client, [BLOB_CREATED])

    assert (bare.status_code, listed.status_code) == (202, 202)


async def test_events_of_a_delivery_run_at_the_same_time(tmp_path: Path) -> None:
    """Each event of a list is a run of its own, and all of them are started at once."""
    (tmp_path / "function_app.py").write_text(
        HEADER + "import asyncio\nmet = asyncio.Barrier(3)\n" + EVENT + "async def f(event: str): await met.wait()",
        "utf-8",
    )

    async with served(tmp_path) as (_, client):
        answer = await asyncio.wait_for(deliver(client, [{"id": str(n)} for n in range(3)], function="f"), 10)

    assert answer.status_code == 202


async def test_one_failure_fails_the_delivery(caplog: pytest.LogCaptureFixture) -> None:
    """When one run fails the answer is 500 with a message that names the function; the others have run all the same."""
    caplog.set_level(logging.INFO, "landfall_host")
    async with served() as (_, client):
        answer = await deliver(client, [{"id": "1"}, {"id": "fail"}, {"id": "3"}])

    assert answer.status_code == 500
    assert answer.text == "Exception while executing function: Functions.on_text"
    assert caplog.text.count("function.succeeded") == 2
    assert caplog.text.count("function.failed") == 1


async def test_empty_delivery_is_accepted() -> None:
    """A list without events is answered with 202."""
    async with served() as (_, client):
        assert (await deliver(client, [])).status_code == 202


@pytest.mark.parametrize("body", [b"", b"{", b"12", b'"text"', b"null", b"[" * 100_000, b"1" * 5000])
async def test_malformed_body_is_a_bare_500(body: bytes) -> None:
    """A body that is no event and no list of events is answered with 500 and nothing more, as an exception is."""
    async with served() as (_, client):
        answer = await deliver(client, body)

    assert (answer.status_code, answer.content) == (500, b"")


@pytest.mark.parametrize("element", [1, "text", None, [1]])
async def test_element_that_is_no_object_reaches_the_function(element: object) -> None:
    """What a list holds is passed on as it is: whether it is an event, the function finds out."""
    async with served() as (_, client):
        text = await deliver(client, [element])
        converted = await deliver(client, [element], function="on_event")

    assert text.status_code == 202
    assert converted.status_code in {202, 500}


async def test_extension_is_found_whatever_its_case() -> None:
    """The extension's name has no case; the function's has."""
    async with served() as (_, client):
        headers = {"aeg-event-type": "notification"}
        lower = await client.post("/runtime/webhooks/eventgrid?FunctionName=on_text", json={}, headers=headers)
        other = await client.post(f"{HOOK}?functionName=On_Text", json={}, headers=headers)
        unknown = await client.post("/runtime/webhooks/blobs?functionName=on_text", json={}, headers=headers)

    assert (lower.status_code, other.status_code, unknown.status_code) == (202, 404, 404)
    assert other.text == "cannot find function: 'On_Text'"


@pytest.mark.parametrize("function", ["", "nowhere", "on_timer", "hello", "on_text,on_event"])
async def test_function_that_event_grid_does_not_trigger_is_not_found(function: str) -> None:
    """Only functions with an Event Grid trigger are found."""
    async with served() as (_, client):
        assert (await deliver(client, {}, function=function)).status_code == 404


async def test_disabled_function_is_not_found() -> None:
    """A disabled function does not listen."""
    async with served(settings={**SETTINGS, "AzureWebJobs.on_text.Disabled": "true"}) as (_, client):
        assert (await deliver(client, {})).status_code == 404


@pytest.mark.parametrize("kind", [None, "", "Other"])
async def test_delivery_of_no_known_kind_is_refused(kind: str | None) -> None:
    """A request without aeg-event-type, or with an unknown one, is answered with 400."""
    async with served() as (_, client):
        assert (await deliver(client, BLOB_CREATED, kind=kind)).status_code == 400


async def test_unsubscribe_is_accepted() -> None:
    """The end of a subscription is answered with 202."""
    async with served() as (_, client):
        assert (await deliver(client, b"", kind="Unsubscribe")).status_code == 202


async def test_event_grid_handshake_returns_the_code() -> None:
    """A subscription's validation event is answered with its code."""
    validation = event("eg_SubscriptionValidation")

    async with served() as (_, client):
        answer = await deliver(client, [validation], kind="SubscriptionValidation")

    assert answer.status_code == 200
    assert answer.json() == {"validationResponse": validation["data"]["validationCode"]}


async def test_cloud_event_handshake_returns_the_code() -> None:
    """A validation in the CloudEvents schema holds its data as JSON text."""
    body = {"specversion": "1.0", "data": json.dumps({"validationCode": "code-1"})}

    async with served() as (_, client):
        answer = await deliver(client, body, kind="SubscriptionValidation")

    assert answer.json() == {"validationResponse": "code-1"}


@pytest.mark.parametrize("body", [[], [{}], {"data": "no json"}, {"data": {}}, [1]])
async def test_handshake_without_a_code_is_a_bare_500(body: Any) -> None:
    """A validation that holds no code is answered as an exception is."""
    async with served() as (_, client):
        answer = await deliver(client, body, kind="SubscriptionValidation")

    assert (answer.status_code, answer.content) == (500, b"")


@pytest.mark.parametrize(
    ("asked", "allowed"),
    [
        (None, "eventgrid.azure.net"),
        ("eventgrid.azure.us", "eventgrid.azure.us"),
        ("evil.example", "eventgrid.azure.net"),
    ],
)
async def test_cloud_event_options_name_the_origin(asked: str | None, allowed: str) -> None:
    """OPTIONS, the CloudEvents handshake, allows Event Grid's own origins and no other."""
    async with served() as (_, client):
        headers = {"webhook-request-origin": asked} if asked else {}
        answer = await client.options(HOOK, params={"functionName": "on_text"}, headers=headers)

    assert answer.status_code == 200
    assert answer.headers["webhook-allowed-origin"] == allowed


async def test_method_that_no_webhook_has_is_not_found() -> None:
    """PATCH is not among the webhooks' methods."""
    async with served() as (_, client):
        assert (await client.patch(HOOK)).status_code == 404


async def test_timed_out_run_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that took too long fails the delivery with a message of its own."""
    (tmp_path / "function_app.py").write_text(
        HEADER + "import asyncio\n" + EVENT + "async def f(event: str): await asyncio.Event().wait()", "utf-8"
    )

    async with served(tmp_path) as (host, client):
        monkeypatch.setattr(host._invoker, "_timeout", timedelta(milliseconds=20))
        answer = await deliver(client, {}, function="f")

    assert answer.status_code == 500
    assert "Timeout value" in answer.text

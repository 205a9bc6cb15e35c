"""The proof that a webhook wants events, which Event Grid asks for before it delivers any.

https://learn.microsoft.com/azure/event-grid/end-point-validation-event-grid-events-schema and
https://github.com/cloudevents/spec/blob/v1.0/http-webhook.md. The manual way, by validationUrl, is not simulated.
"""

from __future__ import annotations

import json
from uuid import uuid4

import httpx
from azure.eventgrid import SystemEventNames

from localdev.event_grid.event_bodies import EventFactory, Schema, timestamp
from localdev.event_grid.webhook import ORIGIN, Webhook
from shared.clock import Clock, Deadline
from shared.errors import LandfallError
from shared.logs import fact, warning

VALIDATION = SystemEventNames.EventGridSubscriptionValidationEventName.value
_PAUSE = 0.5  # seconds between two tries


class HandshakeFailed(LandfallError):
    """The webhook did not say that it wants events."""


async def shake_hands(webhook: Webhook, events: EventFactory, clock: Clock, patience: float) -> None:
    """Return when the webhook has validated, trying again for `patience` seconds: its host may be starting.

    Raises HandshakeFailed with the last answer. Azure tries once, when the event subscription is created.
    """
    deadline = Deadline(clock, patience)
    before = ""
    while refusal := await _refusal(webhook, events, clock):
        if refusal != before:
            warning("eventgrid.handshake_failed", webhook=webhook.address, reason=refusal)
            before = refusal
        if deadline.passed():
            raise HandshakeFailed(
                f"{webhook.address} did not validate within {patience:.0f} s: {refusal}.",
                hint="Is the Functions host running, and is the function's name in the URL in its exact case?",
            )
        await clock.sleep(_PAUSE)
    fact("eventgrid.handshake_done", webhook=webhook.address, schema=webhook.schema)


async def _refusal(webhook: Webhook, events: EventFactory, clock: Clock) -> str:
    """Try once; return why the webhook is not valid, "" if it is."""
    if webhook.schema is Schema.CLOUD_EVENTS:
        return await _ask_for_consent(webhook)
    return await _ask_for_code(webhook, events, clock)


async def _ask_for_code(webhook: Webhook, events: EventFactory, clock: Clock) -> str:
    code = str(uuid4())
    event = events.envelope(str(uuid4()), VALIDATION, "", timestamp(clock.now()), {"validationCode": code})
    body = json.dumps([event]).encode()
    answer, response = await webhook.send("POST", webhook.headers("SubscriptionValidation"), body)
    if response is None or answer.status != httpx.codes.OK:  # 202 is not accepted here
        return _described(answer.status, answer.outcome)
    try:
        returned = response.json()["validationResponse"]
    except (ValueError, KeyError, TypeError):
        return "HTTP 200 without a validationResponse"
    return "" if returned == code else "HTTP 200 with another validationResponse than the code we sent"


async def _ask_for_consent(webhook: Webhook) -> str:
    headers = {"WebHook-Request-Origin": ORIGIN, "WebHook-Request-Rate": "120"}
    answer, response = await webhook.send("OPTIONS", headers, b"")
    if response is None or not answer.success:
        return _described(answer.status, answer.outcome)
    allowed = response.headers.get("WebHook-Allowed-Origin", "")
    return "" if allowed in {ORIGIN, "*"} else f"WebHook-Allowed-Origin is {allowed!r} and not {ORIGIN}"


def _described(status: int, outcome: str) -> str:
    return f"HTTP {status}" if status else outcome

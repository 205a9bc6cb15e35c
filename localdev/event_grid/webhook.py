"""One attempt to deliver events over HTTP, with the headers and the body that Event Grid sends.

Header names and values are those of public captures: the subscription's name in upper case, `aeg-delivery-count` 0
at the first attempt. https://learn.microsoft.com/azure/event-grid/delivery-properties
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

import httpx

from localdev.event_grid.event_bodies import Event, Schema
from localdev.event_grid.faults import Malformation
from localdev.event_grid.retry_policy import Answer

ORIGIN = "eventgrid.azure.net"
FUNCTIONS_PATH = "/runtime/webhooks/EventGrid"
_TIMED_OUT = Answer(status=0, outcome="TimedOut")
_UNREACHABLE = Answer(status=0, outcome="SocketError")
_GARBLED = "\ufffd\ufffd"


@dataclass(frozen=True, kw_only=True, slots=True)
class Parcel:
    """Events that travel in one request, all or none of which count as delivered."""

    events: tuple[Event, ...]
    malformation: Malformation | None = None
    delay: float = 0.0  # seconds before the first attempt
    reorder: bool = False


class Webhook:
    """An event handler's address, spoken to as one event subscription does."""

    def __init__(self, url: str, *, subscription: str, schema: Schema, timeout: float, connections: int) -> None:
        self.url = url
        self.schema = schema
        self.subscription = subscription.upper()
        self._timeout = timeout
        # The handler is on this machine: a proxy from the environment would be in the way.
        self._http = httpx.AsyncClient(
            timeout=None,  # noqa: S113 - `send` limits the exchange as a whole  # nosec B113
            trust_env=False,
            limits=httpx.Limits(max_connections=connections),
        )

    @property
    def address(self) -> str:
        """Return the URL without its query, which may hold a key."""
        return urlunsplit(urlsplit(self.url)._replace(query="", fragment=""))

    async def deliver(self, parcel: Parcel, delivery_count: int) -> Answer:
        """Make one attempt; `delivery_count` is that of the attempts before. Never raises for what comes back."""
        headers = self.headers("Notification", delivery_count)
        answer, _ = await self.send("POST", headers, body_of(parcel, self.schema))
        return answer

    def headers(self, event_type: str, delivery_count: int = 0) -> dict[str, str]:
        """Return the headers of a request."""
        content_type = "application/cloudevents+json" if self.schema is Schema.CLOUD_EVENTS else "application/json"
        return {
            "Content-Type": f"{content_type}; charset=utf-8",
            "Origin": ORIGIN,
            "aeg-event-type": event_type,
            "aeg-subscription-name": self.subscription,
            "aeg-data-version": "",
            "aeg-metadata-version": "1",
            "aeg-delivery-count": str(delivery_count),
        }

    async def send(self, method: str, headers: Mapping[str, str], body: bytes) -> tuple[Answer, httpx.Response | None]:
        """Send a request; without a response in time, the answer says why there is none."""
        try:
            async with asyncio.timeout(self._timeout):
                response = await self._http.request(method, self.url, headers=headers, content=body)
        except TimeoutError:
            return _TIMED_OUT, None
        except (httpx.HTTPError, httpx.InvalidURL):
            return _UNREACHABLE, None
        return Answer.of_status(response.status_code), response

    async def close(self) -> None:
        """Close the connections; safe to repeat."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def functions_url(address: str, function: str) -> str:
    """Return the URL of an Event Grid trigger: `address` itself if it has a path, else the host's webhook."""
    parts = urlsplit(address if "://" in address else f"http://{address}")
    if parts.path.strip("/"):
        return urlunsplit(parts)
    return urlunsplit(parts._replace(path=FUNCTIONS_PATH, query=parts.query or f"functionName={function}"))


def body_of(parcel: Parcel, schema: Schema) -> bytes:
    """Return the body of a request: an array, or in the CloudEvents schema a bare object for a single event."""
    documents = [_damaged(event.document, parcel.malformation) for event in parcel.events]
    single_cloud_event = schema is Schema.CLOUD_EVENTS and len(documents) == 1
    body = json.dumps(documents[0] if single_cloud_event else documents, ensure_ascii=False).encode()
    return body[: len(body) // 2] if parcel.malformation is Malformation.TRUNCATED else body


def _damaged(document: Mapping[str, Any], malformation: Malformation | None) -> Mapping[str, Any]:
    if malformation is Malformation.MISSING_DATA:
        return {name: value for name, value in document.items() if name != "data"}
    if malformation is Malformation.GARBLED_NAME:
        return {**document, "subject": document["subject"][:-1] + _GARBLED}
    return document

"""A webhook on loopback that remembers what Event Grid sends it and answers as a test wants."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import web

PATH = "/runtime/webhooks/EventGrid"


@dataclass(frozen=True, slots=True)
class Received:
    """One request."""

    method: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def documents(self) -> list[dict[str, Any]]:
        """Return the events in the body."""
        document = json.loads(self.body)
        return document if isinstance(document, list) else [document]

    @property
    def paths(self) -> list[str]:
        """Return the names of the blobs that the events are about."""
        return [document["subject"].partition("/blobs/")[2] for document in self.documents]


class Receiver:
    """Answers `answers` in turn and 202 from then on; validates as the Functions host does."""

    def __init__(self) -> None:
        self.origin = ""
        self.received: list[Received] = []
        self.validations: list[Received] = []
        self.answers: list[int] = []
        self.validation_answers: list[int] = []
        self.validation_response: Callable[[str], str] = lambda code: json.dumps({"validationResponse": code})
        self.allowed_origin = "eventgrid.azure.net"
        self.gate = asyncio.Event()  # closed, it keeps requests waiting
        self.gate.set()
        self.at_once = 0
        self.most_at_once = 0

    @property
    def url(self) -> str:
        """Return the address of the function, with a key as Azure has it."""
        return f"{self.origin}{PATH}?functionName=on_blob_event&code=not-for-logs"

    @property
    def paths(self) -> list[str]:
        """Return the names of all blobs in the order in which their events came."""
        return [path for request in self.received for path in request.paths]

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request."""
        received = Received(request.method, request.query_string, request.headers, await request.read())
        if request.method == "OPTIONS" or request.headers.get("aeg-event-type") == "SubscriptionValidation":
            return self._validate(received)
        self.received.append(received)
        status = self.answers.pop(0) if self.answers else 202
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self.gate.wait()
        finally:
            self.at_once -= 1
        return web.Response(status=status)

    def _validate(self, received: Received) -> web.Response:
        self.validations.append(received)
        status = self.validation_answers.pop(0) if self.validation_answers else 200
        if received.method == "OPTIONS":
            return web.Response(status=status, headers={"WebHook-Allowed-Origin": self.allowed_origin})
        code = received.documents[0]["data"]["validationCode"]
        return web.Response(status=status, text=self.validation_response(code), content_type="application/json")


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """Yield a receiver on a free port of loopback."""
    receiver = Receiver()
    application = web.Application()
    application.router.add_route("*", PATH, receiver.handle)
    runner = web.AppRunner(application, handler_cancellation=True, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    receiver.origin = f"http://{host}:{port}"
    try:
        yield receiver
    finally:
        receiver.gate.set()
        await runner.cleanup()

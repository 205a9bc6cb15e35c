"""Faults on request, for tests of clients: answers that lie, come late or never, before or after the deed was done.

Off unless the owner asks for them. Databricks' own test server has the same idea
(https://github.com/databricks/cli, libs/testserver/fault.go).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from starlette.responses import Response

from localdev.workspace.json_fields import Document, Fields
from shared.clock import Clock

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

ABORT = "landfall.abort"  # the ASGI extension by which our server offers to break a connection


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """What shall go wrong, for which requests, and how often."""

    pattern: str  # "POST /api/2.2/jobs/run-now"; * stands for anything
    status: int | None = None  # None: the real answer, late
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    latency: float = 0.0  # seconds before the answer
    after: bool = False  # whether the request does its work all the same
    drop: bool = False  # break the connection instead of answering
    skip: int = 0  # requests to let pass first
    times: int = 1


class FaultPlan:
    """The faults that are still to happen."""

    def __init__(self) -> None:
        self._faults: list[tuple[Fault, list[int]]] = []

    def add(self, fault: Fault) -> None:
        """Plan a fault behind those already planned."""
        self._faults.append((fault, [fault.skip, fault.times]))

    def clear(self) -> None:
        """Drop all that is planned."""
        self._faults.clear()

    def take(self, request: str) -> Fault | None:
        """Return the first planned fault for a request ("POST /path") and count it."""
        for fault, left in self._faults:
            if not fnmatchcase(request, fault.pattern):
                continue
            if left[0] > 0:
                left[0] -= 1
                return None
            if left[1] > 0:
                left[1] -= 1
                return fault
        return None


def read(document: Document) -> Fault:
    """Return the fault that a JSON object describes, by the names of `Fault`; raises ApiError."""
    fields = Fields(document)
    return Fault(
        pattern=fields.required_text("pattern", "fault"),
        status=fields.whole_number("status", 0, most=599) or None,
        body=fields.text("body"),
        headers=fields.text_map("headers"),
        latency=fields.whole_number("latency_millis", 0) / 1000,
        after=fields.flag("after") or False,
        drop=fields.flag("drop") or False,
        skip=fields.whole_number("skip", 0),
        times=fields.whole_number("times", 1, least=1),
    )


class FaultInjector:
    """An ASGI layer in which planned faults happen."""

    def __init__(self, app: ASGIApp, *, plan: FaultPlan, clock: Clock) -> None:
        self._app = app
        self._plan = plan
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or make happen what is planned for it."""
        fault = self._plan.take(f"{scope['method']} {scope['path']}") if scope["type"] == "http" else None
        if fault is None:
            await self._app(scope, receive, send)
        elif fault.status is None and not fault.drop:
            await self._clock.sleep(fault.latency)
            await self._app(scope, receive, send)
        else:
            await self._happen(fault, scope, receive, send)

    async def _happen(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        if fault.after:
            await self._app(scope, receive, _swallow)
        await self._clock.sleep(fault.latency)
        if fault.drop:
            await _abort(scope, receive)
            return
        response = Response(fault.body, status_code=fault.status or 200, headers=dict(fault.headers))
        if fault.body.startswith(("{", "[")) and "content-type" not in response.headers:
            response.headers["content-type"] = "application/json"
        await response(scope, receive, send)


async def _swallow(message: Message) -> None:
    del message


async def _abort(scope: Scope, receive: Receive) -> None:
    extension: Mapping[str, Callable[[], None]] | None = scope.get("extensions", {}).get(ABORT)
    if extension is None:
        raise ConnectionAbortedError("A fault was planned here: the connection is dropped.")
    extension["call"]()
    while (await receive())["type"] != "http.disconnect":
        pass

"""Faults on request, for tests of clients: answers that lie, come late or never, before or after the deed was done.

Off unless the owner asks for them. Databricks' own test server has the same idea
(https://github.com/databricks/cli, libs/testserver/fault.go).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from starlette.responses import Response

from localdev.workspace.errors import invalid
from localdev.workspace.json_fields import Document, Fields
from localdev.workspace.runners.planned_outcomes import OutcomePlan
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
    latency: float = 0.0  # seconds before the answer, at least
    latency_to: float = 0.0  # at most, drawn anew each time; no more than `latency` without
    after: bool = False  # whether the request does its work all the same
    drop: bool = False  # break the connection instead of answering
    cut_after: int | None = None  # break it in the middle: after so many bytes of the answer's body
    skip: int = 0  # requests to let pass first
    times: int | None = 1  # None: for ever
    chance: float = 1.0  # of happening to a request
    seed: int = 0  # of what is left to chance: the same seed and the same requests, the same faults


class _Planned:
    """A fault, how often it may still happen, and its own dice."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self._skip = fault.skip
        self._left = fault.times
        self._dice = random.Random(fault.seed)  # noqa: S311 - chance that has to be repeatable

    def happens(self) -> bool | None:
        """Tell whether it happens to a request that it is for; None where the request is not its business any more."""
        if self._left == 0:
            return None
        if self._skip > 0:
            self._skip -= 1
            return False
        if self._dice.random() >= self.fault.chance:
            return None
        if self._left is not None:
            self._left -= 1
        return True

    def latency(self) -> float:
        """Return the seconds to wait this time."""
        return self._dice.uniform(self.fault.latency, max(self.fault.latency, self.fault.latency_to))


class FaultPlan:
    """The faults that are still to happen, and the planned outcomes of tasks."""

    def __init__(self) -> None:
        self._faults: list[_Planned] = []
        self.outcomes = OutcomePlan()

    def add(self, fault: Fault) -> None:
        """Plan a fault behind those already planned."""
        self._faults.append(_Planned(fault))

    def clear(self) -> None:
        """Drop all that is planned."""
        self._faults.clear()
        self.outcomes.clear()

    def take(self, request: str) -> tuple[Fault, float] | None:
        """Return the first planned fault for a request ("POST /path") with its latency, and count it."""
        for planned in self._faults:
            if not fnmatchcase(request, planned.fault.pattern):
                continue
            happens = planned.happens()
            if happens:
                return planned.fault, planned.latency()
            if happens is False:
                return None
        return None


def read(document: Document) -> Fault:
    """Return the fault that a JSON object describes, by the names of `Fault`; raises ApiError.

    One with a `chance` goes on for ever, unless `times` says otherwise.
    """
    fields = Fields(document)
    latency, latency_to = _latency(fields, document.get("latency_millis"))
    chance = _chance(document.get("chance", 1))
    return Fault(
        pattern=fields.required_text("pattern", "fault"),
        status=fields.whole_number("status", 0, most=599) or None,
        body=fields.text("body"),
        headers=fields.text_map("headers"),
        latency=latency,
        latency_to=latency_to,
        after=fields.flag("after") or False,
        drop=fields.flag("drop") or False,
        cut_after=fields.whole_number("cut_after", 0) if fields.has("cut_after") else None,
        skip=fields.whole_number("skip", 0),
        times=None if chance < 1 and not fields.has("times") else fields.whole_number("times", 1, least=1),
        chance=chance,
        seed=fields.whole_number("seed", 0),
    )


def _latency(fields: Fields, value: object) -> tuple[float, float]:
    """Return seconds, at least and at most, of `latency_millis`: a number, or an array of two."""
    if not isinstance(value, list):
        seconds = fields.whole_number("latency_millis", 0) / 1000
        return seconds, seconds
    if len(value) != 2 or not all(type(each) is int and each >= 0 for each in value):
        raise invalid("latency_millis is a number of milliseconds, or an array of the least and the most.")
    return value[0] / 1000, value[1] / 1000


def _chance(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise invalid("chance is a number between 0 and 1.")
    return float(value)


class FaultInjector:
    """An ASGI layer in which planned faults happen."""

    def __init__(self, app: ASGIApp, *, plan: FaultPlan, clock: Clock) -> None:
        self._app = app
        self._plan = plan
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or make happen what is planned for it."""
        taken = self._plan.take(f"{scope['method']} {scope['path']}") if scope["type"] == "http" else None
        if taken is None:
            await self._app(scope, receive, send)
            return
        fault, latency = taken
        if fault.after and (fault.drop or fault.status is not None):
            await self._app(scope, receive, _swallow)
        await self._clock.sleep(latency)
        if fault.drop:
            await _abort(scope, receive)
            return
        answer = self._app if fault.status is None else _planned_answer(fault)
        await answer(scope, receive, send if fault.cut_after is None else _Cut(fault.cut_after, scope, receive, send))


class _Cut:
    """Sends an answer up to some byte of its body, and breaks the connection there."""

    def __init__(self, size: int, scope: Scope, receive: Receive, send: Send) -> None:
        self._left = size
        self._connection = (scope, receive)
        self._send = send

    async def __call__(self, message: Message) -> None:
        """Send one message, or what is left of it."""
        if message["type"] != "http.response.body":
            await self._send(message)
            return
        body = message.get("body", b"")
        if len(body) <= self._left and message.get("more_body"):
            self._left -= len(body)
            await self._send(message)
            return
        await self._send({**message, "body": body[: self._left], "more_body": True})
        await _abort(*self._connection)


def _planned_answer(fault: Fault) -> Response:
    response = Response(fault.body, status_code=fault.status or 200, headers=dict(fault.headers))
    if "content-type" not in response.headers:
        if fault.body.startswith(("{", "[")):
            response.headers["content-type"] = "application/json"
        elif fault.body.startswith("<"):
            response.headers["content-type"] = "text/html"
    return response


async def _swallow(message: Message) -> None:
    del message


async def _abort(scope: Scope, receive: Receive) -> None:
    extension: Mapping[str, Callable[[], None]] | None = scope.get("extensions", {}).get(ABORT)
    if extension is None:
        raise ConnectionAbortedError("A fault was planned here: the connection is dropped.")
    extension["call"]()
    while (await receive())["type"] != "http.disconnect":
        pass

"""The admin pages: what the host is, which functions it has, and starting one by hand.

https://learn.microsoft.com/azure/azure-functions/functions-manually-run-non-http
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from localdev.functions_host.access_keys import AccessKeys, AccessLevel
from localdev.functions_host.app_functions import EVENT_GRID, HTTP, QUEUE, TIMER, AppFunction
from localdev.functions_host.datums import event_grid_datum, http_datum, queue_datum, queue_metadata
from localdev.functions_host.host import EmbeddedHost
from localdev.functions_host.http_requests import read_body
from localdev.functions_host.http_routes import HttpRoutes
from shared import logs

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from azure.functions.meta import Datum
    from starlette.requests import Request

logger = logging.getLogger("landfall_host")

VERSION = "4.0-embedded"


class Admin:
    """Answers under /admin; all but the ping need the master key where keys are checked."""

    def __init__(self, host: EmbeddedHost, keys: AccessKeys, routes: HttpRoutes) -> None:
        self._host = host
        self._keys = keys
        self._urls = {route.function.name: route.path for route in routes.all}
        self._started = time.monotonic()

    def routes(self) -> list[Route]:
        """Return the routes to mount."""
        return [
            Route("/admin/host/ping", self._ping, methods=["GET", "POST"]),
            Route("/admin/host/status", self._guarded(self._status)),
            Route("/admin/functions", self._guarded(self._list)),
            Route("/admin/functions/{name}", self._guarded(self._show)),
            Route("/admin/functions/{name}", self._guarded(self._invoke), methods=["POST"]),
            Route("/admin/functions/{name}/status", self._guarded(self._function_status)),
        ]

    def _guarded(self, endpoint: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def guarded(request: Request) -> Response:
            if not self._keys.allow(request, AccessLevel.ADMIN):
                return Response(status_code=401)
            return await endpoint(request)

        return guarded

    async def _ping(self, _: Request) -> Response:
        return Response()

    async def _status(self, _: Request) -> Response:
        uptime = int((time.monotonic() - self._started) * 1000)
        problems = [f"{each.name}: {each.problem}" for each in self._host.functions.values() if each.problem]
        status = {"id": "embedded", "state": "Running", "version": VERSION, "processUptime": uptime}
        return JSONResponse(status | ({"errors": problems} if problems else {}))

    async def _list(self, request: Request) -> Response:
        return JSONResponse([self._description(request, each) for each in self._host.functions.values()])

    async def _show(self, request: Request) -> Response:
        function = self._named(request)
        return JSONResponse(self._description(request, function)) if function else Response(status_code=404)

    async def _function_status(self, request: Request) -> Response:
        function = self._named(request)
        if function is None:
            return Response(status_code=404)
        return JSONResponse({"errors": [function.problem]} if function.problem else {})

    async def _invoke(self, request: Request) -> Response:
        """Start a function by hand and do not wait for it: 202 says only that it exists."""
        if not request.headers.get("content-type", "").lower().startswith("application/json"):
            return Response(status_code=415)
        text = _input(await read_body(request, self._host.body_limit))
        if text is None:
            return Response(status_code=400)
        function = self._named(request)
        if function is None or function.problem:
            return Response(status_code=404)
        try:
            datum, metadata = self._trigger_input(request, function, text)
        except ValueError as error:
            logger.error("%s", logs.line("function.failed", function=function.name, error=f"its input: {error}"))  # noqa: TRY400 - the input is at fault
            return Response(status_code=202)
        self._host.in_flight.start(self._host.run(function, datum, metadata))
        return Response(status_code=202)

    def _trigger_input(self, request: Request, function: AppFunction, text: str) -> tuple[Datum, Mapping[str, Datum]]:
        match function.trigger_type:
            case kind if kind == EVENT_GRID:
                return event_grid_datum(json.loads(text)), {}
            case kind if kind == TIMER:
                return self._host.manual_timer_datum(function), {}
            case kind if kind == QUEUE:
                return queue_datum(text), queue_metadata()
            case _:
                url = self._url(request, function)
                return http_datum("POST", str(url), headers={"content-type": "text/plain"}, body=text.encode()), {}

    def _named(self, request: Request) -> AppFunction | None:
        name = str(request.path_params["name"]).casefold()
        return next((each for each in self._host.functions.values() if each.name.casefold() == name), None)

    def _url(self, request: Request, function: AppFunction) -> str | None:
        path = self._urls.get(function.name)
        return None if path is None else f"{request.base_url}{path}"

    def _description(self, request: Request, function: AppFunction) -> dict[str, Any]:
        return {
            "name": function.name,
            "href": f"{request.base_url}admin/functions/{function.name}",
            "invoke_url_template": self._url(request, function) if function.trigger_type == HTTP else None,
            "language": "python",
            "config": {"bindings": list(function.bindings)},
            "isDisabled": function.disabled,
        }


def _input(body: bytes) -> str | None:
    """Return the `input` of a request to run a function, "" when it has none, None when the body is no JSON object."""
    try:
        document = json.loads(body)
    except ValueError:
        return None
    if not isinstance(document, dict):
        return None
    given = document.get("input")
    return given if isinstance(given, str) else "" if given is None else json.dumps(given)

"""The host's HTTP front: functions under their routes, the Event Grid webhook, and the admin pages.

Read in https://github.com/Azure/azure-functions-host: HostController, FunctionInvocationMiddleware, and others.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from localdev.functions_host.access_keys import AccessKeys, AccessLevel
from localdev.functions_host.admin import Admin
from localdev.functions_host.event_grid_webhook import EventGridWebhook, PayloadUnusable
from localdev.functions_host.host import EmbeddedHost
from localdev.functions_host.http_requests import AnswerUnusable, BodyTooLarge, answer, read_body, request_datum
from localdev.functions_host.http_routes import HttpRoutes
from shared import logs

if TYPE_CHECKING:
    from starlette.requests import Request

logger = logging.getLogger("landfall_host")

_OUR_NAMES = ("127.0.0.1", "localhost")
_WEBHOOK_METHODS = ["GET", "PUT", "POST", "DELETE", "OPTIONS"]
_ALL_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]


def web_app(host: EmbeddedHost, keys: AccessKeys | None = None) -> Starlette:
    """Return the ASGI application of a host; without keys everybody may do everything, as with `func start`."""
    keys = keys or AccessKeys()
    front = _Front(host, keys)
    admin = Admin(host, keys, front.routes)
    return Starlette(
        routes=[
            Route("/", _home),
            *admin.routes(),
            Route("/runtime/webhooks/{extension}", front.webhook, methods=_WEBHOOK_METHODS),
            Route("/{path:path}", front.function, methods=_ALL_METHODS),
        ],
        # It opens to everybody on this machine. A page of the web can make its own name mean this machine, too.
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=_OUR_NAMES, www_redirect=False)],
        exception_handlers={
            BodyTooLarge: _too_large,
            PayloadUnusable: _unusable,
            AnswerUnusable: _unusable,
            ClientDisconnect: _gone,
        },
    )


class _Front:
    """Answers for the app's own functions."""

    def __init__(self, host: EmbeddedHost, keys: AccessKeys) -> None:
        self._host = host
        self._keys = keys
        self._event_grid = EventGridWebhook(host.functions, host.run)
        self.routes = HttpRoutes(host.functions.values(), host.options.route_prefix)

    async def webhook(self, request: Request) -> Response:
        if not self._keys.allow(request, AccessLevel.SYSTEM):
            return Response(status_code=401)
        if str(request.path_params["extension"]).lower() != "eventgrid":
            return Response(status_code=404)
        return await self._event_grid.answer(request, await read_body(request, self._host.body_limit))

    async def function(self, request: Request) -> Response:
        raw_path = request.scope.get("raw_path") or request.url.path.encode()
        found = self.routes.find(request.method, raw_path.decode("latin-1"))
        if found is None:
            return Response(status_code=404)
        route, parameters = found
        if not self._keys.allow(request, route.level):
            return Response(status_code=401)
        if route.function.disabled and not self._keys.is_master(request):
            return Response(status_code=404)
        body = await read_body(request, self._host.body_limit)
        invocation = await self._host.run(route.function, request_datum(request, parameters, body))
        return answer(invocation.returned) if invocation.succeeded else Response(status_code=500)


async def _home(_: Request) -> Response:
    return PlainTextResponse("The embedded Functions host is running.\n")


async def _gone(_: Request, __: Exception) -> Response:
    return Response(status_code=400)  # nobody reads it


async def _too_large(_: Request, __: Exception) -> Response:
    return Response(status_code=413, headers={"connection": "close"})


async def _unusable(request: Request, error: Exception) -> Response:
    logger.error("%s", logs.line("http.failed", method=request.method, path=request.url.path, error=error))
    return Response(status_code=500)

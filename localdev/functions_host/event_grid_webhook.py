"""The Event Grid extension's webhook, at /runtime/webhooks/EventGrid?functionName=F.

The rules are those of https://github.com/Azure/azure-sdk-for-net
(sdk/eventgrid/Microsoft.Azure.WebJobs.Extensions.EventGrid: EventGridExtensionConfigProvider, HttpRequestProcessor).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from starlette.responses import PlainTextResponse, Response

from localdev.functions_host.app_functions import EVENT_GRID, AppFunction
from localdev.functions_host.datums import event_grid_datum
from localdev.functions_host.invocation import FunctionTimeout, Invocation

if TYPE_CHECKING:
    from azure.functions.meta import Datum
    from starlette.requests import Request

_ORIGINS = frozenset(
    {
        "eventgrid.azure.net",
        "eventgrid.azure.us",
        "eventgrid.azure.eaglex.ic.gov",
        "eventgrid.azure.microsoft.scloud",
        "eventgrid.azure.cn",
    }
)

Run = Callable[[AppFunction, "Datum"], Awaitable[Invocation]]


class PayloadUnusable(ValueError):
    """The body is not what its aeg-event-type says; the host answers this with a bare 500."""


class EventGridWebhook:
    """Answers Event Grid for all the functions that it triggers."""

    def __init__(self, functions: Mapping[str, AppFunction], run: Run) -> None:
        self._functions = {
            name: function
            for name, function in functions.items()
            if function.trigger_type == EVENT_GRID and function.runs
        }
        self._run = run

    async def answer(self, request: Request, body: bytes) -> Response:
        """Return the answer to a delivery or a handshake; raises PayloadUnusable."""
        name = _function_name(request)
        function = self._functions.get(name)
        if function is None:
            return PlainTextResponse(f"cannot find function: '{name}'", 404)
        if request.method == "OPTIONS":
            return Response(headers={"Webhook-Allowed-Origin": _allowed_origin(request)})
        match request.headers.get("aeg-event-type", "").lower():
            case "subscriptionvalidation":
                return PlainTextResponse(json.dumps({"validationResponse": _validation_code(_parsed(body))}))
            case "notification":
                return await self._deliver(function, _parsed(body))
            case "unsubscribe":
                return Response(status_code=202)
            case _:
                return Response(status_code=400)

    async def _deliver(self, function: AppFunction, payload: Any) -> Response:
        """Start a run for each event, all at once; one that fails makes Event Grid deliver all of them again."""
        events = payload if isinstance(payload, list) else [payload]
        runs = await asyncio.gather(*(self._run(function, event_grid_datum(event)) for event in events))
        failed = next((run for run in runs if not run.succeeded), None)
        return PlainTextResponse(_failure(failed), 500) if failed else Response(status_code=202)


def _function_name(request: Request) -> str:
    values = [value for key, value in request.query_params.multi_items() if key.lower() == "functionname"]
    return ",".join(values)


def _allowed_origin(request: Request) -> str:
    asked = request.headers.get("webhook-request-origin", "")
    return asked if asked in _ORIGINS else "eventgrid.azure.net"


def _parsed(body: bytes) -> Any:
    """Return the payload: an event or a list of them."""
    try:
        payload = json.loads(body.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError) as error:
        raise PayloadUnusable(f"its body is not JSON: {error}") from error
    if not isinstance(payload, dict | list):
        raise PayloadUnusable("its body is neither an event nor a list of events")
    return payload


def _validation_code(payload: Any) -> str:
    """Return the code of a handshake: the data of a CloudEvent is JSON in a string."""
    try:
        event = payload[0] if isinstance(payload, list) else payload
        data = event["data"]
        return str((json.loads(data) if isinstance(data, str) else data)["validationCode"])
    except (LookupError, TypeError, ValueError) as error:
        raise PayloadUnusable("it holds no validation code") from error


def _failure(failed: Invocation) -> str:
    if isinstance(failed.error, FunctionTimeout):
        return f"Timeout value was exceeded by function: Functions.{failed.function}"
    return f"Exception while executing function: Functions.{failed.function}"

"""The app's own HTTP doors, as function_app registers them, before a world of fakes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace
from typing import Any, cast

import azure.functions as func

from function_app import app
from shared import wiring
from tests.fakes.world import World


@dataclass(frozen=True)
class Door:
    """A function that HTTP opens."""

    name: str
    route: str
    methods: tuple[str, ...]
    level: str
    call: Any

    async def open(
        self,
        method: str = "GET",
        body: bytes = b"",
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        route_params: Mapping[str, str] | None = None,
    ) -> func.HttpResponse:
        """Open the door with a genuine request, as the worker does once the host has let it in."""
        request = func.HttpRequest(
            method,
            f"https://app.azurewebsites.net/api/{self.route}",
            headers=dict(headers or {}),
            params=dict(params or {}),
            route_params=dict(route_params or {}),
            body=body,
        )
        return cast("func.HttpResponse", await self.call(request))


@cache  # an app tells its functions once
def http_doors() -> tuple[Door, ...]:
    """Return every HTTP door of the app."""
    doors = []
    for function in app.get_functions():
        trigger = function.get_trigger()
        if trigger is not None and trigger.type == "httpTrigger":
            given = trigger.get_dict_repr()
            methods = tuple(str(getattr(method, "value", method)) for method in given.get("methods", ()))
            level = str(getattr(given["authLevel"], "value", given["authLevel"])).lower()
            name = str(function.get_function_name())
            doors.append(Door(name, str(given.get("route") or name), methods, level, function.get_user_function()))
    return tuple(sorted(doors, key=lambda door: door.name))


@contextmanager
def behind_the_doors(world: World) -> Iterator[World]:
    """Make a world the service that doors find in the running event loop."""
    loop = asyncio.get_running_loop()
    before = wiring._services.get(loop)
    parts = {name: part for name, part in vars(world).items() if not name.startswith("_")}
    service = SimpleNamespace(**parts, dispatch_deadline=world.deadline)
    wiring._services[loop] = cast("wiring.Service", service)
    try:
        yield world
    finally:
        del wiring._services[loop]
        if before is not None:
            wiring._services[loop] = before

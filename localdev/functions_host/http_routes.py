"""Which HTTP function a request is for: the first, in the app's order, whose methods and route match."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from localdev.functions_host.access_keys import AccessLevel
from localdev.functions_host.app_functions import HTTP, AppFunction
from localdev.functions_host.route_templates import RouteTemplate

_LEVELS = {"ANONYMOUS": AccessLevel.ANONYMOUS, "FUNCTION": AccessLevel.FUNCTION, "ADMIN": AccessLevel.ADMIN}


@dataclass(frozen=True, kw_only=True, slots=True)
class HttpRoute:
    """Where one function is reached; `methods` None is all of them."""

    function: AppFunction
    path: str
    template: RouteTemplate
    methods: frozenset[str] | None
    level: AccessLevel


class HttpRoutes:
    """The routes of an app, in its order."""

    def __init__(self, functions: Iterable[AppFunction], prefix: str) -> None:
        self.all = tuple(
            _route(function, prefix) for function in functions if function.trigger_type == HTTP and not function.problem
        )

    def find(self, method: str, path: str) -> tuple[HttpRoute, Mapping[str, str]] | None:
        """Return the route and its parameters for an undecoded path; a wrong method is no match, hence a 404."""
        for route in self.all:
            if route.methods is None or method in route.methods:
                parameters = route.template.match(path)
                if parameters is not None:
                    return route, parameters
        return None


def _route(function: AppFunction, prefix: str) -> HttpRoute:
    trigger = function.trigger
    route = str(trigger.get("route") or function.name).strip("/")
    path = "/".join(part for part in (prefix, route) if part)
    methods = trigger.get("methods")
    return HttpRoute(
        function=function,
        path=path,
        template=RouteTemplate.parse(path),
        methods=frozenset(str(method).upper() for method in methods) if methods else None,
        level=_LEVELS.get(str(trigger.get("authLevel") or "").upper(), AccessLevel.FUNCTION),
    )

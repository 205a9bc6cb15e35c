"""The functions of an app, as the host knows them after indexing."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localdev.functions_host.app_settings import AppSettings, SettingUnresolved
from localdev.functions_host.route_templates import RouteTemplate
from localdev.functions_host.schedules import parse_schedule
from localdev.functions_host.signature import Binding, Direction, Signature, signature_of
from shared.errors import Fault

if TYPE_CHECKING:
    import azure.functions as func

EVENT_GRID = "eventGridTrigger"
HTTP = "httpTrigger"
QUEUE = "queueTrigger"
TIMER = "timerTrigger"
_TRIGGERS = frozenset({EVENT_GRID, HTTP, QUEUE, TIMER})
QUEUE_OUTPUT = "queue"
_OUTPUTS = frozenset({"http", QUEUE_OUTPUT})
# https://github.com/Azure/azure-functions-host, WebJobs.Script/Utility.cs
_NAME = re.compile(r"(?!host$)[a-z][a-z0-9_-]{0,127}", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class AppFunction:
    """One function of the app. With a `problem` it was indexed and cannot run; the rest of the app does.

    `bindings` are as function.json would hold them, settings resolved, the trigger first.
    """

    name: str
    user_function: Callable[..., Any]
    directory: str
    signature: Signature
    bindings: Sequence[Mapping[str, Any]]
    disabled: bool
    problem: str

    @property
    def trigger(self) -> Mapping[str, Any]:
        """Return what starts the function."""
        return self.bindings[0]

    @property
    def trigger_type(self) -> str:
        """Return the type of what starts the function."""
        return str(self.trigger["type"])

    @property
    def is_async(self) -> bool:
        """Tell whether it runs on the event loop."""
        return inspect.iscoroutinefunction(self.user_function)

    @property
    def runs(self) -> bool:
        """Tell whether its trigger starts it."""
        return not (self.problem or self.disabled)


def app_function(function: func.Function, settings: AppSettings) -> AppFunction:
    """Return what the host knows about a function; raises SignatureRefused where the worker would not load it."""
    name = str(function.get_function_name())
    user_function = function.get_user_function()
    declared = [
        Binding(name=binding.name, type=str(binding.type), direction=Direction(binding.direction))
        for binding in function.get_bindings()
    ]
    signature = signature_of(user_function, declared)
    bindings, problem = _resolved(function, settings)
    return AppFunction(
        name=name,
        user_function=user_function,
        directory=str(Path(inspect.getfile(user_function)).parent),
        signature=signature,
        bindings=bindings,
        disabled=settings.is_disabled(name),
        problem=problem or _problem(name, bindings, settings),
    )


def _resolved(function: func.Function, settings: AppSettings) -> tuple[list[dict[str, Any]], str]:
    """Return the bindings, trigger first, with settings in place of their names, and what could not be resolved."""
    trigger = function.get_trigger()
    raw = [json.loads(text) for text in function.get_raw_bindings()]
    raw.sort(key=lambda binding: binding["name"] != getattr(trigger, "name", None))
    problems = []
    for binding in raw:
        for key, value in binding.items():
            if isinstance(value, str) and "%" in value:
                try:
                    binding[key] = settings.resolve(value)
                except SettingUnresolved as error:
                    problems.append(f"{error} (in {key} of the {binding['type']})")
    return raw, "; ".join(problems)


def _problem(name: str, bindings: Sequence[Mapping[str, Any]], settings: AppSettings) -> str:
    """Return why the host cannot run a function, "" when it can."""
    if not _NAME.fullmatch(name):
        return "a function's name is a letter, then up to 127 letters, digits, _ and -"
    try:
        return _trigger_problem(bindings[0], settings) or _output_problem(bindings[1:], settings)
    except ValueError as error:
        return str(error)


def _trigger_problem(trigger: Mapping[str, Any], settings: AppSettings) -> str:
    kind = trigger["type"]
    if kind not in _TRIGGERS:
        return f"the embedded host has no {kind}; Core Tools (`func start`) do"
    if kind == TIMER:
        parse_schedule(str(trigger.get("schedule") or ""))
    if kind == HTTP:
        RouteTemplate.parse(str(trigger.get("route") or ""))
    return _connection_problem(trigger, settings) if kind == QUEUE else ""


def _output_problem(bindings: Sequence[Mapping[str, Any]], settings: AppSettings) -> str:
    for binding in bindings:
        if binding["type"] not in _OUTPUTS:
            return f"the embedded host has no {binding['type']} binding; Core Tools (`func start`) do"
        if binding["type"] == QUEUE_OUTPUT and (problem := _connection_problem(binding, settings)):
            return problem
    return ""


def _connection_problem(binding: Mapping[str, Any], settings: AppSettings) -> str:
    name = str(binding.get("connection") or "")
    connection = settings.connection(name)
    if isinstance(connection, Fault):
        return connection.message
    return (
        "" if connection.key else f"the embedded host signs in to queues by key only: make {name} a connection string"
    )

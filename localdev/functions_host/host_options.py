"""host.json, as far as it matters on a laptop, with the overrides that the environment holds.

https://learn.microsoft.com/azure/azure-functions/functions-host-json
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from localdev.functions_host.time_span import parse_time_span
from shared.errors import ConfigurationError, Fault

# The same section in the environment: AzureFunctionsJobHost__extensions__http__routePrefix.
_OVERRIDE = "azurefunctionsjobhost"
_DEFAULT_TIMEOUT: timedelta | None = timedelta(minutes=30)
_SHORTEST_TIMEOUT = timedelta(seconds=1)
_SHORTEST_POLLING = timedelta(milliseconds=100)
_LEVELS = {
    "trace": logging.DEBUG,
    "debug": logging.DEBUG,
    "information": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
    "none": logging.CRITICAL + 1,
}
_Value = TypeVar("_Value")


class MessageEncoding(StrEnum):
    """How the text of a queue message stands for its content."""

    BASE64 = "base64"
    NONE = "none"


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueOptions:
    """`extensions.queues`. A laptop looks at its queues every 2 s at least, as Core Tools do."""

    batch_size: int = 16
    new_batch_threshold: int = 8
    max_dequeue_count: int = 5
    visibility_timeout: timedelta = timedelta(0)
    max_polling_interval: timedelta = timedelta(seconds=2)
    message_encoding: MessageEncoding = MessageEncoding.BASE64


@dataclass(frozen=True, kw_only=True, slots=True)
class HostOptions:
    """What host.json asks for; `function_timeout` None is without end, `functions` None is all of them."""

    function_timeout: timedelta | None = _DEFAULT_TIMEOUT
    route_prefix: str = "api"
    functions: frozenset[str] | None = None  # case-folded names
    log_levels: Mapping[str, int] = field(default_factory=dict)  # by category in small letters
    queues: QueueOptions = field(default_factory=QueueOptions)


def read_host_options(path: Path, environment: Mapping[str, str]) -> HostOptions:
    """Return the options of a host.json, the defaults when there is none; raises ConfigurationError with every fault.

    The environment's overrides win over the file.
    """
    try:
        document = json.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        document = {"version": "2.0"}
    except (OSError, ValueError) as error:
        raise ConfigurationError(path.name, [Fault(f"It cannot be read as JSON: {error}")]) from error
    reader = _Reader(dict(_flattened(document)) | dict(_overrides(environment)))
    options = _host_options(reader)
    if reader.faults:
        raise ConfigurationError(
            path.name, reader.faults, hint="https://learn.microsoft.com/azure/azure-functions/functions-host-json"
        )
    return options


def _host_options(reader: _Reader) -> HostOptions:
    if reader.get("version") != "2.0":
        reader.faults.append(Fault('`version` must be "2.0": it is the version of the file, not of the runtime.'))
    return HostOptions(
        function_timeout=reader.value("functionTimeout", _timeout, _DEFAULT_TIMEOUT),
        route_prefix=reader.get("extensions:http:routePrefix", "api").strip("/"),
        functions=reader.names("functions"),
        log_levels=reader.levels("logging:logLevel"),
        queues=_queue_options(reader),
    )


def _queue_options(reader: _Reader) -> QueueOptions:
    section = "extensions:queues"
    batch_size = reader.value(f"{section}:batchSize", _number(1, 32), 16)
    return QueueOptions(
        batch_size=batch_size,
        new_batch_threshold=reader.value(f"{section}:newBatchThreshold", _number(0, 100_000), batch_size // 2),
        max_dequeue_count=reader.value(f"{section}:maxDequeueCount", _number(1, 2**31 - 1), 5),
        visibility_timeout=reader.value(f"{section}:visibilityTimeout", _duration, timedelta(0)),
        max_polling_interval=reader.value(f"{section}:maxPollingInterval", _polling, timedelta(seconds=2)),
        message_encoding=reader.value(f"{section}:messageEncoding", _encoding, MessageEncoding.BASE64),
    )


class _Reader:
    """Reads options by path, whatever the case, and gathers what is wrong; a faulty value reads as its default."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self.faults: list[Fault] = []

    def get(self, path: str, default: str = "") -> str:
        return self._values.get(path.lower(), default)

    def value(self, path: str, parse: Callable[[str], _Value], default: _Value) -> _Value:
        text = self.get(path)
        if not text:
            return default
        try:
            return parse(text)
        except ValueError as error:
            self.faults.append(Fault(f"`{path.replace(':', '.')}` is not usable: {error}"))
            return default

    def names(self, path: str) -> frozenset[str] | None:
        found = frozenset(value.casefold() for key, value in self._values.items() if key.startswith(f"{path}:"))
        return found or None

    def levels(self, path: str) -> Mapping[str, int]:
        prefix = f"{path.lower()}:"
        levels = {}
        for key in self._values:
            if key.startswith(prefix):
                levels[key.removeprefix(prefix)] = self.value(key, _level, logging.INFO)
        return levels


def _flattened(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield every leaf with its path in small letters, as .NET configuration does: `extensions:http:routeprefix`."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for name, child in items:
            yield from _flattened(child, f"{path}:{name}".lower().removeprefix(":"))
    else:
        yield path, "" if value is None else str(value)


def _overrides(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, value in environment.items():
        section, _, path = name.replace("__", ":").lower().partition(":")
        if section == _OVERRIDE and path:
            yield path, value


def _timeout(text: str) -> timedelta | None:
    if text.strip() == "-1":
        return None
    timeout = parse_time_span(text)
    if timeout < _SHORTEST_TIMEOUT:
        raise ValueError(f"{text!r} is shorter than a second; -1 is without end.")
    return timeout


def _duration(text: str) -> timedelta:
    duration = parse_time_span(text)
    if duration < timedelta(0):
        raise ValueError(f"{text!r} is negative.")
    return duration


def _polling(text: str) -> timedelta:
    interval = parse_time_span(text)
    if interval < _SHORTEST_POLLING:
        raise ValueError(f"{text!r} is shorter than 00:00:00.1.")
    return interval


def _number(lowest: int, highest: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        number = int(text)
        if not lowest <= number <= highest:
            raise ValueError(f"{number} is not between {lowest} and {highest}.")
        return number

    return parse


def _encoding(text: str) -> MessageEncoding:
    try:
        return MessageEncoding(text.lower())
    except ValueError:
        raise ValueError(f"{text!r} is neither base64 nor none.") from None


def _level(text: str) -> int:
    if text.lower() not in _LEVELS:
        raise ValueError(f"{text!r} is no level; it is one of {', '.join(name.title() for name in _LEVELS)}.")
    return _LEVELS[text.lower()]

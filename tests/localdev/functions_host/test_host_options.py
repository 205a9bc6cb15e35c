"""host.json: what is read from it, what overrides it, and what is refused."""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from localdev.functions_host.host_options import HostOptions, MessageEncoding, QueueOptions, read_host_options
from shared.errors import ConfigurationError


def options(folder: Path, document: object, environment: dict[str, str] | None = None) -> HostOptions:
    """Read a host.json with this content."""
    path = folder / "host.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document), "utf-8")
    return read_host_options(path, environment or {})


def test_defaults_are_the_hosts(tmp_path: Path) -> None:
    """A host.json with nothing but its version has the defaults of the real host on a laptop."""
    assert options(tmp_path, {"version": "2.0"}) == HostOptions()


def test_missing_file_has_the_defaults(tmp_path: Path) -> None:
    """An app without a host.json runs with the defaults."""
    assert read_host_options(tmp_path / "host.json", {}) == HostOptions()


def test_reads_what_matters(tmp_path: Path) -> None:
    """Time-out, route prefix, functions, log levels and queue options are read."""
    read = options(
        tmp_path,
        {
            "version": "2.0",
            "functionTimeout": "00:07:00",
            "functions": ["One", "two"],
            "logging": {"logLevel": {"default": "Warning", "Function.One": "None"}},
            "extensions": {
                "http": {"routePrefix": "/v1/"},
                "queues": {
                    "batchSize": 6,
                    "maxDequeueCount": 3,
                    "visibilityTimeout": "00:00:30",
                    "maxPollingInterval": "00:00:10",
                    "messageEncoding": "None",
                },
            },
        },
    )

    assert read == HostOptions(
        function_timeout=timedelta(minutes=7),
        route_prefix="v1",
        functions=frozenset({"one", "two"}),
        log_levels={"default": logging.WARNING, "function.one": logging.CRITICAL + 1},
        queues=QueueOptions(
            batch_size=6,
            new_batch_threshold=3,
            max_dequeue_count=3,
            visibility_timeout=timedelta(seconds=30),
            max_polling_interval=timedelta(seconds=10),
            message_encoding=MessageEncoding.NONE,
        ),
    )


@pytest.mark.parametrize("value", ["-1", -1])
def test_time_out_may_be_without_end(tmp_path: Path, value: object) -> None:
    """A functionTimeout of -1 is no time-out."""
    assert options(tmp_path, {"version": "2.0", "functionTimeout": value}).function_timeout is None


def test_empty_route_prefix_is_none(tmp_path: Path) -> None:
    """An empty routePrefix puts routes at the root."""
    document = {"version": "2.0", "extensions": {"http": {"routePrefix": ""}}}

    assert options(tmp_path, document).route_prefix == ""


@pytest.mark.parametrize(
    "name",
    [
        "AzureFunctionsJobHost__extensions__queues__batchSize",
        "AZUREFUNCTIONSJOBHOST__EXTENSIONS__QUEUES__BATCHSIZE",
        "AzureFunctionsJobHost:extensions:queues:batchSize",
    ],
)
def test_environment_overrides_the_file(tmp_path: Path, name: str) -> None:
    """A setting below AzureFunctionsJobHost wins over host.json, whatever its case."""
    document = {"version": "2.0", "extensions": {"queues": {"batchSize": 6}}}

    assert options(tmp_path, document, {name: "9"}).queues.batch_size == 9


@pytest.mark.parametrize(
    ("document", "said"),
    [
        pytest.param("{", "cannot be read as JSON", id="no JSON"),
        pytest.param({}, "version", id="no version"),
        pytest.param([], "version", id="list"),
        pytest.param({"version": "4.0"}, "not of the runtime", id="runtime version"),
        pytest.param({"version": 2}, "version", id="version as number"),
        pytest.param({"version": "2.0", "functionTimeout": "10m"}, "functionTimeout", id="time-out form"),
        pytest.param({"version": "2.0", "functionTimeout": "00:00:00"}, "shorter than a second", id="time-out nought"),
        pytest.param({"version": "2.0", "logging": {"logLevel": {"default": "Loud"}}}, "Loud", id="level"),
        pytest.param({"version": "2.0", "extensions": {"queues": {"batchSize": 33}}}, "between 1 and 32", id="batch"),
        pytest.param(
            {"version": "2.0", "extensions": {"queues": {"maxPollingInterval": "00:00:00.05"}}},
            "shorter than 00:00:00.1",
            id="polling",
        ),
        pytest.param(
            {"version": "2.0", "extensions": {"queues": {"visibilityTimeout": "-00:00:01"}}}, "negative", id="hidden"
        ),
        pytest.param(
            {"version": "2.0", "extensions": {"queues": {"messageEncoding": "utf8"}}}, "neither base64", id="encoding"
        ),
    ],
)
def test_unusable_file_is_refused(tmp_path: Path, document: Any, said: str) -> None:
    """What cannot be used is refused with its place and reason."""
    with pytest.raises(ConfigurationError, match=said):
        options(tmp_path, document)


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    """Three faults are told together."""
    with pytest.raises(ConfigurationError) as refused:
        options(tmp_path, {"version": "1.0", "functionTimeout": "x", "extensions": {"queues": {"batchSize": 0}}})

    assert len(refused.value.faults) == 3

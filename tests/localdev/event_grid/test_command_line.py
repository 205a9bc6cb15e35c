"""The simulator as a process: it says what it does, ends when it is told to, and leaves its numbers behind."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from localdev.azurite import Azurite
from localdev.event_grid.arguments import CONNECTION_VARIABLE, parse_arguments
from localdev.event_grid.event_bodies import Schema
from localdev.event_grid.faults import FaultRates
from localdev.event_grid.retry_policy import EndpointType
from shared.storage_connection import EMULATOR_ACCOUNT
from tests.localdev.event_grid.receiver import Receiver

if TYPE_CHECKING:
    from azure.storage.blob.aio import ContainerClient

REPOSITORY = Path(__file__).parents[3]
EMULATOR = "UseDevelopmentStorage=true"


@asynccontextmanager
async def process(*arguments: str, connection: str) -> AsyncIterator[Process]:
    """Yield a simulator's process; the connection string travels in the environment."""
    environment = {**os.environ, CONNECTION_VARIABLE: connection, "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "localdev.event_grid", *arguments]
    started = await asyncio.create_subprocess_exec(*command, cwd=REPOSITORY, env=environment, stderr=PIPE)
    try:
        yield started
    finally:
        with suppress(ProcessLookupError):
            started.kill()
        await started.wait()


async def read_until(running: Process, word: str) -> str:
    """Return the log up to a line that holds a word."""
    lines: list[str] = []
    assert running.stderr
    async with asyncio.timeout(30):
        while not lines or word not in lines[-1]:
            line = (await running.stderr.readline()).decode()
            assert line, f"the process ended before it said {word!r}: {lines}"
            lines.append(line)
    return "".join(lines)


@pytest.mark.azurite
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_signal_ends_it_cleanly(
    azurite: Azurite, container: ContainerClient, receiver: Receiver, tmp_path: Path, how: signal.Signals
) -> None:
    """Events are delivered and faults strike until a signal comes; then the counters are written and the exit is 0."""
    name, summary, plan = str(container.container_name), tmp_path / "summary.json", tmp_path / "plan.json"
    plan.write_text(json.dumps({f"{name}/lost.csv": ["drop"], f"{name}/never.csv": ["drop"]}))
    arguments = ("--webhook", receiver.url, "--containers", name, "--seed", "5", "--plan", str(plan))
    async with process(
        *arguments, "--poll-interval", "0.05", "--summary-json", str(summary), connection=azurite.connection_string
    ) as running:
        log = await read_until(running, "eventgrid.started")
        await container.upload_blob("lost.csv", b"one")
        await container.upload_blob("a.csv", b"one")
        log += await read_until(running, "eventgrid.delivered")
        running.send_signal(how)
        log += await read_until(running, "eventgrid.plan_unused")
        code = await asyncio.wait_for(running.wait(), 20)

    counters = json.loads(summary.read_text())
    assert code == 0
    assert receiver.paths == ["a.csv"]
    assert {key: count for key, count in counters.items() if count} == {
        "seed": 5,
        "published": 2,
        "delivered": 1,
        "dropped": 1,
    }
    assert "seed=5" in log
    assert "never.csv" in log
    assert "not-for-logs" not in log
    assert "Traceback" not in log


@pytest.mark.azurite
async def test_signal_ends_it_before_the_handshake(azurite: Azurite, receiver: Receiver, tmp_path: Path) -> None:
    """It can be ended while it waits for a webhook that is not there yet."""
    receiver.validation_answers = [503] * 1000
    summary = tmp_path / "summary.json"
    async with process(
        "--webhook", receiver.url, "--summary-json", str(summary), connection=azurite.connection_string
    ) as running:
        await read_until(running, "eventgrid.handshake_failed")
        running.send_signal(signal.SIGTERM)
        code = await asyncio.wait_for(running.wait(), 20)

    assert code == 0
    assert json.loads(summary.read_text())["published"] == 0


async def test_plan_that_is_wrong_ends_the_start(tmp_path: Path) -> None:
    """A mistake in the plan is told with its place, before anything is watched."""
    plan = tmp_path / "plan.json"
    plan.write_text('{"landing/a.csv": ["lose"]}')
    async with process("--webhook", "127.0.0.1:1", "--plan", str(plan), connection=EMULATOR) as running:
        log = await read_until(running, "is no fault")
        code = await asyncio.wait_for(running.wait(), 20)

    assert code == 1
    assert log.startswith(str(plan))


def test_every_option_reaches_the_simulator(tmp_path: Path) -> None:
    """The command line says all that the options know."""
    parsed = parse_arguments(
        [
            *("--webhook", "http://127.0.0.1:7071", "--function", "f", "--subscription", "s"),
            *("--schema", "cloudevents", "--containers", "a,b", "--created-only", "--announce-existing"),
            *("--dead-letter-container", "", "--poll-interval", "0.5", "--batch-size", "10", "--concurrency", "3"),
            *("--time-scale", "0.01", "--max-attempts", "4", "--time-to-live", "9"),
            *("--endpoint-type", "AzureFunction", "--answer-timeout", "2"),
            *("--duplicate", "0.2", "--drop", "0.1", "--reorder", "0.3", "--delay", "0-5", "--seed", "8"),
            *("--plan", "p.json", "--summary-json", str(tmp_path)),
        ],
        {CONNECTION_VARIABLE: EMULATOR},
    )

    options, policy = parsed.options, parsed.options.policy
    assert options.connection.account == EMULATOR_ACCOUNT
    assert (options.webhook, options.function, options.subscription) == ("http://127.0.0.1:7071", "f", "s")
    assert (options.schema, options.containers) == (Schema.CLOUD_EVENTS, ("a", "b"))
    assert (options.created_only, options.announce_existing, options.dead_letter_container) == (True, True, None)
    assert (options.poll_interval, options.batch_size, options.concurrency) == (0.5, 10, 3)
    assert (policy.time_scale, policy.max_attempts, policy.time_to_live) == (0.01, 4, timedelta(minutes=9))
    assert (policy.endpoint, options.seconds_to_answer) == (EndpointType.AZURE_FUNCTION, 2)
    assert options.rates == FaultRates(duplicate=0.2, drop=0.1, reorder=0.3, delay=(0, 5))
    assert (options.seed, parsed.plan, parsed.summary) == (8, Path("p.json"), tmp_path)


def test_defaults_are_those_of_azure() -> None:
    """Without options nothing goes wrong, and Event Grid's own patience applies."""
    options = parse_arguments(["--webhook", "h", "--connection-string", EMULATOR], {}).options

    assert options.rates == FaultRates()
    assert (options.policy.time_scale, options.policy.max_attempts) == (1.0, 30)
    assert options.policy.time_to_live == timedelta(days=1)
    assert options.seconds_to_answer == 30
    assert options.containers == ()


def test_scale_leaves_the_app_time_to_answer() -> None:
    """A small time scale must not turn a healthy app into a slow one."""
    scaled = parse_arguments(["--webhook", "h", "--time-scale", "0.01"], {CONNECTION_VARIABLE: EMULATOR}).options

    assert scaled.seconds_to_answer == 15


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "--webhook"),
        (["--webhook", "h", "--connection-string", "AccountName=a;AccountKey"], "AccountName and AccountKey"),
        (["--webhook", "h", "--duplicate", "1.5"], "not between 0 and 1"),
        (["--webhook", "h", "--duplicate", "often"], "--duplicate"),
        (["--webhook", "h", "--delay", "5-1"], "not like 0-5"),
        (["--webhook", "h", "--delay", "-1"], "--delay"),
        (["--webhook", "h", "--max-attempts", "31"], "not between 1 and 30"),
        (["--webhook", "h", "--time-scale", "0"], "not above 0"),
        (["--webhook", "h", "--schema", "custom"], "--schema"),
    ],
)
def test_wrong_argument_is_refused(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be done is refused at once, and the message names the option."""
    with pytest.raises(SystemExit) as caught:
        parse_arguments(arguments, {CONNECTION_VARIABLE: EMULATOR})

    assert caught.value.code == 2
    assert words in capsys.readouterr().err


def test_connection_string_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    """Without one in the environment the option is required."""
    with pytest.raises(SystemExit):
        parse_arguments(["--webhook", "h"], {})

    assert "--connection-string" in capsys.readouterr().err

"""The app as a Functions host sees it: every door indexed, every setting there, the queue's door really opened."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue import TextBase64DecodePolicy
from azure.storage.queue.aio import QueueClient

from localdev.azurite import Azurite
from localdev.functions_host import EmbeddedHost
from localdev.functions_host.host_options import read_host_options
from shared import wiring
from shared.storage_queue import StorageQueue, open_queue
from tests.fakes.waiting import until, until_done

ROOT = Path(__file__).parents[2]
DOORS = {path.stem for path in (ROOT / "functions").glob("*.py")} - {"__init__"}


class Sweeper:
    """Takes down which shards it was given, and fails on one of them."""

    def __init__(self, fails_on: str = "") -> None:
        self.messages: list[str] = []
        self._fails_on = fails_on

    async def work_on(self, message: str) -> None:
        """Take the message down."""
        self.messages.append(message)
        if message == self._fails_on:
            raise RuntimeError("the shard failed")


class Service:
    """What the queue's door uses of a service."""

    def __init__(self, sweeper: Sweeper) -> None:
        self.sweeper = sweeper


def sample_settings(**changes: str) -> Mapping[str, str]:
    """Return the settings that a developer starts from, some of them changed."""
    values: dict[str, str] = json.loads((ROOT / "local.settings.sample.json").read_text("utf-8"))["Values"]
    return values | changes


def test_every_door_is_indexed() -> None:
    """A door that is not registered never opens: the app has every module's functions, and none is in error."""
    with EmbeddedHost(ROOT, sample_settings()) as host:
        modules = {function.user_function.__module__ for function in host.functions.values()}
        problems = {name: function.problem for name, function in host.functions.items() if function.problem}

    assert modules == {f"functions.{door}" for door in DOORS}
    assert problems == {}


def test_queue_door_opens_on_the_sweep_queue() -> None:
    """The door's queue is the one of SWEEP_QUEUE, in the account of the Functions host."""
    with EmbeddedHost(ROOT, sample_settings(SWEEP_QUEUE="shards-of-mine")) as host:
        trigger = host.function("on_sweep_shard").trigger

    assert trigger["type"] == "queueTrigger"
    assert trigger["queueName"] == "shards-of-mine"
    assert trigger["connection"] == "AzureWebJobsStorage"


def test_unset_queue_stops_only_its_own_door() -> None:
    """Without SWEEP_QUEUE in the app settings events, the timer and the status still work."""
    settings = {name: value for name, value in sample_settings().items() if name != "SWEEP_QUEUE"}

    with EmbeddedHost(ROOT, settings) as host:
        problems = {name: function.problem for name, function in host.functions.items() if function.problem}

    assert list(problems) == ["on_sweep_shard"]
    assert "SWEEP_QUEUE is not defined" in problems["on_sweep_shard"]


def test_queue_options_have_their_reasons() -> None:
    """docs/operations.md explains each option of queues in host.json by the value that it has."""
    options = json.loads((ROOT / "host.json").read_text("utf-8"))["extensions"]["queues"]
    text = (ROOT / "docs" / "operations.md").read_text("utf-8")

    assert [name for name, value in options.items() if f"`{name}` {value}" not in text] == []


def test_few_shards_run_at_a_time() -> None:
    """One instance works on two shards: one computes while the other waits for a page, and memory holds two."""
    queues = read_host_options(ROOT / "host.json", {}).queues

    assert queues.batch_size + queues.new_batch_threshold == 2


@asynccontextmanager
async def running(azurite: Azurite, sweeper: Sweeper, name: str, **settings: str) -> AsyncIterator[StorageQueue]:
    """Yield the sweep's queue while a host serves the app's door on it, with a sweeper of ours behind."""
    changes = {
        "AzureWebJobsStorage": azurite.connection_string,
        "SWEEP_QUEUE": name,
        "AzureWebJobs.on_reconcile_timer.Disabled": "true",
        "AzureFunctionsJobHost__extensions__queues__maxPollingInterval": "00:00:00.2",
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wiring, "_services", {asyncio.get_running_loop(): Service(sweeper)})
        host = EmbeddedHost(ROOT, sample_settings(**changes, **settings))
        queue = open_queue(azurite.connection, name, None)
        await host.start()
        try:
            yield queue
        finally:
            await host.stop()
            await queue.close()


@pytest.mark.azurite
async def test_what_the_app_sends_its_own_door_receives(azurite: Azurite) -> None:
    """A shard that goes into the queue arrives at the door once, as the text it was."""
    sweeper = Sweeper()

    async with running(azurite, sweeper, f"shards-{secrets.token_hex(6)}") as queue:
        await queue.send(["a/ü 1", '{"round": 2}', "three"])
        await until(lambda: len(sweeper.messages) >= 3)

    assert sorted(sweeper.messages) == sorted(["a/ü 1", '{"round": 2}', "three"])


@pytest.mark.azurite
async def test_shard_that_keeps_failing_is_put_aside(azurite: Azurite) -> None:
    """After three tries a message lies in the poison queue as it was, and does not hold up the others."""
    name, sweeper = f"shards-{secrets.token_hex(6)}", Sweeper(fails_on="bad")
    poison = QueueClient.from_connection_string(
        azurite.connection_string, f"{name}-poison", message_decode_policy=TextBase64DecodePolicy()
    )
    found: list[str] = []

    async def put_aside() -> bool:
        with suppress(ResourceNotFoundError):
            found.extend(message.content for message in await poison.peek_messages())
        return bool(found)

    at_once = {"AzureFunctionsJobHost__extensions__queues__visibilityTimeout": "00:00:00"}
    async with poison, running(azurite, sweeper, name, **at_once) as queue:
        await queue.send(["bad", "good"])
        await until_done(put_aside)

    assert found == ["bad"]
    assert sorted(sweeper.messages) == ["bad", "bad", "bad", "good"]

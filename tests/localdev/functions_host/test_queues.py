"""Queue triggers and outputs against a real Azurite: delivery, retries, the poison queue, encodings."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.functions.meta import Datum
from azure.storage.queue.aio import QueueServiceClient

from localdev.azurite import Azurite
from localdev.functions_host import EmbeddedHost, queue_listener
from localdev.functions_host.datums import event_grid_datum
from localdev.functions_host.host_options import MessageEncoding, QueueOptions
from localdev.functions_host.in_flight import InFlight
from localdev.functions_host.queue_listener import QueueListener
from localdev.functions_host.queue_messages import poison_queue
from shared.clock import SystemClock
from shared.secret import Secret
from shared.storage_connection import StorageConnection
from tests.fakes.manual_clock import ManualClock
from tests.fakes.waiting import give_way, until, until_done
from tests.localdev.functions_host.signature_apps import EVENT, HEADER

pytestmark = pytest.mark.azurite

APP = """
@app.queue_trigger(arg_name="message", queue_name="%IN%", connection="Sample")
@app.queue_output(arg_name="out", queue_name="%OUT%", connection="Sample")
async def f(message: func.QueueMessage, out: func.Out[str]):
    body = message.get_body().decode()
    tries.append((body, message.dequeue_count))
    if body.startswith("fail"):
        raise ValueError(body)
    if body.startswith("wait"):
        await gate.wait()
    out.set(body.upper())
"""


@dataclass(frozen=True)
class Queues:
    """An app between two queues of its own."""

    service: QueueServiceClient
    name: str
    host: EmbeddedHost
    tries: list[tuple[str, int]]
    gate: asyncio.Event

    async def put(self, *texts: str) -> None:
        """Send messages to the trigger's queue."""
        for text in texts:
            await self.service.get_queue_client(self.name).send_message(text)

    async def taken(self, queue: str, count: int) -> list[str]:
        """Return the messages of a queue when there are `count` of them, and leave none."""
        found: list[str] = []

        async def enough() -> bool:
            found.extend(await self._received(queue))
            return len(found) >= count

        await until_done(enough)
        return found

    async def empty(self) -> bool:
        """Tell whether the trigger's queue holds no message, hidden ones included."""
        properties = await self.service.get_queue_client(self.name).get_queue_properties()
        return not properties.approximate_message_count

    async def hides_one(self) -> bool:
        """Tell whether the trigger's queue holds one message that nobody can receive now."""
        client = self.service.get_queue_client(self.name)
        held = (await client.get_queue_properties()).approximate_message_count
        return held == 1 and not await client.peek_messages()

    async def _received(self, queue: str) -> list[str]:
        client = self.service.get_queue_client(queue)
        found = []
        try:
            async for message in client.receive_messages(messages_per_page=32):
                found.append(message.content)
                await client.delete_message(message)
        except ResourceNotFoundError:
            pass
        return found


@asynccontextmanager
async def queues(
    azurite: Azurite, folder: Path, options: dict[str, Any] | None = None, source: str = APP
) -> AsyncIterator[Queues]:
    """Yield a started host of an app between two new queues; the first exists, the second does not."""
    name = f"q{secrets.token_hex(6)}"
    host_json = {"version": "2.0", "extensions": {"queues": {"messageEncoding": "none"} | (options or {})}}
    (folder / "host.json").write_text(json.dumps(host_json), "utf-8")
    (folder / "function_app.py").write_text(
        f"{HEADER}import asyncio\ntries, gate = [], asyncio.Event()\n{source}", "utf-8"
    )
    settings = {"Sample": azurite.connection_string, "IN": name, "OUT": f"{name}-out"}
    async with QueueServiceClient.from_connection_string(azurite.connection_string) as service:
        await service.create_queue(name)
        host = EmbeddedHost(folder, settings)
        names = next(iter(host.functions.values())).user_function.__globals__
        await host.start()
        try:
            yield Queues(service, name, host, names["tries"], names["gate"])
        finally:
            names["gate"].set()
            await host.stop(5)


async def test_message_goes_in_and_out(azurite: Azurite, tmp_path: Path) -> None:
    """A message runs its function once, is deleted, and what the function gives is sent to a queue made for it."""
    async with queues(azurite, tmp_path) as app:
        await app.put("one", "two")
        outputs = await app.taken(f"{app.name}-out", 2)
        await until(lambda: len(app.tries) == 2)
        await until_done(app.empty)

    assert sorted(outputs) == ["ONE", "TWO"]
    assert sorted(app.tries) == [("one", 1), ("two", 1)]


async def test_failing_message_ends_in_the_poison_queue(azurite: Azurite, tmp_path: Path) -> None:
    """A message that fails maxDequeueCount times is moved to the poison queue as it was."""
    async with queues(azurite, tmp_path, {"maxDequeueCount": 3}) as app:
        await app.put("fail me")
        poisoned = await app.taken(f"{app.name}-poison", 1)

    assert poisoned == ["fail me"]
    assert app.tries == [("fail me", 1), ("fail me", 2), ("fail me", 3)]


async def test_last_try_is_the_end_at_once(azurite: Azurite, tmp_path: Path) -> None:
    """A message that fails for the last time goes to the poison queue right then, not after visibilityTimeout."""
    async with queues(azurite, tmp_path, {"maxDequeueCount": 1, "visibilityTimeout": "00:10:00"}) as app:
        await app.put("fail me")
        poisoned = await app.taken(f"{app.name}-poison", 1)

    assert poisoned == ["fail me"]
    assert app.tries == [("fail me", 1)]


async def test_failed_message_is_hidden_for_a_while(azurite: Azurite, tmp_path: Path) -> None:
    """A visibilityTimeout keeps a failed message from being tried again at once."""
    async with queues(azurite, tmp_path, {"visibilityTimeout": "00:10:00"}) as app:
        await app.put("fail me", "next")
        await app.taken(f"{app.name}-out", 1)
        await until(lambda: len(app.tries) == 2)
        await until_done(app.hides_one)

    assert sorted(app.tries) == [("fail me", 1), ("next", 1)]


async def test_base64_is_what_the_host_expects(azurite: Azurite, tmp_path: Path) -> None:
    """With messageEncoding base64, the default of the host, content travels as base64 in both directions."""
    async with queues(azurite, tmp_path, {"messageEncoding": "base64"}) as app:
        await app.put(base64.b64encode("héllo".encode()).decode())
        outputs = await app.taken(f"{app.name}-out", 1)

    assert [base64.b64decode(text).decode() for text in outputs] == ["HÉLLO"]


@pytest.mark.parametrize("text", ["not base64!", base64.b64encode(b"\xff\xfe").decode()])
async def test_message_that_cannot_be_read_is_poison(azurite: Azurite, tmp_path: Path, text: str) -> None:
    """A message that is not base64 of text goes to the poison queue as it is, without a run."""
    async with queues(azurite, tmp_path, {"messageEncoding": "base64"}) as app:
        await app.put(text)
        poisoned = await app.taken(f"{app.name}-poison", 1)

    assert poisoned == [text]
    assert app.tries == []


async def test_no_more_run_than_batch_and_threshold_allow(azurite: Azurite, tmp_path: Path) -> None:
    """At most batchSize + newBatchThreshold messages run at the same time."""
    async with queues(azurite, tmp_path, {"batchSize": 3, "newBatchThreshold": 2}) as app:
        await app.put(*(f"wait {number}" for number in range(9)))
        await until(lambda: len(app.tries) >= 3)
        held = await app.service.get_queue_client(app.name).peek_messages(32)
        at_once = len(app.tries)
        app.gate.set()
        outputs = await app.taken(f"{app.name}-out", 9)

    assert at_once <= 5
    assert len(held) >= 4
    assert len(outputs) == 9


async def test_queue_may_come_later(azurite: Azurite, tmp_path: Path) -> None:
    """A queue that does not exist yet is looked for again and again."""
    async with queues(azurite, tmp_path, {"maxPollingInterval": "00:00:00.2"}) as app:
        await app.service.delete_queue(app.name)
        for _ in range(5):  # as long as the listener's own look takes, and longer
            with pytest.raises(ResourceNotFoundError):
                await app.service.get_queue_client(app.name).peek_messages()
        await app.service.create_queue(app.name)
        await app.put("late")
        outputs = await app.taken(f"{app.name}-out", 1)

    assert outputs == ["LATE"]


async def test_run_under_way_finishes_when_the_host_stops(azurite: Azurite, tmp_path: Path) -> None:
    """A host that stops lets a message's run finish, deletes the message and sends its output."""
    async with queues(azurite, tmp_path) as app:
        await app.put("wait")
        await until(lambda: len(app.tries) == 1)
        stopping = asyncio.create_task(app.host.stop(10))
        await give_way()
        app.gate.set()
        await stopping
        outputs = await app.taken(f"{app.name}-out", 1)
        empty = await app.empty()

    assert outputs == ["WAIT"]
    assert empty


async def test_host_that_is_told_to_stop_twice_still_settles_its_message(azurite: Azurite, tmp_path: Path) -> None:
    """A signal quiesces the host before it is stopped: what is under way keeps the connection that it needs."""
    async with queues(azurite, tmp_path) as app:
        await app.put("wait for me")
        await until(lambda: bool(app.tries))
        app.host.quiesce()
        await give_way()
        stopping = asyncio.create_task(app.host.stop(grace=10.0))
        await give_way()
        app.gate.set()
        await stopping

        assert await app.empty()


async def test_list_is_a_message_per_element(azurite: Azurite, tmp_path: Path) -> None:
    """A list that a function gives is sent as one message per element, and what it returns is sent too."""
    source = (
        EVENT + '@app.queue_output(arg_name="out", queue_name="%OUT%", connection="Sample")\n'
        '@app.queue_output(arg_name="$return", queue_name="%OUT%", connection="Sample")\n'
        "async def f(event: str, out: func.Out[typing.List[str]]) -> bytes:\n"
        "    out.set(['a', 'b'])\n    return b'c'\n"
    )

    async with queues(azurite, tmp_path, source=source) as app:
        invocation = await app.host.invoke("f", event_grid_datum({}))
        outputs = await app.taken(f"{app.name}-out", 3)

    assert invocation.succeeded
    assert sorted(outputs) == ["a", "b", "c"]


async def test_message_stays_hidden_while_its_function_runs(azurite: Azurite) -> None:
    """A long run hides its message anew, and the message is still deleted at the end."""
    name = f"q{secrets.token_hex(6)}"
    clock, done = ManualClock(), asyncio.Event()

    async def run(_: object, __: object) -> bool:
        await until(lambda: clock.slept.count(300.0) >= 3)
        done.set()
        return True

    async with QueueServiceClient.from_connection_string(azurite.connection_string) as service:
        queue = await service.create_queue(name)
        await queue.send_message("long")
        options = QueueOptions(message_encoding=MessageEncoding.NONE)
        listener = QueueListener(azurite.connection, name, options=options, run=run, in_flight=InFlight(), clock=clock)
        listening = asyncio.create_task(listener.listen())
        await asyncio.wait_for(done.wait(), 20)
        listening.cancel()
        await asyncio.wait([listening])
        left = (await queue.get_queue_properties()).approximate_message_count

    assert left == 0


async def test_hosts_share_a_queue(azurite: Azurite) -> None:
    """Of several hosts on one queue each message runs in one, once, and none of them takes what it cannot run yet."""
    name = f"q{secrets.token_hex(6)}"
    wanted = {f"shard {number}" for number in range(24)}
    taken: tuple[list[str], list[str]] = ([], [])
    both = asyncio.Event()
    busy: dict[int, int] = {0: 0, 1: 0}
    most: dict[int, int] = {0: 0, 1: 0}

    def poller(number: int) -> asyncio.Task[None]:
        async def run(datum: Datum, _: object) -> bool:
            taken[number].append(datum.value)
            busy[number] += 1
            most[number] = max(most[number], busy[number])
            if all(taken):
                both.set()
            await asyncio.wait_for(both.wait(), 20)
            busy[number] -= 1
            return True

        options = QueueOptions(batch_size=1, new_batch_threshold=1, message_encoding=MessageEncoding.NONE)
        listener = QueueListener(
            azurite.connection, name, options=options, run=run, in_flight=InFlight(), clock=SystemClock()
        )
        return asyncio.create_task(listener.listen())

    async with QueueServiceClient.from_connection_string(azurite.connection_string) as service:
        queue = await service.create_queue(name)
        for text in wanted:
            await queue.send_message(text)
        pollers = [poller(0), poller(1)]

        async def done() -> bool:
            return not (await queue.get_queue_properties()).approximate_message_count

        await until_done(done)
        for listening in pollers:
            listening.cancel()
        await asyncio.wait(pollers)

    assert sorted(taken[0] + taken[1]) == sorted(wanted)
    assert all(taken)
    assert max(most.values()) <= 2


async def test_message_of_a_host_that_died_goes_to_another(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a host had received when it was killed is received anew once its time is up, and counts as tried before."""
    monkeypatch.setattr(queue_listener, "_HIDDEN", timedelta(seconds=1))
    name = f"q{secrets.token_hex(6)}"
    tries: list[tuple[str, int]] = []
    options = QueueOptions(message_encoding=MessageEncoding.NONE)

    def poller(who: str, in_flight: InFlight, *, hangs: bool) -> asyncio.Task[None]:
        async def run(_: object, metadata: Mapping[str, Datum]) -> bool:
            tries.append((who, int(metadata["DequeueCount"].value)))
            await asyncio.Event().wait() if hangs else None
            return True

        listener = QueueListener(
            azurite.connection, name, options=options, run=run, in_flight=in_flight, clock=SystemClock()
        )
        return asyncio.create_task(listener.listen())

    async with QueueServiceClient.from_connection_string(azurite.connection_string) as service:
        queue = await service.create_queue(name)
        await queue.send_message("shard")
        dying = InFlight()
        first = poller("the one that dies", dying, hangs=True)
        await until(lambda: len(tries) == 1)
        first.cancel()
        await dying.drain(0)
        await asyncio.wait([first])
        second = poller("another", InFlight(), hangs=False)
        await until(lambda: len(tries) == 2)
        second.cancel()
        await asyncio.wait([second])
        left = (await queue.get_queue_properties()).approximate_message_count

    assert tries == [("the one that dies", 1), ("another", 2)]
    assert left == 0


async def test_unreachable_queue_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """A storage account that does not answer is logged once, and not again until it has answered."""
    nowhere = StorageConnection(
        account="devstoreaccount1",
        blob_endpoint="",
        queue_endpoint="http://127.0.0.1:1/devstoreaccount1",
        table_endpoint="",
        key=Secret("c2VjcmV0LWNhbmFyeQ=="),
    )
    clock = ManualClock()
    listener = QueueListener(nowhere, "q", options=QueueOptions(), run=_never, in_flight=InFlight(), clock=clock)
    listening = asyncio.create_task(listener.listen())
    await until(lambda: len(clock.slept) >= 3)
    listening.cancel()
    await asyncio.wait([listening])

    assert caplog.text.count("queue.unreachable") == 1
    assert "canary" not in caplog.text
    assert clock.slept == sorted(clock.slept)


async def test_listener_goes_on_after_an_answer_that_is_none(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the SDK raises at half an answer, assertions included, is as if the queue had not answered."""
    nowhere = StorageConnection(
        account="a", blob_endpoint="", queue_endpoint="http://127.0.0.1:1/a", table_endpoint="", key=Secret("a2V5")
    )

    def broken(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr("azure.storage.queue.aio.QueueClient.receive_messages", broken)
    clock = ManualClock()
    listener = QueueListener(nowhere, "q", options=QueueOptions(), run=_never, in_flight=InFlight(), clock=clock)
    listening = asyncio.create_task(listener.listen())
    await until(lambda: len(clock.slept) >= 3)
    listening.cancel()
    await asyncio.wait([listening])

    assert caplog.text.count("queue.unreachable") == 1


def test_poison_queues_have_no_poison_queue() -> None:
    """A queue that is a poison queue, or whose name would grow too long, has none of its own."""
    assert poison_queue("work") == "work-poison"
    assert poison_queue("work-poison") is None
    assert poison_queue("q" * 60) is None


async def _never(_: object, __: object) -> bool:
    raise AssertionError("nothing was received")

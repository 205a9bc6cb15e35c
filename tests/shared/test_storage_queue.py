"""The queue of shards: the same in memory and in Queue Storage, and what only the latter can do."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self

import pytest
from azure.core.credentials import AccessToken, TokenRequestOptions
from azure.core.exceptions import ClientAuthenticationError
from azure.storage.queue.aio import QueueClient

from localdev.azurite import Azurite
from localdev.functions_host.host_options import MessageEncoding
from localdev.functions_host.queue_messages import decoded
from shared import storage_queue
from shared.errors import QueueUnavailable
from shared.secret import Secret
from shared.shard_queue import ShardQueue
from shared.storage_connection import StorageConnection
from shared.storage_queue import StorageQueue, open_queue
from tests.fakes.memory_queue import MemoryQueue

HOSTILE = "<a>&#0; \x00\r\n\x1b[31m\u202e'\"\\ 💎 e\u0301 {{job.id}} "


@dataclass(frozen=True)
class Sent:
    """A queue, and what a receiver of it gets."""

    queue: ShardQueue
    received: Callable[[], Awaitable[list[str]]]


@dataclass(frozen=True)
class Place:
    """A queue in Azurite that nobody has created."""

    queue: StorageQueue
    client: QueueClient

    async def received(self) -> list[str]:
        """Return every message as the Functions host would decode it."""
        found = [message async for message in self.client.receive_messages(messages_per_page=32)]
        return [decoded(message.content, MessageEncoding.BASE64) for message in found]


class RefusedIdentity:
    """An identity that gets no token."""

    async def get_token(self, *_: str, **__: Any) -> AccessToken:
        """Refuse."""
        raise ClientAuthenticationError("AADSTS7000215: canary")

    async def get_token_info(self, *_: str, options: TokenRequestOptions | None = None) -> Any:
        """Refuse."""
        del options
        raise ClientAuthenticationError("AADSTS7000215: canary")

    async def close(self) -> None:
        """Do nothing."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return


@pytest.fixture
async def place(azurite: Azurite) -> AsyncIterator[Place]:
    """Yield a queue of its own that does not exist yet, as the service opens it."""
    name = f"shards-{uuid.uuid4().hex}"
    queue = open_queue(azurite.connection, name, None)
    async with QueueClient.from_connection_string(azurite.connection_string, name) as client:
        yield Place(queue, client)
        await queue.close()


@pytest.fixture(params=["memory", pytest.param("azurite", marks=pytest.mark.azurite)])
def sent(request: pytest.FixtureRequest) -> Sent:
    """Return an empty queue in memory, or in Azurite."""
    if request.param == "memory":
        queue = MemoryQueue()

        async def taken() -> list[str]:
            return queue.take()

        return Sent(queue, taken)
    place: Place = request.getfixturevalue("place")
    return Sent(place.queue, place.received)


async def test_messages_are_received_as_they_were_sent(sent: Sent) -> None:
    """Any text comes out as it went in, and the queue need not have been created."""
    await sent.queue.send([HOSTILE, "", "x" * 45_000])

    assert sorted(await sent.received()) == sorted([HOSTILE, "", "x" * 45_000])


async def test_many_messages_are_all_there(sent: Sent) -> None:
    """As many messages are received as were sent, in one call or several."""
    await sent.queue.send([f"shard {number}" for number in range(20)])
    await sent.queue.send(["one more"])

    assert sorted(await sent.received()) == sorted([*(f"shard {number}" for number in range(20)), "one more"])


async def test_nothing_sent_is_nothing_asked(sent: Sent) -> None:
    """No messages are no work."""
    await sent.queue.send([])

    await sent.queue.send(["first"])
    assert await sent.received() == ["first"]


async def test_closing_twice_does_no_harm(sent: Sent) -> None:
    """A queue may be closed again."""
    await sent.queue.send(["first"])

    await sent.queue.close()
    await sent.queue.close()


@pytest.mark.azurite
async def test_senders_may_meet_at_the_missing_queue(azurite: Azurite) -> None:
    """Several instances that send first at the same time all get their messages through."""
    name = f"shards-{uuid.uuid4().hex}"
    senders = [open_queue(azurite.connection, name, None) for _ in range(4)]
    await asyncio.gather(*(queue.send([f"of {number}"]) for number, queue in enumerate(senders)))
    async with QueueClient.from_connection_string(azurite.connection_string, name) as client:
        received = await Place(senders[0], client).received()
    await asyncio.gather(*(queue.close() for queue in senders))

    assert sorted(received) == [f"of {number}" for number in range(4)]


@pytest.mark.azurite
async def test_messages_do_not_wait_longer_than_a_day(place: Place) -> None:
    """A queue that nobody reads does not fill for a week: the timer sends anew what was not done."""
    await place.queue.send(["shard"])

    (message,) = await place.client.peek_messages()
    assert message.expires_on is not None
    assert message.inserted_on is not None
    assert message.expires_on - message.inserted_on == timedelta(days=1)


@pytest.mark.azurite
async def test_refusal_names_the_queue_and_what_to_check(place: Place) -> None:
    """What Queue Storage answers is said, with the setting and the role to look at, and ours is the error."""
    with pytest.raises(QueueUnavailable) as raised:
        await place.queue.send(["first", *["x" * 70_000] * 3, "last"])

    assert f"send to the queue {place.client.queue_name}" in raised.value.message
    assert "413" in raised.value.message
    assert "AzureWebJobsStorage" in raised.value.hint
    assert {"first", "last"} == set(await place.received())


@pytest.mark.parametrize(
    ("identity", "said"), [(None, "ServiceRequestError"), (RefusedIdentity(), "ClientAuthenticationError")]
)
async def test_silence_is_our_own_error(
    monkeypatch: pytest.MonkeyPatch, identity: RefusedIdentity | None, said: str
) -> None:
    """An account that does not answer, or an identity that gets no token, is QueueUnavailable without a secret."""
    monkeypatch.setitem(storage_queue._RETRIES, "retry_total", 0)  # waiting would prove nothing
    endpoint = "https://127.0.0.1:1/account" if identity else "http://127.0.0.1:1/account"
    nowhere = StorageConnection(
        account="account",
        blob_endpoint="",
        queue_endpoint=endpoint,
        table_endpoint="",
        key=None if identity else Secret("Y2FuYXJ5LWNhbmFyeQ=="),
    )
    queue = open_queue(nowhere, "shards", identity)
    with pytest.raises(QueueUnavailable, match=f"Could not send to the queue shards: {said}") as raised:
        await queue.send(["shard"])
    await queue.close()

    assert "canary" not in str(raised.value)
    assert "Y2Fu" not in str(raised.value)


async def test_memory_queue_breaks_off_where_it_is_told() -> None:
    """A test may have some messages come through and the next fail, as a dying account would."""
    queue = MemoryQueue()
    queue.fails_after = 2

    with pytest.raises(QueueUnavailable):
        await queue.send(["a", "b", "c"])

    assert queue.take(1) == ["a"]
    assert queue.take() == ["b"]

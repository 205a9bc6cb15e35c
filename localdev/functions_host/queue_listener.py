"""What starts a queue-triggered function: polling, retries, and the poison queue.

The rules are those of https://github.com/Azure/azure-sdk-for-net
(sdk/storage/Microsoft.Azure.WebJobs.Extensions.Storage.Common/src/Shared/Queues/).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from azure.core.exceptions import AzureError, HttpResponseError, ResourceNotFoundError
from azure.functions.meta import Datum

from localdev.functions_host.datums import queue_datum, queue_metadata
from localdev.functions_host.host_options import QueueOptions
from localdev.functions_host.in_flight import InFlight
from localdev.functions_host.queue_messages import (
    ContentUnreadable,
    decoded,
    poison_queue,
    queue_client,
    send,
)
from shared import logs
from shared.clock import Clock
from shared.storage_answers import UNREADABLE
from shared.storage_connection import StorageConnection

if TYPE_CHECKING:
    from azure.storage.queue import QueueMessage
    from azure.storage.queue.aio import QueueClient

logger = logging.getLogger("landfall_host")

_Value = TypeVar("_Value")

# A message is hidden for this long while its function runs, and hidden anew at half time.
_HIDDEN = timedelta(minutes=10)
_SHORTEST_WAIT = 0.1

# Runs the function with the message; answers whether it succeeded.
Run = Callable[[Datum, Mapping[str, Datum]], Awaitable[bool]]


class QueueListener:
    """Polls one queue until it is cancelled; messages under way then finish under `in_flight`."""

    def __init__(
        self,
        connection: StorageConnection,
        queue: str,
        *,
        options: QueueOptions,
        run: Run,
        in_flight: InFlight,
        clock: Clock,
    ) -> None:
        self._connection = connection
        self._queue = queue
        self._poison = poison_queue(queue)
        self._options = options
        self._run = run
        self._in_flight = in_flight
        self._clock = clock
        self._under_way: set[asyncio.Task[Any]] = set()
        self._wait = 0.0
        self._reachable = True

    async def listen(self) -> None:
        """Receive messages and run the function with them, `batch_size + new_batch_threshold` at a time at most."""
        async with queue_client(self._connection, self._queue) as client:
            try:
                while True:
                    await self._poll(client)
            finally:
                while self._under_way:  # they need the client
                    await asyncio.wait(self._under_way)

    async def _poll(self, client: QueueClient) -> None:
        # To the end even when cancelled: a message once received stays hidden for minutes if nobody works on it.
        if await asyncio.shield(self._start(self._receive(client))):
            self._wait = 0.0
            await self._room()
        else:
            await self._back_off()

    async def _receive(self, client: QueueClient) -> bool:
        messages = await self._received(client)
        for message in messages:
            self._start(self._process(client, message))
        return bool(messages)

    def _start(self, work: Coroutine[Any, Any, _Value]) -> asyncio.Task[_Value]:
        task = self._in_flight.start(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return task

    async def _room(self) -> None:
        while len(self._under_way) > self._options.new_batch_threshold:
            await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)

    async def _back_off(self) -> None:
        """Wait longer and longer while there is nothing to do, with some chance in it, to maxPollingInterval."""
        longest = self._options.max_polling_interval.total_seconds()
        self._wait = min(longest, max(_SHORTEST_WAIT, self._wait * random.uniform(1.6, 2.4)))  # noqa: S311 - no secret
        await self._clock.sleep(self._wait)

    async def _received(self, client: QueueClient) -> list[QueueMessage]:
        size = self._options.batch_size
        try:
            pages = client.receive_messages(
                messages_per_page=size, max_messages=size, visibility_timeout=int(_HIDDEN.total_seconds())
            )
            messages = [message async for message in pages]
        except ResourceNotFoundError:
            return []  # nobody has created the queue yet
        except (AzureError, *UNREADABLE) as error:
            self._log_unreachable(error)
            return []
        self._reachable = True
        return messages

    def _log_unreachable(self, error: Exception) -> None:
        """Log once that the queue does not answer, until it has answered again."""
        if self._reachable:
            logger.error("%s", logs.line("queue.unreachable", queue=self._queue, error=error))
        self._reachable = False

    async def _process(self, client: QueueClient, message: QueueMessage) -> None:
        try:
            if (message.dequeue_count or 1) > self._options.max_dequeue_count:
                await self._give_up(client, message, reason="it was tried too often")
                return
            try:
                content = decoded(message.content, self._options.message_encoding)
            except ContentUnreadable as error:
                await self._give_up(client, message, reason=str(error))
                return
            async with self._kept_hidden(client, message):
                succeeded = await self._run(queue_datum(content), _metadata(message))
            await self._settle(client, message, succeeded=succeeded)
        except AzureError as error:
            # The message comes back when its time is up, as it does when a host dies.
            logger.warning("%s", logs.line("queue.message_not_settled", queue=self._queue, error=error))

    async def _settle(self, client: QueueClient, message: QueueMessage, *, succeeded: bool) -> None:
        if succeeded:
            await self._delete(client, message)
        elif self._poison is None:
            return  # left hidden: to show it at once would be a fast endless loop
        elif (message.dequeue_count or 1) >= self._options.max_dequeue_count:
            await self._give_up(client, message, reason="it failed too often")
        else:
            with contextlib.suppress(HttpResponseError):  # gone, or somebody else's by now
                hidden = int(self._options.visibility_timeout.total_seconds())
                await client.update_message(message, visibility_timeout=hidden)

    async def _give_up(self, client: QueueClient, message: QueueMessage, *, reason: str) -> None:
        if self._poison is None:
            return
        logger.warning("%s", logs.line("queue.message_poisoned", queue=self._poison, message=message.id, reason=reason))
        async with queue_client(self._connection, self._poison) as poison:
            await send(poison, message.content)
        await self._delete(client, message)

    async def _delete(self, client: QueueClient, message: QueueMessage) -> None:
        with contextlib.suppress(HttpResponseError):  # gone, or somebody else's by now
            await client.delete_message(message)

    @contextlib.asynccontextmanager
    async def _kept_hidden(self, client: QueueClient, message: QueueMessage) -> AsyncIterator[None]:
        renewing = asyncio.Lock()
        renewal = asyncio.create_task(self._renew(client, message, renewing))
        try:
            yield
        finally:
            async with renewing:  # a renewal half done would leave us with a receipt that no longer counts
                renewal.cancel()
            await asyncio.wait([renewal])

    async def _renew(self, client: QueueClient, message: QueueMessage, renewing: asyncio.Lock) -> None:
        while True:
            await self._clock.sleep(_HIDDEN.total_seconds() / 2)
            async with renewing:
                try:
                    renewed = await client.update_message(message, visibility_timeout=int(_HIDDEN.total_seconds()))
                except AzureError as error:
                    logger.warning("%s", logs.line("queue.message_not_renewed", queue=self._queue, error=error))
                    return
                message.pop_receipt = renewed.pop_receipt


def _metadata(message: QueueMessage) -> dict[str, Datum]:
    return queue_metadata(
        message_id=message.id,
        dequeue_count=message.dequeue_count or 1,
        pop_receipt=message.pop_receipt or "",
        inserted=message.inserted_on,
        expires=message.expires_on,
        next_visible=message.next_visible_on,
    )

"""Messages in Azure Queue Storage: the only home of azure.storage.queue among what is deployed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import AzureError, HttpResponseError, ResourceExistsError
from azure.storage.queue import TextBase64EncodePolicy
from azure.storage.queue.aio import QueueClient

from shared.errors import QueueUnavailable
from shared.storage_answers import UNREADABLE, UNREADABLE_HINT, told
from shared.storage_connection import StorageConnection
from shared.together import all_done

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

# One queue takes about 2,000 messages a second, far more than this asks of it:
# https://learn.microsoft.com/azure/storage/queues/scalability-targets
_AT_ONCE = 16
# Not the service's own 7 days: a shard whose message nobody received is sent anew by the timer, and a door that is
# shut for a week must not find a week of repetitions.
_KEPT = timedelta(days=1)
# The SDK's own default waits 15 s before it tries again, a good part of the time that a pass has.
_RETRIES: dict[str, Any] = {
    "initial_backoff": 0.5,
    "increment_base": 2,
    "random_jitter_range": 1,
    "retry_total": 2,
    "connection_timeout": 5,
    "read_timeout": 10,
    "permit_redirects": False,  # see blobs/connecting
}
_HINT = "Check the storage account of AzureWebJobsStorage and our role on its queues (Storage Queue Data Contributor)."


class StorageQueue:
    """One queue of a storage account, created when it is first sent to."""

    def __init__(self, client: QueueClient) -> None:
        self._client = client

    async def send(self, messages: Sequence[str]) -> None:
        """Put every message into the queue; see ShardQueue."""
        if not messages:
            return
        with _translated(f"send to the queue {self._client.queue_name}"):
            await self._send_first(messages[0])
            for start in range(1, len(messages), _AT_ONCE):
                # A few at once, each to its end: none may still be under way when one has failed.
                await all_done(map(self._send, messages[start : start + _AT_ONCE]), _AT_ONCE)

    async def close(self) -> None:
        """Release the connections. Safe to repeat."""
        await self._client.close()

    async def _send_first(self, message: str) -> None:
        """Send a message alone: the only one that may find that there is no queue yet."""
        try:
            await self._send(message)
        except HttpResponseError as error:
            if getattr(error, "error_code", None) != "QueueNotFound":
                raise
            with suppress(ResourceExistsError):  # another instance was faster
                await self._client.create_queue()
            await self._send(message)

    async def _send(self, message: str) -> None:
        await self._client.send_message(message, time_to_live=int(_KEPT.total_seconds()))


def open_queue(connection: StorageConnection, name: str, credential: AsyncTokenCredential | None) -> StorageQueue:
    """Return a queue of an account; makes no request. `credential` serves where the connection has no key.

    Texts travel as base64, as the Functions host expects them of a queue trigger unless host.json says otherwise:
    https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue#host-json
    """
    client = QueueClient(
        connection.queue_endpoint,
        name,
        credential=connection.named_key or credential,
        message_encode_policy=TextBase64EncodePolicy(),
        **_RETRIES,
    )
    return StorageQueue(client)


@contextmanager
def _translated(action: str) -> Iterator[None]:
    try:
        yield
    except HttpResponseError as error:
        raise QueueUnavailable(f"Could not {action}: {told('Queue Storage', error)}.", hint=_HINT) from error
    except (AzureError, OSError) as error:  # a time-out is an OSError
        raise QueueUnavailable(f"Could not {action}: {type(error).__name__}.", hint=_HINT) from error
    except UNREADABLE as error:
        message = f"Could not {action}: the answer cannot be read ({type(error).__name__})."
        raise QueueUnavailable(message, hint=UNREADABLE_HINT) from error

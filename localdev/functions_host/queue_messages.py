"""Queue Storage, this host's only home of its SDK: a queue's client, and how content stands in a message."""

from __future__ import annotations

import base64
import binascii
import contextlib

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.queue.aio import QueueClient

from localdev.functions_host.host_options import MessageEncoding
from shared.storage_connection import StorageConnection

POISON_SUFFIX = "-poison"
_LONGEST_QUEUE_NAME = 63


class ContentUnreadable(ValueError):
    """The text of a message is not what host.json's messageEncoding says."""


def queue_client(connection: StorageConnection, queue: str) -> QueueClient:
    """Return a client of a queue, which need not exist, on a connection with a key; close it.

    It does not retry: the SDK would wait for half a minute, and polling is repeated anyway.
    """
    return QueueClient(connection.queue_endpoint, queue, credential=_credential(connection), retry_total=0)


def poison_queue(queue: str) -> str | None:
    """Return where messages go that were tried too often; None for a queue that has no such place."""
    name = f"{queue}{POISON_SUFFIX}"
    return None if queue.endswith(POISON_SUFFIX) or len(name) > _LONGEST_QUEUE_NAME else name


async def send(client: QueueClient, text: str) -> None:
    """Put a message with this very text into the queue, which is created where it does not exist."""
    try:
        await client.send_message(text)
    except ResourceNotFoundError:
        with contextlib.suppress(ResourceExistsError):  # somebody else was first
            await client.create_queue()
        await client.send_message(text)


def decoded(text: str, encoding: MessageEncoding) -> str:
    """Return the content that a message's text stands for; raises ContentUnreadable."""
    if encoding is MessageEncoding.NONE:
        return text
    try:
        return base64.b64decode(text, validate=True).decode("utf-8")
    except (binascii.Error, ValueError) as error:
        raise ContentUnreadable("it is not base64 of UTF-8 text, as messageEncoding in host.json has it") from error


def encoded_text(content: str | bytes, encoding: MessageEncoding) -> str:
    """Return the text that stands for a content; bytes without an encoding are UTF-8."""
    raw = content.encode("utf-8") if isinstance(content, str) else content
    return base64.b64encode(raw).decode("ascii") if encoding is MessageEncoding.BASE64 else raw.decode("utf-8")


def _credential(connection: StorageConnection) -> dict[str, str]:
    key = connection.key.reveal() if connection.key else ""
    return {"account_name": connection.account, "account_key": key}

"""Queue output bindings: what a function gives, as messages in a queue."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from localdev.functions_host.app_settings import AppSettings
from localdev.functions_host.datums import compact_json
from localdev.functions_host.host_options import MessageEncoding
from localdev.functions_host.queue_messages import encoded_text, queue_client, send

if TYPE_CHECKING:
    from azure.functions.meta import Datum
    from azure.storage.queue.aio import QueueClient


class QueueSender:
    """Sends outputs; keeps one client per queue until `close`."""

    def __init__(self, settings: AppSettings, encoding: MessageEncoding) -> None:
        self._settings = settings
        self._encoding = encoding
        self._clients: dict[tuple[str, str], QueueClient] = {}

    async def send(self, binding: Mapping[str, Any], datum: Datum) -> None:
        """Send what a function gave to the queue of this binding: a list is one message per element."""
        client = self._client(str(binding.get("connection") or ""), str(binding["queueName"]))
        for content in _contents(datum):
            await send(client, encoded_text(content, self._encoding))

    async def close(self) -> None:
        """Close the clients; safe to repeat."""
        while self._clients:
            _, client = self._clients.popitem()
            await client.close()

    def _client(self, connection_name: str, queue: str) -> QueueClient:
        key = (connection_name, queue)
        if key not in self._clients:
            self._clients[key] = queue_client(self._settings.usable_connection(connection_name), queue)
        return self._clients[key]


def _contents(datum: Datum) -> list[str | bytes]:
    if datum.type in {"string", "bytes"}:
        return [datum.value]
    value = json.loads(datum.value) if datum.type == "json" else datum.value
    elements = value if isinstance(value, list) else [value]
    return [element if isinstance(element, str) else compact_json(element) for element in elements]

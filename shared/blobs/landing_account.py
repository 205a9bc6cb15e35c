"""The landing account in Blob Storage, as use cases see it."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobProperties
from azure.storage.blob.aio import BlobServiceClient

from shared.blobs.connecting import RETRIES, translated
from shared.blobs.listing import PAGE_SIZE, PageRequest, read_page
from shared.containers import is_system_container
from shared.landing import COPYING, DIRECTORY, DIRECTORY_METADATA, LEASED, Page
from shared.model import Arrival, Source, normalised_etag
from shared.storage_connection import StorageConnection

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential


class Blobs:
    """The blobs of the landing account; `page_size` is how many a page of a listing holds at most."""

    def __init__(self, client: BlobServiceClient, account: str, *, page_size: int = PAGE_SIZE) -> None:
        self._client = client
        self._account = account
        self._page_size = page_size

    async def pages(
        self, container: str, prefix: str, cursor: str = "", *, start_from: str = ""
    ) -> AsyncIterator[Page]:
        """Yield the committed blobs below a prefix, page by page; see Landing."""
        client = self._client.get_container_client(container)
        while True:
            with translated(f"list {container}/{prefix}"):
                asked = PageRequest(prefix, cursor, "" if cursor else start_from, self._page_size)
                page = await read_page(client, self._account, asked)
            yield page
            cursor = page.cursor
            if not cursor:
                return

    async def server_time(self) -> datetime:
        """Return the storage service's own clock; see Landing."""
        times: list[datetime] = []
        with translated("ask Blob Storage for the time"):
            await self._client.get_service_properties(raw_response_hook=lambda response: times.append(_date(response)))
        return times[-1]

    async def containers(self, prefix: str = "") -> list[str]:
        """Return the names of the containers that people own; see Landing."""
        with translated("list the containers"):
            found = [item.name async for item in self._client.list_containers(name_starts_with=prefix or None)]
        return [name for name in found if not is_system_container(name)]

    async def identify(self, arrival: Arrival) -> Arrival | None:
        """Return the arrival as its blob is now, or None when it is gone; see Landing."""
        blob = self._client.get_blob_client(arrival.container, arrival.path)
        with translated(f"read the properties of {arrival.full_path!r}"):
            try:
                properties = await blob.get_blob_properties()
            except ResourceNotFoundError:
                return None
        return replace(
            arrival,
            version=normalised_etag(properties.etag),
            committed_at=arrival.committed_at if arrival.source is Source.EVENT else properties.last_modified,
            size=properties.size,
            md5=_base64(properties.content_settings.content_md5),
            content_type=arrival.content_type or properties.content_settings.content_type,
            blob_type=_blob_type(arrival, properties),
            unfinished=unfinished(properties),
        )

    async def close(self) -> None:
        """Close the connections. Safe to repeat."""
        await self._client.close()


def open_blobs(connection: StorageConnection, credential: AsyncTokenCredential | None) -> Blobs:
    """Return the blobs of an account; makes no request. `credential` serves where the connection has no key."""
    client = BlobServiceClient(connection.blob_endpoint, credential=connection.named_key or credential, **RETRIES)
    return Blobs(client, connection.account)


def _date(response: Any) -> datetime:
    return parsedate_to_datetime(response.http_response.headers["Date"])


def _blob_type(arrival: Arrival, properties: BlobProperties) -> str:
    metadata = {name.lower(): value for name, value in (properties.metadata or {}).items()}
    if not properties.size and metadata.get(DIRECTORY_METADATA, "").lower() == "true":
        return DIRECTORY
    return arrival.blob_type or str(getattr(properties.blob_type, "value", properties.blob_type))


def unfinished(properties: BlobProperties) -> str:
    """Return what its properties say of a blob's content: COPYING, LEASED or ""."""
    # https://learn.microsoft.com/rest/api/storageservices/get-blob-properties
    if properties.copy.status == "pending":
        return COPYING
    return LEASED if properties.lease.state == "leased" else ""


def _base64(md5: bytes | bytearray | None) -> str | None:
    return base64.b64encode(bytes(md5)).decode("ascii") if md5 else None

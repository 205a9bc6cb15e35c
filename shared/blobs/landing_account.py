"""The landing account in Blob Storage, as use cases see it."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobProperties
from azure.storage.blob.aio import BlobServiceClient

from shared.blobs.connecting import RETRIES, translated
from shared.blobs.listing import PAGE_SIZE, PageRequest, read_page, read_server_time
from shared.blobs.manifests import Manifests
from shared.containers import is_possible, is_system_container
from shared.landing import COPYING, DIRECTORY, DIRECTORY_METADATA, LEASED, Page
from shared.model import Arrival, Source, normalised_etag
from shared.storage_connection import StorageConnection

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

# Clients and services fold these segments away (RFC 3986, section 5.2.4): the URL would be another blob's.
_FOLDED = frozenset({".", ".."})
# A name that Blob Storage takes for none: https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes
_NO_NAME = frozenset({"InvalidUri", "InvalidResourceName", "OutOfRangeInput"})
LONGEST_NAME = 1_024


class Blobs:
    """The blobs of the landing account; `page_size` is how many a page of a listing holds at most."""

    def __init__(self, client: BlobServiceClient, account: str, *, page_size: int = PAGE_SIZE) -> None:
        self._client = client
        self._account = account
        self._page_size = page_size
        self._manifests = Manifests(client)

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
        with translated("ask Blob Storage for the time"):
            return await read_server_time(self._client)

    async def containers(self, prefix: str = "") -> list[str]:
        """Return the names of the containers that people own; see Landing."""
        with translated("list the containers"):
            found = [item.name async for item in self._client.list_containers(name_starts_with=prefix or None)]
        return [name for name in found if not is_system_container(name)]

    async def identify(self, arrival: Arrival) -> Arrival | None:
        """Return the arrival as its blob is now, or None when it is gone; see Landing."""
        with translated(f"read the properties of {arrival.full_path!r}"):
            try:
                if not _FOLDED.isdisjoint(arrival.path.split("/")):
                    return await self._listed(arrival)
                return await self._asked(arrival)
            except HttpResponseError as error:
                if _is_nothing_there(error, arrival):
                    return None
                raise

    async def _asked(self, arrival: Arrival) -> Arrival:
        properties = await self._client.get_blob_client(arrival.container, arrival.path).get_blob_properties()
        if properties.etag is None:  # a login page, say: the SDK makes properties of any 200
            raise ValueError("no properties of a blob")
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

    async def _listed(self, arrival: Arrival) -> Arrival | None:
        """Return the arrival as a listing shows its blob: without what only its properties tell."""
        client, cursor = self._client.get_container_client(arrival.container), ""
        while True:
            page = await read_page(client, self._account, PageRequest(arrival.path, cursor, "", 1))
            if page.arrivals or not page.cursor:
                break
            cursor = page.cursor
        found = next((blob for blob in page.arrivals if blob.path == arrival.path), None)
        if found is None:
            return None
        return replace(
            arrival,
            version=found.version,
            committed_at=arrival.committed_at if arrival.source is Source.EVENT else found.committed_at,
            size=found.size,
            md5=found.md5,
            content_type=arrival.content_type or found.content_type,
            blob_type=arrival.blob_type or found.blob_type,
        )

    async def write_manifest(self, path: str, content: bytes) -> bool:
        """Write a manifest that is not there yet; see Landing."""
        return await self._manifests.write(path, content)

    async def read_manifest(self, path: str) -> bytes | None:
        """Return a manifest's content, or None; see Landing."""
        return await self._manifests.read(path)

    async def remove_manifest(self, path: str) -> None:
        """Remove a manifest; see Landing."""
        await self._manifests.remove(path)

    async def close(self) -> None:
        """Close the connections. Safe to repeat."""
        await self._client.close()


def open_blobs(connection: StorageConnection, credential: AsyncTokenCredential | None) -> Blobs:
    """Return the blobs of an account; makes no request. `credential` serves where the connection has no key."""
    client = BlobServiceClient(connection.blob_endpoint, credential=connection.named_key or credential, **RETRIES)
    return Blobs(client, connection.account)


def _is_nothing_there(error: HttpResponseError, arrival: Arrival) -> bool:
    """Tell whether an answer says that there is no such blob, or that none can have this name."""
    if error.status_code != 400:
        return error.status_code == 404
    code = getattr(error, "error_code", None)
    if code is None:  # a front end refuses some URLs before Blob Storage sees them; a proxy may refuse any
        is_odd = len(arrival.path) > LONGEST_NAME or not arrival.path.isprintable()
        return is_odd or not is_possible(arrival.container)
    return str(getattr(code, "value", code)) in _NO_NAME


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

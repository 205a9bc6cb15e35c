"""Blob Storage: listings and properties as our own types. The only home of azure.storage.blob."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from azure.core import MatchConditions
from azure.core.exceptions import AzureError, HttpResponseError, ResourceNotFoundError
from azure.storage.blob.aio import BlobClient, BlobServiceClient

from shared.containers import is_system_container
from shared.errors import BlobsUnavailable
from shared.landing import Page
from shared.model import Arrival, Source, normalised_etag
from shared.rules_source import RulesText
from shared.storage_connection import StorageConnection

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

# The SDK's own default waits 15 s before it tries again, longer than Event Grid lets us take for all.
_RETRIES: dict[str, Any] = {
    "initial_backoff": 0.5,
    "increment_base": 2,
    "random_jitter_range": 1,
    "retry_total": 2,
    "connection_timeout": 5,
    "read_timeout": 30,
}
_HINT = "Check the storage account of LANDING_STORAGE (or AzureWebJobsStorage) and our role on its blobs."


class Blobs:
    """The blobs of the landing account."""

    def __init__(self, client: BlobServiceClient, account: str) -> None:
        self._client = client
        self._account = account

    async def pages(self, container: str, prefix: str, cursor: str = "") -> AsyncIterator[Page]:
        """Yield the committed blobs below a prefix, page by page; see Landing."""
        times: list[datetime] = []
        listing = self._client.get_container_client(container).list_blobs(
            name_starts_with=prefix, raw_response_hook=lambda response: times.append(_date(response))
        )
        pages = listing.by_page(continuation_token=cursor or None)
        with _translated(f"list {container}/{prefix}"):
            async for page in pages:
                arrivals = tuple([self._listed(container, blob) async for blob in page])
                # The SDK keeps the next page's marker on the iterator; "" and None both mean the end.
                token = str(getattr(pages, "continuation_token", None) or "")
                yield Page(arrivals=arrivals, server_time=times[-1], cursor=token)

    async def server_time(self) -> datetime:
        """Return the storage service's own clock; see Landing."""
        times: list[datetime] = []
        with _translated("ask Blob Storage for the time"):
            await self._client.get_service_properties(raw_response_hook=lambda response: times.append(_date(response)))
        return times[-1]

    async def containers(self, prefix: str = "") -> list[str]:
        """Return the names of the containers that people own; see Landing."""
        with _translated("list the containers"):
            found = [item.name async for item in self._client.list_containers(name_starts_with=prefix or None)]
        return [name for name in found if not is_system_container(name)]

    async def identify(self, arrival: Arrival) -> Arrival | None:
        """Return the arrival as its blob is now, or None when it is gone; see Landing."""
        blob = self._client.get_blob_client(arrival.container, arrival.path)
        with _translated(f"read the properties of {arrival.full_path!r}"):
            try:
                properties = await blob.get_blob_properties()
            except ResourceNotFoundError:
                return None
        return replace(
            arrival,
            version=normalised_etag(properties.etag),
            committed_at=properties.last_modified if arrival.source is Source.SWEEP else arrival.committed_at,
            size=properties.size,
            md5=_base64(properties.content_settings.content_md5),
            content_type=arrival.content_type or properties.content_settings.content_type,
            blob_type=arrival.blob_type or str(getattr(properties.blob_type, "value", properties.blob_type)),
        )

    async def close(self) -> None:
        """Close the connections. Safe to repeat."""
        await self._client.close()

    def _listed(self, container: str, blob: Any) -> Arrival:
        return Arrival(
            account=self._account,
            container=container,
            path=blob.name,
            version=normalised_etag(blob.etag),
            committed_at=blob.last_modified,
            source=Source.SWEEP,
            size=blob.size,
            md5=_base64(blob.content_settings.content_md5),
            content_type=blob.content_settings.content_type,
            blob_type=str(getattr(blob.blob_type, "value", blob.blob_type)),
        )


class RulesBlob:
    """The blob that RULES_URL names: a RulesSource."""

    def __init__(self, client: BlobClient) -> None:
        self._client = client
        self.name = f"{client.container_name}/{client.blob_name}"  # the address may hold a signature

    async def read(self, unless: str) -> RulesText | None:
        """Return the rules' text, or None when its ETag is still `unless`. Raises BlobsUnavailable."""
        known: dict[str, Any] = {"etag": f'"{unless}"', "match_condition": MatchConditions.IfModified}
        condition = known if unless else {}
        with _translated(f"read the rules of {self.name}"):
            try:
                download = await self._client.download_blob(**condition)
                text = (await download.readall()).decode("utf-8-sig")
            except HttpResponseError as error:
                if error.status_code == 304:
                    return None
                raise
            except UnicodeDecodeError as error:
                raise BlobsUnavailable(f"The rules of {self.name} are not UTF-8 text.") from error
        return RulesText(text=text, version=normalised_etag(download.properties.etag))

    async def close(self) -> None:
        """Close the connections. Safe to repeat."""
        await self._client.close()


def open_rules_blob(url: str, connection: StorageConnection, credential: AsyncTokenCredential | None) -> RulesBlob:
    """Return the blob of a URL; makes no request. A signature in the URL wins, then the landing account's own key."""
    if "sig=" in urlsplit(url).query:
        return RulesBlob(BlobClient.from_blob_url(url, **_RETRIES))
    key = _key(connection) if url.startswith(f"{connection.blob_endpoint}/") else None
    return RulesBlob(BlobClient.from_blob_url(url, credential=key or credential, **_RETRIES))


def open_blobs(connection: StorageConnection, credential: AsyncTokenCredential | None) -> Blobs:
    """Return the blobs of an account; makes no request. `credential` serves where the connection has no key."""
    client = BlobServiceClient(
        connection.blob_endpoint,
        credential=_key(connection) or credential,
        **_RETRIES,
    )
    return Blobs(client, connection.account)


def _key(connection: StorageConnection) -> dict[str, str] | None:
    if connection.key is None:
        return None
    return {"account_name": connection.account, "account_key": connection.key.reveal()}


def _date(response: Any) -> datetime:
    return parsedate_to_datetime(response.http_response.headers["Date"])


def _base64(md5: bytes | bytearray | None) -> str | None:
    return base64.b64encode(bytes(md5)).decode("ascii") if md5 else None


@contextmanager
def _translated(action: str) -> Iterator[None]:
    try:
        yield
    except HttpResponseError as error:
        code = getattr(error, "error_code", None) or error.reason
        raise BlobsUnavailable(
            f"Could not {action}: Blob Storage answered {error.status_code} {code}.", hint=_HINT
        ) from error
    except (AzureError, OSError) as error:  # a time-out is an OSError
        raise BlobsUnavailable(f"Could not {action}: {type(error).__name__}.", hint=_HINT) from error

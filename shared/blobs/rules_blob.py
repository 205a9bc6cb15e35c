"""The blob that RULES_URL names, read again only when its ETag changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError
from azure.storage.blob.aio import BlobClient

from shared.blobs.connecting import RETRIES, translated
from shared.errors import BlobsUnavailable
from shared.model import normalised_etag
from shared.rules_source import RulesText
from shared.storage_connection import StorageConnection

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential


LONGEST_RULES = 32 * 1024 * 1024  # bytes; see yaml_source


class RulesBlob:
    """The blob that RULES_URL names: a RulesSource."""

    def __init__(self, client: BlobClient) -> None:
        self._client = client
        self.name = f"{client.container_name}/{client.blob_name}"  # the address may hold a signature

    async def read(self, unless: str) -> RulesText | None:
        """Return the rules' text, or None when its ETag is still `unless`. Raises BlobsUnavailable."""
        known: dict[str, Any] = {"etag": f'"{unless}"', "match_condition": MatchConditions.IfModified}
        condition = known if unless else {}
        with translated(f"read the rules of {self.name}"):
            try:
                download = await self._client.download_blob(**condition)
                if download.size > LONGEST_RULES:
                    raise BlobsUnavailable(f"The rules of {self.name} have {download.size} bytes: no rules file has.")
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
        return RulesBlob(BlobClient.from_blob_url(url, **RETRIES))
    key = connection.named_key if url.startswith(f"{connection.blob_endpoint}/") else None
    return RulesBlob(BlobClient.from_blob_url(url, credential=key or credential, **RETRIES))

"""The container of Event Grid's dead letters in Blob Storage: a DeadLetterStore."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.storage.blob.aio import BlobPrefix, ContainerClient

from shared.blobs.connecting import RETRIES, translated
from shared.dead_letter_store import Folder, StoredLetter, place_in, second_place_in
from shared.errors import BlobsUnavailable
from shared.model import normalised_etag
from shared.storage_connection import StorageConnection

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential
    from azure.storage.blob.aio import BlobClient

# What 412 says when a blob has another ETag by now; it also says that a lease is missing, which is no such thing.
_CHANGED = frozenset({"ConditionNotMet", "SourceConditionNotMet", "TargetConditionNotMet"})
_PENDING = "pending"


class DeadLetterBlobs:
    """The dead letters of one container; see DeadLetterStore."""

    def __init__(self, client: ContainerClient, account: str) -> None:
        self._client = client
        self.account = account
        self.container: str = client.container_name

    async def waiting(self, at_most: int) -> list[StoredLetter]:
        """Return the first blobs, by name, that lie in neither folder; see DeadLetterStore."""
        found: list[StoredLetter] = []
        with translated(f"list {self.container}"):
            async for blob in self._outside_folders(at_most):
                found.append(_stored(blob))
                if len(found) == at_most:
                    break
        return found

    async def read(self, letter: StoredLetter) -> bytes | None:
        """Return a letter's content, or None when it is gone or was changed; see DeadLetterStore."""
        blob = self._client.get_blob_client(letter.name)
        with translated(f"read {self._shown(letter)}"):
            try:
                content: bytes = await (await blob.download_blob(**_same_version(letter))).readall()
            except HttpResponseError as error:
                if _is_gone_or_changed(error):
                    return None
                raise
        return content

    async def move(self, letter: StoredLetter, folder: Folder) -> bool:
        """Copy a letter to a folder, then remove it; see DeadLetterStore.

        Raises BlobsUnavailable also while the service still copies: the next call finds the copy and goes on.
        """
        source = self._client.get_blob_client(letter.name)
        with translated(f"move {self._shown(letter)} to {folder.value}"):
            try:
                await self._copy(source, letter, folder)
                await source.delete_blob(**_same_version(letter))
            except HttpResponseError as error:
                if _is_gone_or_changed(error):
                    return False
                raise
        return True

    async def close(self) -> None:
        """Close the connections. Safe to repeat."""
        await self._client.close()

    async def _outside_folders(self, at_most: int) -> AsyncIterator[Any]:
        """Yield the blobs outside both folders; what is in the folders grows, and is never listed."""
        async for item in self._client.walk_blobs(delimiter="/", include=["metadata"], results_per_page=at_most):
            if not isinstance(item, BlobPrefix):
                if not _is_directory(item):
                    yield item
            elif item.name not in set(Folder):
                async for blob in self._client.list_blobs(
                    name_starts_with=item.name, include=["metadata"], results_per_page=at_most
                ):
                    if not _is_directory(blob):
                        yield blob

    async def _copy(self, source: BlobClient, letter: StoredLetter, folder: Folder) -> None:
        if await self._copied(source, letter, place_in(folder, letter.name)):
            return
        second = second_place_in(folder, letter)
        if not await self._copied(source, letter, second, its_own=True):
            raise BlobsUnavailable(
                f"Could not move {self._shown(letter)}: something else lies at {second!r}.", hint="Look at both blobs."
            )

    async def _copied(self, source: BlobClient, letter: StoredLetter, name: str, *, its_own: bool = False) -> bool:
        """Copy a letter, unless the copy is there already; tell whether it is. A name of `its_own` has no other."""
        target = self._client.get_blob_client(name)
        try:
            # Inside an account the service reads the source with the request's own authorisation, keys and
            # identities alike. https://learn.microsoft.com/rest/api/storageservices/copy-blob
            status = await target.start_copy_from_url(
                source.url,
                match_condition=MatchConditions.IfMissing,
                source_etag=_quoted(letter),
                source_match_condition=MatchConditions.IfNotModified,
            )
        except ResourceExistsError:
            there = await target.get_blob_properties()
            _refuse_unfinished(there.copy.status, letter)
            alike = _base64(there.content_settings.content_md5) == letter.md5 is not None
            return bool(there.size == letter.size and (alike or its_own))
        _refuse_unfinished(status.get("copy_status"), letter)
        return True

    def _shown(self, letter: StoredLetter) -> str:
        return repr(f"{self.container}/{letter.name}")


def open_dead_letter_blobs(
    connection: StorageConnection, container: str, credential: AsyncTokenCredential | None
) -> DeadLetterBlobs:
    """Return the dead letters of a container; makes no request. `credential` serves where there is no key."""
    key = connection.named_key
    client = ContainerClient(connection.blob_endpoint, container, credential=key or credential, **RETRIES)
    return DeadLetterBlobs(client, connection.account)


def _stored(blob: Any) -> StoredLetter:
    return StoredLetter(
        name=blob.name,
        version=normalised_etag(blob.etag),
        size=blob.size,
        md5=_base64(blob.content_settings.content_md5),
        written_at=blob.last_modified,
    )


def _is_directory(blob: Any) -> bool:
    # An account with hierarchical namespace lists its directories as empty blobs.
    metadata = {name.lower(): value for name, value in (blob.metadata or {}).items()}
    return bool(blob.size == 0 and metadata.get("hdi_isfolder", "").lower() == "true")


def _quoted(letter: StoredLetter) -> str:
    return f'"{letter.version}"'  # a listing gives ETags bare, HTTP wants the quotes


def _same_version(letter: StoredLetter) -> dict[str, Any]:
    return {"etag": _quoted(letter), "match_condition": MatchConditions.IfNotModified}


def _is_gone_or_changed(error: HttpResponseError) -> bool:
    code = getattr(error, "error_code", None)  # a StrEnum of the SDK's, or text that it does not know
    if isinstance(error, ResourceNotFoundError):
        return code != "ContainerNotFound"
    return bool(error.status_code == 412 and code in _CHANGED)


def _refuse_unfinished(status: object, letter: StoredLetter) -> None:
    if status == _PENDING:
        raise BlobsUnavailable(
            f"The copy of {letter.name!r} is not finished.", hint="Nothing is lost: the next pass looks at it again."
        )


def _base64(md5: bytes | bytearray | None) -> str | None:
    return base64.b64encode(bytes(md5)).decode("ascii") if md5 else None

"""Manifests in Blob Storage: each is written once, by whoever comes first, and never changed."""

from __future__ import annotations

from contextlib import suppress

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import ContentSettings, StorageErrorCode
from azure.storage.blob.aio import BlobServiceClient, ContainerClient

from shared.blobs.connecting import translated
from shared.containers import MANIFESTS

_JSON = ContentSettings(content_type="application/json")


class Manifests:
    """The container of manifests; made when the first is written."""

    def __init__(self, client: BlobServiceClient) -> None:
        self._client = client

    async def write(self, path: str, content: bytes) -> bool:
        """Write a manifest that is not there yet; return whether this call did. Raises BlobsUnavailable."""
        container = self._container
        with translated(f"write the manifest {path!r}"):
            try:
                return await _create(container, path, content)
            except ResourceNotFoundError as error:
                if getattr(error, "error_code", None) != StorageErrorCode.CONTAINER_NOT_FOUND:
                    raise
            with suppress(ResourceExistsError):  # somebody else has made it just now
                await container.create_container()
            return await _create(container, path, content)

    async def read(self, path: str) -> bytes | None:
        """Return a manifest's content, None where there is none. Raises BlobsUnavailable."""
        with translated(f"read the manifest {path!r}"):
            try:
                download = await self._container.download_blob(path)
                content: bytes = await download.readall()
            except ResourceNotFoundError:  # of the blob, or of the container
                return None
        return content

    async def remove(self, path: str) -> None:
        """Remove a manifest. Safe to repeat. Raises BlobsUnavailable."""
        with translated(f"remove the manifest {path!r}"):
            try:
                await self._container.delete_blob(path)
            except ResourceNotFoundError:
                return

    @property
    def _container(self) -> ContainerClient:
        return self._client.get_container_client(MANIFESTS)


async def _create(container: ContainerClient, path: str, content: bytes) -> bool:
    try:
        # Without `overwrite` the SDK sends `If-None-Match: *`.
        await container.upload_blob(path, content, overwrite=False, content_settings=_JSON)
    except ResourceExistsError:
        return False
    return True

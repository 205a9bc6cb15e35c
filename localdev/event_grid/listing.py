"""A container's listing as blob states: the watcher's eyes, and with dead_letters the only user of the storage SDK."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import ResourceNotFoundError

from localdev.event_grid.blob_changes import BLOCK_BLOB, BlobState
from shared.model import normalised_etag

if TYPE_CHECKING:
    from azure.storage.blob import BlobProperties
    from azure.storage.blob.aio import ContainerClient

_BLOCK_LISTS_AT_ONCE = 8


async def list_states(container: ContainerClient, known: Mapping[str, BlobState]) -> dict[str, BlobState]:
    """Return the state of every blob of a container by its path; of one that changes meanwhile, the known state.

    Raises what the storage SDK raises.
    """
    states: dict[str, BlobState] = {}
    unsure: dict[str, BlobState] = {}
    async for blob in container.list_blobs(include=["copy", "metadata"]):
        path, state = str(blob.name), _state_of(blob)
        before = known.get(path)
        if before is not None and before.etag == state.etag:
            states[path] = before
        elif state.md5 or state.blob_type != BLOCK_BLOB:
            states[path] = state
        else:  # a Put Block List, or a blob whose headers were set: only its blocks can tell
            unsure[path] = state
    for path, settled in (await _settle(container, unsure)).items():
        if state_now := settled or known.get(path):
            states[path] = state_now
    return states


async def _settle(container: ContainerClient, unsure: Mapping[str, BlobState]) -> dict[str, BlobState | None]:
    gate = asyncio.Semaphore(_BLOCK_LISTS_AT_ONCE)
    settled = await asyncio.gather(*(_with_blocks(container, gate, path, state) for path, state in unsure.items()))
    return dict(zip(unsure, settled, strict=True))


async def _with_blocks(
    container: ContainerClient, gate: asyncio.Semaphore, path: str, state: BlobState
) -> BlobState | None:
    """Return the state with the digest of its blocks, None when the blob has moved on since it was listed."""
    etags: list[str] = []

    def keep_etag(response: Any) -> None:
        etags.append(normalised_etag(response.http_response.headers.get("ETag", "")))

    async with gate:
        try:
            committed, _ = await container.get_blob_client(path).get_block_list(
                "committed", raw_response_hook=keep_etag
            )
        except ResourceNotFoundError:
            return None
    if not committed:
        return state
    # https://learn.microsoft.com/rest/api/storageservices/get-block-list: the ETag is told with committed blocks only.
    if etags[-1:] != [state.etag]:
        return None
    listed = "\n".join(f"{block.id} {block.size}" for block in committed)
    return replace(state, blocks=hashlib.sha256(listed.encode()).hexdigest())


def _state_of(blob: BlobProperties) -> BlobState:
    settings = blob.content_settings
    headers = (
        settings.content_encoding,
        settings.content_language,
        settings.content_disposition,
        settings.cache_control,
    )
    return BlobState(
        etag=normalised_etag(str(blob.etag)),
        last_modified=blob.last_modified,
        created=blob.creation_time,
        size=blob.size,
        md5=base64.b64encode(settings.content_md5).decode() if settings.content_md5 else "",
        blob_type=str(getattr(blob.blob_type, "value", blob.blob_type)),
        content_type=settings.content_type or "",
        access_tier="Default" if blob.blob_tier_inferred or not blob.blob_tier else str(blob.blob_tier),
        copy_id=blob.copy.id or "",
        metadata=dict(blob.metadata or {}),
        headers=tuple(header or "" for header in headers),
    )

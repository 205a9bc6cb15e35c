"""What happened to a blob between two listings. Pure.

A listing shows states and not operations, so this is a reconstruction. What it cannot see:

- Two overwrites between two looks are one: the older version has no event.
- A blob that was written and deleted between two looks was never there; one that was deleted and written again was
  overwritten.
- A Put Blob or Set Metadata that leaves everything visible as it was, within the second the blob was created in, is
  taken for a new version (an event too many); a Put Block List with the same block ids, the same size and other
  metadata is taken for a touch (an event too few, and a case for the sweep).
- A block list committed with an MD5 of the client's own looks like a Put Blob.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

BLOCK_BLOB = "BlockBlob"


class Api(StrEnum):
    """The storage operations that a flat account raises events for, as events name them.

    https://learn.microsoft.com/azure/event-grid/event-schema-blob-storage
    """

    PUT_BLOB = "PutBlob"
    PUT_BLOCK_LIST = "PutBlockList"
    COPY_BLOB = "CopyBlob"
    DELETE_BLOB = "DeleteBlob"


@dataclass(frozen=True, kw_only=True, slots=True)
class BlobState:
    """What a listing says of a blob, and the digest of its committed blocks where that was asked for."""

    etag: str  # bare
    last_modified: datetime  # whole seconds, as Blob Storage tells it
    created: datetime
    size: int  # bytes
    md5: str  # base64; "" where Blob Storage knows none
    blob_type: str  # BlockBlob, PageBlob or AppendBlob
    content_type: str
    access_tier: str  # "Default" where nobody has set one
    copy_id: str = ""  # of the copy that wrote the blob
    blocks: str = ""  # digest of the committed block list; "" for none
    metadata: Mapping[str, str] = field(default_factory=dict)
    headers: tuple[str, ...] = ()  # the content headers besides the type


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One thing that happened to a blob, for which Azure raises an event."""

    container: str
    path: str
    api: Api
    state: BlobState  # the new state, or for a deletion the last one known

    @property
    def full_path(self) -> str:
        """Return `container/path`, what fault plans and log lines go by."""
        return f"{self.container}/{self.path}"


def change_between(container: str, path: str, before: BlobState | None, after: BlobState | None) -> Change | None:
    """Return what happened to a blob, or None when nothing did that Azure would raise an event for."""
    if after is None:
        return Change(container=container, path=path, api=Api.DELETE_BLOB, state=before) if before else None
    if before is not None and _keeps_content(before, after):
        return None
    return Change(container=container, path=path, api=_written_by(before, after), state=after)


def _written_by(before: BlobState | None, after: BlobState) -> Api:
    if _copied(before, after):
        return Api.COPY_BLOB
    return Api.PUT_BLOCK_LIST if after.blocks else Api.PUT_BLOB


def _keeps_content(before: BlobState, after: BlobState) -> bool:
    """Tell whether the two are the same version, touched at most: a touch moves the ETag and raises no event."""
    if before.etag == after.etag:
        return True
    if _copied(before, after) or before.created != after.created or before.blob_type != after.blob_type:
        return False
    if after.blob_type != BLOCK_BLOB:
        return True  # Append Block and Put Page are not among the operations that raise events
    if (before.size, before.blocks) != (after.size, after.blocks) or (after.md5 and before.md5 != after.md5):
        return False
    # The content is the same as far as can be seen. Set Metadata and Set Blob Properties (which drops an MD5 that is
    # not sent along) leave a trace; where there is none, the same content was written again.
    return _visible(before) != _visible(after)


def _copied(before: BlobState | None, after: BlobState) -> bool:
    # Set Metadata and Put Block List leave the id of an earlier copy in place.
    return bool(after.copy_id) and (before is None or before.copy_id != after.copy_id)


def _visible(state: BlobState) -> tuple[object, ...]:
    return (state.md5, state.content_type, state.headers, dict(state.metadata))

"""A page of List Blobs, read by an XML parser: whatever it holds, in whatever order. The second of two readers.

Left out is what is no arrival: snapshots, older versions, deleted and uncommitted blobs, prefixes, and directories.
An account with a hierarchical namespace lists each directory as a blob of ResourceType `directory`; without one,
drivers mark a directory by an empty blob whose metadata says `hdi_isfolder`.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import unquote
from xml.etree import ElementTree as ET

from shared.model import Arrival, Source, normalised_etag


class UnreadablePage(ValueError):
    """An answer that is no page of a listing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Decoded:
    """What a page holds."""

    arrivals: tuple[Arrival, ...]
    next_marker: str  # "" on the last page


def parse_page(body: bytes, account: str, container: str) -> Decoded:
    """Return what a page holds; raises UnreadablePage when it is none."""
    # Blob Storage sends no document type, and entities of one's own are a way to fill our memory. In UTF-16, which is
    # told by its zero bytes, a parser would still find one.
    if b"<!DOCTYPE" in body or b"\0" in body:
        raise UnreadablePage("a document type, or a zero byte, is no part of a listing")
    try:
        root = ET.fromstring(body)  # noqa: S314 - see above; the storage account is ours, and the SDK parses it so too  # nosec B314
        blobs = root.find("Blobs")
        if root.tag != "EnumerationResults" or blobs is None:
            raise UnreadablePage(f"<{root.tag}> is no listing")
        found = [_arrival(blob, account, container) for blob in blobs.iterfind("Blob") if _is_current(blob)]
    except (ET.ParseError, ValueError, OverflowError, binascii.Error) as error:
        raise UnreadablePage(str(error)) from error
    return Decoded(
        arrivals=tuple(arrival for arrival in found if arrival is not None),
        next_marker=root.findtext("NextMarker") or "",
    )


def _is_current(blob: ET.Element) -> bool:
    """Tell whether it is what one reads under its name: no snapshot, older version, deleted blob or directory."""
    return not (
        blob.findtext("Snapshot")
        or _is_true(blob.findtext("Deleted"))
        or _is_true(blob.findtext("HasVersionsOnly"))
        or (blob.findtext("VersionId") and not _is_true(blob.findtext("IsCurrentVersion")))
        or blob.findtext("Properties/ResourceType") == "directory"
        or any(one.tag.lower() == "hdi_isfolder" and _is_true(one.text) for one in blob.iterfind("Metadata/*"))
    )


def _is_true(text: str | None) -> bool:
    return (text or "").strip().lower() == "true"


def _arrival(blob: ET.Element, account: str, container: str) -> Arrival | None:
    """Return the arrival, or None while nothing is committed: such a blob has no ETag."""
    properties = blob.find("Properties")
    etag = properties.findtext("Etag") if properties is not None else None
    if properties is None or not etag:
        return None
    return Arrival(
        account=account,
        container=container,
        path=_name(blob),
        version=normalised_etag(etag),
        committed_at=_time(properties.findtext("Last-Modified")),
        source=Source.SWEEP,
        size=_size(properties.findtext("Content-Length")),
        md5=_md5(properties.findtext("Content-MD5")),
        content_type=properties.findtext("Content-Type") or None,
        blob_type=properties.findtext("BlobType") or None,
    )


def _name(blob: ET.Element) -> str:
    name = blob.find("Name")
    if name is None or not name.text:
        raise UnreadablePage("a blob has no name")
    # XML cannot hold U+0001, say: then the whole name is percent-encoded.
    return unquote(name.text) if _is_true(name.get("Encoded")) else name.text


def _time(text: str | None) -> datetime:
    if not text:
        raise UnreadablePage("a blob has no time")
    time = parsedate_to_datetime(text)
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _size(text: str | None) -> int | None:
    size = int(text) if text else None
    if size is not None and not 0 <= size < 2**63:
        raise UnreadablePage("a blob has a size that none can have")
    return size


def _md5(text: str | None) -> str | None:
    """Return the MD5 in base64's one canonical form, to be compared as text."""
    return base64.b64encode(base64.b64decode(text)).decode("ascii") if text else None

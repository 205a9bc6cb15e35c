"""A page of List Blobs -> arrivals and the next page's marker. Pure; the first of two readers.

The SDK takes some 200 us for each blob of a page, a parser 12 to 20; this reader is one regular expression. It is a
grammar, not a search: page head, blobs and page tail must follow each other without a gap, in the order in which Blob
Storage writes them. So each character is accounted for, and nothing within a name or a value is taken for an element.
A page that says anything more, or says it otherwise (snapshots, versions, deleted blobs, prefixes, metadata,
percent-encoded names, numeric entities, CDATA, other white space), goes to `page_parser` as a whole.

What a page holds: https://learn.microsoft.com/rest/api/storageservices/list-blobs#response-body
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from xml.sax.saxutils import unescape

from shared.blobs.page_parser import Decoded, UnreadablePage, parse_page
from shared.model import Arrival, Source

__all__ = ["Decoded", "UnreadablePage", "decode_page"]

# Text as XML may have it, without the characters that a parser would change or refuse: `&` is looked at where we read.
_TEXT = r"[^<>\x00-\x1f\ufffe\uffff]"
_PLAIN_TEXT = r"[^<>&\x00-\x1f\ufffe\uffff]"
_ESCAPED_TEXT = rf"(?:{_PLAIN_TEXT}|&(?:amp|lt|gt|quot|apos);)"


def _others(group: str, text: str, *but: str) -> str:
    """Return the pattern of any elements that hold only text and are not among `but`."""
    return rf"(?:<(?!(?:{'|'.join(but)})[ />])(?P<{group}>[A-Za-z][A-Za-z0-9-]*+)(?: ?/>|>{text}*+</(?P={group})>))*+"


def _properties(group: str) -> str:
    """Return the pattern of the properties that nobody here reads; a second one of those we read is not among them."""
    read = ("Last-Modified", "Etag", "ResourceType", "Content-Length", "Content-Type", "Content-MD5", "BlobType")
    return _others(group, _PLAIN_TEXT, *read)


_HEAD = re.compile(
    r'(?:<\?xml version="1\.0" encoding="(?i:utf-8)"(?: standalone="yes")?\?>)?\n?'
    rf'<EnumerationResults(?: [A-Za-z]+="[^"<>&\x00-\x1f\ufffe\uffff]*+")*+>'
    rf"{_others('a', _ESCAPED_TEXT, 'Blobs', 'NextMarker')}<Blobs>"
)
_BLOB = re.compile(
    rf"<Blob><Name>(?P<name>{_TEXT}++)</Name><Properties>{_properties('a')}"
    r"<Last-Modified>(?P<minute>[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} (?:[01][0-9]|2[0-3]):[0-5][0-9])"
    r":(?P<second>[0-5][0-9]) GMT</Last-Modified>"
    rf"<Etag>(?P<etag>[0-9A-Za-z]++)</Etag>(?:<ResourceType>(?P<kind>file|directory)</ResourceType>)?+{_properties('b')}"
    r"<Content-Length>(?P<size>[0-9]{1,18}+)</Content-Length>"
    rf"(?:<Content-Type>(?P<type>{_TEXT}*+)</Content-Type>|<Content-Type ?/>)?+{_properties('c')}"
    rf"(?:<Content-MD5>(?P<md5>[A-Za-z0-9+/]{{21}}[AQgw]==)</Content-MD5>|<Content-MD5 ?/>)?+{_properties('d')}"
    rf"<BlobType>(?P<blob>BlockBlob|AppendBlob|PageBlob)</BlobType>{_properties('e')}"
    r"</Properties>(?:<OrMetadata ?/>)?+</Blob>"
)
_READ = tuple(
    _BLOB.groupindex[name] for name in ("name", "minute", "second", "etag", "kind", "size", "type", "md5", "blob")
)
_TAIL = re.compile(rf"</Blobs>(?:<NextMarker>({_TEXT}*+)</NextMarker>|<NextMarker ?/>)</EnumerationResults>[ \t\r\n]*+")
_UNNAMED_ENTITY = re.compile("&(?!(?:amp|lt|gt|quot|apos);)")
_QUOTES = {"&quot;": '"', "&apos;": "'"}


class _Odd(Exception):
    """The page holds what only a parser can tell the meaning of."""


def decode_page(body: bytes, account: str, container: str) -> Decoded:
    """Return the arrivals of a page of List Blobs and the next page's marker; raises UnreadablePage when it is none."""
    try:
        return _scan(body.decode("utf-8-sig"), account, container)
    except (_Odd, UnicodeDecodeError):
        return parse_page(body, account, container)


def _scan(page: str, account: str, container: str) -> Decoded:
    head = _HEAD.match(page)
    if head is None:
        raise _Odd
    arrivals: list[Arrival] = []
    end = head.end()
    for blob in _BLOB.finditer(page, end):
        if blob.start() != end:
            raise _Odd
        end = blob.end()
        name, minute, second, etag, kind, size, content_type, md5, blob_type = blob.group(*_READ)
        path = _plain(name) if "&" in name else name
        if content_type and "&" in content_type:
            content_type = _plain(content_type)
        if kind == "directory":
            continue
        arrivals.append(
            Arrival(
                account=account,
                container=container,
                path=path,
                version=etag,
                committed_at=_time(minute) + timedelta(seconds=int(second)),
                source=Source.SWEEP,
                size=int(size),
                md5=md5,
                content_type=content_type or None,
                blob_type=blob_type,
            )
        )
    tail = _TAIL.fullmatch(page, end)
    if tail is None:
        raise _Odd
    return Decoded(arrivals=tuple(arrivals), next_marker=_plain(tail[1] or ""))


def _plain(text: str) -> str:
    """Return text without its named entities; a numeric one is for the parser."""
    if _UNNAMED_ENTITY.search(text):
        raise _Odd
    return unescape(text, _QUOTES)


@lru_cache(maxsize=4096)
def _time(minute: str) -> datetime:
    """Return the time of `Sun, 22 Nov 2026 10:11`, UTC; files land many a minute."""
    try:
        return parsedate_to_datetime(f"{minute}:00 GMT")
    except ValueError as error:
        raise _Odd from error

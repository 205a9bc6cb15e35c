"""Pages of List Blobs as text: one blob as Azure writes it, and pages of everything that a page may ever hold."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from urllib.parse import quote
from xml.sax.saxutils import escape

from hypothesis import strategies as st

TIME = "Sun, 22 Nov 2026 10:11:12 GMT"
MD5 = "rL0Y20zC+Fzt72VPzMSk2A=="
# In the order, and with the empty elements, of https://learn.microsoft.com/rest/api/storageservices/list-blobs
AZURE = {
    "Creation-Time": TIME,
    "Last-Modified": TIME,
    "Etag": "0x8DCACB31CE7DB5C",
    "Content-Length": "3",
    "Content-Type": "text/csv",
    "Content-Encoding": "",
    "Content-Language": "",
    "Content-CRC64": "",
    "Content-MD5": MD5,
    "Cache-Control": "",
    "Content-Disposition": "",
    "BlobType": "BlockBlob",
    "AccessTier": "Hot",
    "AccessTierInferred": "true",
    "LeaseStatus": "unlocked",
    "LeaseState": "available",
    "ServerEncrypted": "true",
}


def element(name: str, text: str) -> str:
    """Return an element as Azure writes it."""
    return f"<{name}>{escape(text, {chr(13): '&#xD;'})}</{name}>" if text else f"<{name} />"


@dataclass(frozen=True, kw_only=True)
class Listed:
    """One `<Blob>` of a page."""

    name: str = "<Name>a.csv</Name>"  # the element
    before: str = ""  # between the name and the properties
    properties: dict[str, str] = field(default_factory=lambda: dict(AZURE))
    after: str = "<OrMetadata />"

    def __str__(self) -> str:
        inner = "".join(element(name, text) for name, text in self.properties.items())
        return f"<Blob>{self.name}{self.before}<Properties>{inner}</Properties>{self.after}</Blob>"


def blob(name: str = "a.csv", **properties: str) -> str:
    """Return a blob as Azure writes it, with some properties changed or added after the ETag."""
    first = {key: AZURE[key] for key in ("Creation-Time", "Last-Modified", "Etag")}
    changed = {key.replace("_", "-"): text for key, text in properties.items()}
    return str(Listed(name=element("Name", name), properties=first | changed | {**AZURE, **changed}))


def page(
    *blobs: str, marker: str = "", head: str = "", start: str = '\ufeff<?xml version="1.0" encoding="utf-8"?>'
) -> bytes:
    """Return a page that holds these blobs."""
    inner = f"<Blobs>{''.join(blobs)}</Blobs>" if blobs else "<Blobs />"
    return (
        f'{start}<EnumerationResults ServiceEndpoint="http://127.0.0.1/" ContainerName="landing">'
        f"{head}{inner}{element('NextMarker', marker)}</EnumerationResults>"
    ).encode()


# Any character that XML 1.0 can hold.
_CHARACTERS = st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff") | st.sampled_from(
    "\t\n\r&<>\"'%+ /;]"
)
_TEXTS = st.text(_CHARACTERS, min_size=1, max_size=12) | st.sampled_from(
    ["a.csv", "<Blob>", "</Name>", "&amp;", "100%25.csv", "a+b", "<![CDATA[x]]>", "{{x}}", "é/e\u0301", "💎"]
)


def _cdata(text: str) -> str:
    return "<Name><![CDATA[" + text.replace("]]>", "]]]]><![CDATA[>") + "]]></Name>"


def _numeric(text: str) -> str:
    return "<Name>" + "".join(f"&#x{ord(character):X};" for character in text) + "</Name>"


_NAMES = st.one_of(
    _TEXTS.map(lambda text: element("Name", text)),
    _TEXTS.filter(lambda text: "\r" not in text).map(_cdata),
    _TEXTS.map(_numeric),
    st.text(min_size=1, max_size=8)
    .filter(lambda text: not any(0xD800 <= ord(character) < 0xE000 for character in text))
    .map(lambda text: f'<Name Encoded="true">{quote(text, safe="")}</Name>'),
    _TEXTS.map(lambda text: element("Name", text).replace("<Name>", '<Name Encoded="false">')),
)
_BEFORE = st.sampled_from(
    [
        "",
        "<Deleted>true</Deleted>",
        "<Deleted>false</Deleted>",
        "<Snapshot>2026-11-22T00:00:00.0000000Z</Snapshot>",
        "<VersionId>2026-11-22T00:00:00.0000000Z</VersionId><IsCurrentVersion>true</IsCurrentVersion>",
        "<VersionId>2026-11-21T00:00:00.0000000Z</VersionId>",
    ]
)
_AFTER = st.sampled_from(
    [
        "",
        "<OrMetadata />",
        "<Metadata />",
        "<Metadata><Name>b.csv</Name><Etag>0x1</Etag></Metadata>",
        "<OrMetadata><or-a_b>complete</or-a_b></OrMetadata>",
        "<Tags><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tags>",
    ]
)
_CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "Content-Type": _TEXTS | st.just(""),
        "Content-MD5": st.binary(min_size=16, max_size=16).map(lambda raw: base64.b64encode(raw).decode())
        | st.just(""),
        "Content-Length": st.integers(0, 2**50).map(str),
        "Etag": st.sampled_from(["0x8D", '"0x8D"', 'W/"0x8D"']),
        "Last-Modified": st.sampled_from(["Mon, 29 Feb 2016 23:59:59 GMT", "Fri, 01 Jan 2027 00:00:00 GMT"]),
        "BlobType": st.sampled_from(["AppendBlob", "PageBlob"]),
        "Cache-Control": _TEXTS,
        "x-ms-blob-sequence-number": st.just("0"),
    },
)


@st.composite
def blobs(draw: st.DrawFn) -> str:
    """Draw a `<Blob>`: often just as Azure writes it, else odd in one way or several."""
    if draw(st.booleans()):
        return blob(draw(_TEXTS))
    properties = AZURE | draw(_CHANGES)
    for missing in draw(st.sets(st.sampled_from(["Content-MD5", "Content-Type", "Creation-Time", "AccessTier"]))):
        properties.pop(missing)
    order = draw(st.just(list(properties)) | st.permutations(list(properties)))
    return str(
        Listed(
            name=draw(_NAMES),
            before=draw(_BEFORE),
            properties={name: properties[name] for name in order},
            after=draw(_AFTER),
        )
    )


@st.composite
def pages(draw: st.DrawFn) -> bytes:
    """Draw a whole page."""
    items = draw(
        st.lists(
            st.one_of(
                blobs(),
                blobs(),
                blobs(),
                st.sampled_from(
                    ["<BlobPrefix><Name>p/</Name></BlobPrefix>", "\n  ", "<!-- <Blob><Name>b</Name></Blob> -->"]
                ),
            ),
            max_size=6,
        )
    )
    head = draw(st.sampled_from(["", "<Prefix>a&amp;b/</Prefix><Marker /><MaxResults>5000</MaxResults>"]))
    start = draw(
        st.sampled_from(
            [
                '\ufeff<?xml version="1.0" encoding="utf-8"?>',
                '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>',
                "",
            ]
        )
    )
    return page(*items, marker=draw(st.sampled_from(["", "2!92!MDAw--", "a&b"])), head=head, start=start)

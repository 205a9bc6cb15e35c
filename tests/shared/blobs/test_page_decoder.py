"""Pages of List Blobs: what they say, exactly, whatever they hold; the SDK's own answer is the judge."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote

import pytest
from azure.storage.blob import BlobProperties, ContainerClient
from hypothesis import given
from hypothesis import strategies as st

from shared.blobs import page_decoder
from shared.blobs.page_decoder import Decoded, UnreadablePage, decode_page
from shared.blobs.page_parser import parse_page
from shared.model import Arrival, Source, normalised_etag
from tests.shared.blobs.listing_pages import AZURE, MD5, Listed, blob, element, page, pages


def decoded(body: bytes) -> Decoded:
    """Return what a page of the container `landing` holds."""
    return decode_page(body, "account", "landing")


def names(*blobs: str) -> list[str]:
    """Return the names of the arrivals of a page."""
    return [arrival.path for arrival in decoded(page(*blobs)).arrivals]


@pytest.fixture
def _no_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing may be given to the XML parser."""

    def refuse(*_: object) -> Decoded:
        raise AssertionError("the page went to the parser")

    monkeypatch.setattr(page_decoder, "parse_page", refuse)


class _OnePage(BaseHTTPRequestHandler):
    """Answers each request with the page of its server."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body: bytes = self.server.page  # type: ignore[attr-defined]  # set by the test
        self.send_response(200)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *_: object) -> None:  # noqa: A002 - the base class names it so
        """Say nothing."""


class Judge:
    """The SDK, asked for the listing that a page stands for."""

    def __init__(self, server: ThreadingHTTPServer, client: ContainerClient) -> None:
        self._server = server
        self._client = client

    def decoded(self, body: bytes) -> Decoded:
        """Return what the SDK makes of a page, without what is no arrival."""
        self._server.page = body  # type: ignore[attr-defined]  # read by the handler
        listing = self._client.list_blobs().by_page()
        blobs = list(next(listing))
        marker = listing.continuation_token  # type: ignore[attr-defined]  # the page iterator has it
        return Decoded(
            arrivals=tuple(_arrival(blob) for blob in blobs if _is_current(blob)), next_marker=str(marker or "")
        )


def _is_current(blob: BlobProperties) -> bool:
    return not (blob.deleted or blob.snapshot or (blob.version_id and not blob.is_current_version))


def _arrival(blob: BlobProperties) -> Arrival:
    md5 = blob.content_settings.content_md5
    return Arrival(
        account="account",
        container="landing",
        path=blob.name,
        version=normalised_etag(blob.etag),
        committed_at=blob.last_modified,
        source=Source.SWEEP,
        size=blob.size,
        md5=base64.b64encode(bytes(md5)).decode() if md5 else None,
        content_type=blob.content_settings.content_type,
        blob_type=str(getattr(blob.blob_type, "value", blob.blob_type)),
    )


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    """Yield the SDK's own client in front of a server of ours."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _OnePage) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        with ContainerClient(f"http://127.0.0.1:{server.server_port}/account", "landing") as client:
            yield Judge(server, client)
        server.shutdown()
        thread.join()


@given(body=pages())
def test_any_page_reads_as_the_sdk_reads_it(judge: Judge, body: bytes) -> None:
    """Whatever a page holds, in whatever order and escapes, we and the SDK see the same blobs."""
    assert decoded(body) == judge.decoded(body)


@given(body=pages())
def test_both_readers_agree(body: bytes) -> None:
    """The fast reader says what the parser says."""
    assert decoded(body) == parse_page(body, "account", "landing")


@given(data=st.data())
def test_damaged_page_is_never_read_otherwise(data: st.DataObject) -> None:
    """The fast reader takes nothing that the parser takes otherwise, or does not take at all."""
    body = page(blob("a&b.csv"), blob("c.csv", ResourceType="file"), blob("é"), marker="m").decode()
    tokens = [
        "<",
        ">",
        "&",
        "&#65;",
        "&x;",
        "</Blob>",
        "<Blob>",
        "<Name>x</Name>",
        "\r",
        "\x01",
        "<!--",
        "]]>",
        '"',
        " ",
    ]
    start = data.draw(st.integers(0, len(body)))
    end = start + data.draw(st.integers(0, 60))
    harmed = (body[:start] + data.draw(st.sampled_from([*tokens, ""])) + body[end:]).encode()

    try:
        expected = parse_page(harmed, "account", "landing")
    except UnreadablePage:
        with pytest.raises(UnreadablePage):
            decoded(harmed)
    else:
        assert decoded(harmed) == expected


@pytest.mark.usefixtures("_no_parser")
def test_azures_page_needs_no_parser() -> None:
    """A page as Azure documents it is read by the fast reader, every field of it."""
    found = decoded(page(blob("a & b.csv"), blob(ResourceType="file"), marker="2!92!MDAw--"))

    assert found.next_marker == "2!92!MDAw--"
    assert [arrival.path for arrival in found.arrivals] == ["a & b.csv", "a.csv"]
    assert found.arrivals[1] == Arrival(
        account="account",
        container="landing",
        path="a.csv",
        version="0x8DCACB31CE7DB5C",
        committed_at=datetime(2026, 11, 22, 10, 11, 12, tzinfo=UTC),
        source=Source.SWEEP,
        size=3,
        md5=MD5,
        content_type="text/csv",
        blob_type="BlockBlob",
    )


@pytest.mark.usefixtures("_no_parser")
def test_directories_are_no_arrivals() -> None:
    """An account with a hierarchical namespace lists its directories among the blobs."""
    found = decoded(
        page(blob("crm", ResourceType="directory", Content_Length="0"), blob("crm/a.csv", ResourceType="file"))
    )

    assert [arrival.path for arrival in found.arrivals] == ["crm/a.csv"]


@pytest.mark.usefixtures("_no_parser")
@pytest.mark.parametrize(
    "name", ["</Name>", "<Blob>", "&amp;", "a&b", "{{x}}", "100%25.csv", "💎", "]]&gt;", "\u202e", "\x7f"]
)
def test_names_come_verbatim(name: str) -> None:
    """A name is text, whatever it looks like."""
    assert names(blob(name)) == [name]


@pytest.mark.parametrize("name", ["a\x01b", "\ufffe.csv", "a b/ü%", "\r\n"])
def test_encoded_names_are_decoded(name: str) -> None:
    """What XML cannot hold comes percent-encoded as a whole."""
    assert names(str(Listed(name=f'<Name Encoded="true">{quote(name, safe="")}</Name>'))) == [name]


@pytest.mark.parametrize(
    "item",
    [
        Listed(before="<Snapshot>2026-11-22T00:00:00.0000000Z</Snapshot>"),
        Listed(before="<Deleted>true</Deleted>"),
        Listed(before="<VersionId>2026-11-22T00:00:00.0000000Z</VersionId>"),
        Listed(after="<HasVersionsOnly>true</HasVersionsOnly>"),
        Listed(after="<Metadata><hdi_isfolder>true</hdi_isfolder></Metadata>"),
        Listed(properties=dict(reversed((AZURE | {"ResourceType": "directory"}).items()))),
        Listed(properties={"Content-Length": "0", "BlobType": "BlockBlob"}),
    ],
    ids=["snapshot", "deleted", "older version", "versions only", "marker", "directory", "uncommitted"],
)
def test_what_is_no_committed_blob_is_left_out(item: Listed) -> None:
    """Only the current, committed content under a name is an arrival."""
    assert names(str(item), blob("b.csv")) == ["b.csv"]


@pytest.mark.parametrize("marker", ["", "m"])
def test_empty_page_may_go_on(marker: str) -> None:
    """Blob Storage may answer with no blob and a marker all the same."""
    assert decoded(page(marker=marker)) == Decoded(arrivals=(), next_marker=marker)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>Sign in</body></html>",
        b"{}",
        page(blob())[:-20],
        page(blob()).replace(b"<Name>a.csv</Name>", b""),
        page(blob()).replace(AZURE["Last-Modified"].encode(), b"yesterday"),
        page(blob()).replace(b"<Content-Length>3<", b"<Content-Length>three<"),
        page(blob()).replace(MD5.encode(), b"x"),
        page(blob("\xff")).replace("\xff".encode(), b"\xff"),
        b'<!DOCTYPE x [<!ENTITY y "z">]>' + page(blob(), start=""),
    ],
    ids=["empty", "page", "json", "cut", "nameless", "time", "size", "md5", "encoding", "document type"],
)
def test_what_is_no_page_is_refused(body: bytes) -> None:
    """A page that cannot be read whole is no page: half a listing would look like a complete one."""
    with pytest.raises(UnreadablePage):
        decoded(body)


def test_elements_are_written_as_azure_does() -> None:
    """The pages of these tests escape as Azure does."""
    assert element("Name", "a<b>&\r") == "<Name>a&lt;b&gt;&amp;&#xD;</Name>"

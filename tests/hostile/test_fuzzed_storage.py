"""Fuzzing of what storage answers: pages of listings, and rows of the ledger that somebody else has written."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.blobs.page_decoder import UnreadablePage, decode_page
from shared.blobs.page_parser import parse_page
from shared.errors import LedgerDamaged
from shared.ledger.entry_row import entry_from, entry_values
from shared.ledger.rows import head_from, head_values, index_values, indexed_from, marker_from, marker_values
from shared.ledger.table import Put, Row, Values
from shared.versions import Head
from tests.fakes.arrivals import arrival, entry, leased
from tests.fakes.manual_clock import START
from tests.fakes.world import World
from tests.hostile import tally
from tests.hostile.fuzzing import fuzzed, outcome
from tests.hostile.mutations import mutated_text
from tests.shared.blobs import listing_pages

TEXTS = st.text(max_size=20) | st.sampled_from(
    ["", "-1", "1e9", "9" * 5000, "null", "[", "{}", "0001-01-01T00:00:00+14:00"]
)
WRITTEN = leased(entry(), START + timedelta(minutes=1)).evolve(nonce="n", run_id=7)
READERS: list[tuple[str, Callable[[Row], Any], Values]] = [
    (f"E|{WRITTEN.key}", entry_from, entry_values(WRITTEN)),
    (f"Q|1234567890123|{WRITTEN.key}", marker_from, marker_values(WRITTEN)),
    (f"T|1234567890123|{WRITTEN.key}", indexed_from, index_values(WRITTEN)),
    ("H|digest", head_from, head_values(Head.of(arrival()))),
]


@fuzzed(150)
@given(mutated_text(listing_pages.pages().map(bytes.decode)) | st.text(max_size=40))
def test_page_is_read_or_refused(text: str) -> None:
    """A page gives blobs that can be keyed, or is refused; and what the fast reader takes the parser reads alike."""
    tally.count("fuzzed")
    body = text.encode("utf-8", "surrogatepass")
    try:
        found = decode_page(body, "acct", "landing")
    except UnreadablePage:
        with pytest.raises(UnreadablePage):
            parse_page(body, "acct", "landing")
        return

    assert found == parse_page(body, "acct", "landing")
    for blob in found.arrivals:
        assert blob.path.encode()
        assert blob.version is not None
        assert blob.size is None or blob.size >= 0
        assert blob.committed_at.tzinfo is UTC


@fuzzed(100)
@given(
    st.binary(max_size=60)
    | listing_pages.pages().flatmap(lambda page: st.integers(0, len(page)).map(lambda at: page[:at]))
)
def test_broken_bytes_are_refused(body: bytes) -> None:
    """A page that ends too early, or is no text, is never taken for a shorter listing."""
    tally.count("fuzzed")
    try:
        found = decode_page(body, "acct", "landing")
    except UnreadablePage:
        return

    assert b"</EnumerationResults>" in body or b"/>" in body
    assert found == parse_page(body, "acct", "landing")


ENTITIES = (
    '<?xml version="1.0" encoding="ENCODING"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">'
    '<!ENTITY f SYSTEM "file:///etc/passwd">]><EnumerationResults><Blobs><Blob><Name>&b;&f;</Name><Properties>'
    "<Etag>1</Etag><Last-Modified>Sun, 22 Nov 2026 10:11:12 GMT</Last-Modified></Properties></Blob></Blobs>"
    "</EnumerationResults>"
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_entities_are_refused_in_every_encoding(encoding: str) -> None:
    """A document that defines entities could fill our memory, or read our files: a listing defines none."""
    body = ENTITIES.replace("ENCODING", encoding.removesuffix("-sig")).encode(encoding)

    with pytest.raises(UnreadablePage):
        decode_page(body, "acct", "landing")
    tally.count("corpus")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Content-Length", "-9"),
        ("Content-Length", str(2**63)),
        ("Content-Length", "9" * 5000),
        ("Content-Length", "7e3"),
        ("Last-Modified", "yesterday"),
        ("Last-Modified", "Sun, 22 Nov 2026 10:11:12 +99999999"),
        ("Last-Modified", "Fri, 31 Dec 9999 23:59:59 -1400"),
        ("Content-MD5", "é"),
    ],
)
def test_value_that_no_blob_has_is_refused(name: str, text: str) -> None:
    """A page with an impossible size, time or digest is no page of a listing."""
    body = listing_pages.page(str(listing_pages.Listed(properties=listing_pages.AZURE | {name: text})))

    with pytest.raises(UnreadablePage):
        decode_page(body, "acct", "landing")
    tally.count("corpus")


def test_time_without_a_zone_is_utc() -> None:
    """What the machine takes for local time does not decide when a file was committed."""
    told = listing_pages.AZURE | {"Last-Modified": "Sun, 22 Nov 2026 10:11:12 -0000"}
    body = listing_pages.page(str(listing_pages.Listed(properties=told)))

    (found,) = decode_page(body, "acct", "landing").arrivals

    assert found.committed_at == datetime(2026, 11, 22, 10, 11, 12, tzinfo=UTC)


@fuzzed(200)
@given(st.sampled_from(READERS), st.data())
def test_row_is_read_or_called_damaged(reader: tuple[str, Callable[[Row], Any], Values], data: st.DataObject) -> None:
    """A row that somebody has changed by hand is an entry, or one error that names the row and says what to do."""
    tally.count("fuzzed")
    key, read, values = reader
    changed = dict(values)
    for name in data.draw(st.sets(st.sampled_from(sorted(values)), max_size=3)):
        changed[name] = data.draw(TEXTS)
    for name in data.draw(st.sets(st.sampled_from(sorted(values)), max_size=1)):
        changed.pop(name)
    key = data.draw(st.just(key) | mutated_text(st.just(key)))

    found = outcome(lambda: read(Row("crm|0", key, changed, "etag")), LedgerDamaged)

    if isinstance(found, LedgerDamaged):
        assert "ledger's row" in str(found)
        assert str(found).isprintable()
        assert len(str(found)) < 800


async def test_damaged_rows_hold_up_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Markers and an index that cannot be read are named, and every entry goes on (invariant 6)."""
    world = World()
    world.databricks.jobs.clear()  # so that entries stay open
    claims = [await world.drop(f"landing/crm/{number}.csv") for number in range(8)]
    world.databricks.jobs["ETL"] = 7
    for partition in {f"crm|{number}" for number in range(4)}:
        rubbish = [Put(f"Q|000000000000{number}|rubbish|{number}", {"state": "no state"}) for number in range(2)]
        await world.table.transact(partition, [*rubbish, Put("T|1795348800000|rubbish", {"outcome": "x"})])
    world.clock.advance(3600)

    await world.reconciler.run()

    states = {str(entry.state) for entry in await world.all_entries()}
    assert states == {"submitted"}, states
    assert len(claims) == len(world.databricks.runs)
    assert "ledger.row_damaged" in caplog.text
    assert (await world.status.read(timedelta(hours=24))).as_json()

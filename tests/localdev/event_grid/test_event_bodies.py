"""Events look like those that Azure sends."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from azure.core.messaging import CloudEvent
from azure.eventgrid import EventGridEvent, SystemEventNames
from hypothesis import given
from hypothesis import strategies as st

from localdev.event_grid.blob_changes import Api
from localdev.event_grid.event_bodies import Schema, timestamp
from shared.events import read_events
from shared.model import Arrival
from tests.fakes.manual_clock import START, ManualClock
from tests.localdev.event_grid.samples import BLOB_ENDPOINT, CREATED_AT, captured, change, event, factory

BLOB_NAMES = st.text(
    st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufffd"), min_size=1, max_size=60
)


def shape(value: Any) -> Any:
    """Return the keys and types of a document."""
    return {key: shape(item) for key, item in value.items()} if isinstance(value, dict) else type(value)


@pytest.mark.parametrize(
    ("name", "api", "schema", "newer"),
    [
        ("real_eg_PutBlob_nested_path.json", Api.PUT_BLOB, Schema.EVENT_GRID, set()),
        ("eg_BlobCreated_PutBlockList.json", Api.PUT_BLOCK_LIST, Schema.EVENT_GRID, {"accessTier"}),
        ("eg_BlobCreated_CopyBlob.json", Api.COPY_BLOB, Schema.EVENT_GRID, {"accessTier"}),
        ("eg_BlobDeleted_DeleteBlob.json", Api.DELETE_BLOB, Schema.EVENT_GRID, set()),
        ("ce_BlobCreated_PutBlockList.json", Api.PUT_BLOCK_LIST, Schema.CLOUD_EVENTS, {"accessTier"}),
        ("ce_BlobDeleted_DeleteBlob.json", Api.DELETE_BLOB, Schema.CLOUD_EVENTS, set()),
    ],
)
def test_event_has_the_shape_of_a_capture(name: str, api: Api, schema: Schema, newer: set[str]) -> None:
    """Keys, types and constants are those of the real event; `newer` are fields that only newer captures have."""
    real, ours = captured(name), dict(event(api=api, schema=schema).document)
    ours["data"] = {key: value for key, value in ours["data"].items() if key not in newer}

    assert shape(ours) == shape(real)
    for constant in ("eventType", "type", "dataVersion", "metadataVersion", "specversion"):
        assert ours.get(constant) == real.get(constant)
    assert ours["data"]["api"] == real["data"]["api"]


def test_identifiers_are_formed_like_captured_ones() -> None:
    """Event and request id are GUIDs that differ in the tail, the sequencer has 48 digits, the ETag no quotes."""
    real, ours = captured("real_eg_PutBlob_nested_path.json"), event().document

    for document in (real, ours):
        data = document["data"]
        assert str(UUID(document["id"])) == document["id"]
        assert document["id"][:-6] == data["requestId"][:-6]
        assert data["requestId"].endswith("000000")
        assert document["id"] != data["requestId"]
        assert str(UUID(data["clientRequestId"])) == data["clientRequestId"]
        assert re.fullmatch("[0-9A-F]{32}[0-9a-f]{16}", data["sequencer"])
        assert re.fullmatch("0x[0-9A-F]+", data["eTag"])
        assert str(UUID(data["storageDiagnostics"]["batchId"])).endswith("000000")
        assert data["accessTier"] == "Default"


def test_official_event_grid_type_reads_it() -> None:
    """The Event Grid SDK decodes our event to the same values."""
    document = event("a b.csv").document

    decoded = EventGridEvent.from_json(json.dumps(document))

    assert decoded.event_type == SystemEventNames.StorageBlobCreatedEventName
    assert decoded.subject == "/blobServices/default/containers/landing/blobs/a b.csv"
    assert decoded.topic == document["topic"]
    assert decoded.data["url"] == f"{BLOB_ENDPOINT}/landing/a b.csv"
    assert decoded.id == document["id"]


def test_official_cloud_event_type_reads_it() -> None:
    """The azure-core type decodes our CloudEvent, time included."""
    decoded: CloudEvent[Any] = CloudEvent.from_dict(dict(event(schema=Schema.CLOUD_EVENTS).document))

    assert decoded.type == SystemEventNames.StorageBlobCreatedEventName
    assert decoded.time == CREATED_AT + timedelta(microseconds=999_999)
    assert decoded.source.endswith("/storageAccounts/devstoreaccount1")


@given(BLOB_NAMES, st.sampled_from(Schema))
def test_name_arrives_as_it_is(path: str, schema: Schema) -> None:
    """Whatever a blob is called, Landfall's own decoder finds it again in the event."""
    (arrival,) = read_events(json.dumps(event(path, schema=schema).document), START)

    assert isinstance(arrival, Arrival)
    assert (arrival.container, arrival.path, arrival.account) == ("landing", path, "devstoreaccount1")
    assert (arrival.version, arrival.size, arrival.api) == ("0x1", 3, "PutBlob")


def test_sequencers_increase_as_text() -> None:
    """Later events sort after earlier ones, also those of a simulator that was started later."""
    clock = ManualClock()
    events = factory(clock=clock)
    first = [events.event_of(change()).document["data"]["sequencer"] for _ in range(200)]
    clock.advance(0.001)
    second = factory(clock=clock).event_of(change()).document["data"]["sequencer"]

    assert sorted({*first, second}) == [*first, second]


def test_ids_are_never_the_same() -> None:
    """Every event has an id of its own."""
    events = factory()

    assert len({events.event_of(change()).id for _ in range(500)}) == 500


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        pytest.param(0.25, 0.25, id="seen within the second"),
        pytest.param(60, 0.999999, id="seen late"),
        pytest.param(-3, 0, id="our clock is behind"),
    ],
)
def test_event_time_lies_within_the_second_of_the_write(seconds: float, expected: float) -> None:
    """Last-Modified gives the second, our clock the fraction; the event is never younger than its blob."""
    clock = ManualClock(CREATED_AT + timedelta(seconds=seconds))

    document = factory(clock=clock).event_of(change()).document

    assert document["eventTime"] == timestamp(CREATED_AT + timedelta(seconds=expected))


def test_deletion_happened_when_it_was_seen() -> None:
    """A listing does not tell when a blob was deleted."""
    assert event(api=Api.DELETE_BLOB).document["eventTime"] == timestamp(START)


@given(st.datetimes(min_value=datetime(2000, 1, 1)))  # noqa: DTZ001 - hypothesis wants the bound naive
def test_times_have_seven_digits(moment: datetime) -> None:
    """Times are written as Event Grid writes them, the last digit never a zero that it would leave out."""
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[1-9]Z", timestamp(moment))

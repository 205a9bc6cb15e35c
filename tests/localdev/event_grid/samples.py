"""Blob states, changes and events for tests, in one line each."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from localdev.event_grid.blob_changes import Api, BlobState, Change
from localdev.event_grid.event_bodies import Event, EventFactory, Schema
from tests.fakes.manual_clock import START, ManualClock

CAPTURES = Path(__file__).parents[2] / "events"
CREATED_AT = datetime(2026, 11, 22, 11, 59, 30, tzinfo=UTC)
BLOB_ENDPOINT = "http://127.0.0.1:10000/devstoreaccount1"


def state(**changes: Any) -> BlobState:
    """Return a small Put Blob's state with changes applied."""
    fields: dict[str, Any] = {
        "etag": "0x1",
        "last_modified": CREATED_AT,
        "created": CREATED_AT,
        "size": 3,
        "md5": "one",
        "blob_type": "BlockBlob",
        "content_type": "text/csv",
        "access_tier": "Default",
    }
    return BlobState(**{**fields, **changes})


def change(path: str = "a.csv", api: Api = Api.PUT_BLOB, **changes: Any) -> Change:
    """Return a change of a blob in `landing`."""
    return Change(container="landing", path=path, api=api, state=state(**changes))


def factory(schema: Schema = Schema.EVENT_GRID, clock: ManualClock | None = None) -> EventFactory:
    """Return a factory for Azurite's account."""
    clock = clock or ManualClock(START)
    return EventFactory(account="devstoreaccount1", blob_endpoint=BLOB_ENDPOINT, schema=schema, clock=clock)


def event(path: str = "a.csv", api: Api = Api.PUT_BLOB, schema: Schema = Schema.EVENT_GRID) -> Event:
    """Return an event about a blob in `landing`."""
    return factory(schema).event_of(change(path, api))


def captured(name: str) -> dict[str, Any]:
    """Return an event as it was captured, or as Microsoft's documentation shows it."""
    document = json.loads((CAPTURES / name).read_text("utf-8"))
    first = document[0] if isinstance(document, list) else document
    assert isinstance(first, dict)
    return first

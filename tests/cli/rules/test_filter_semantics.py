"""Which events pass a filter, as https://learn.microsoft.com/azure/event-grid/event-filtering tells it."""

from __future__ import annotations

from typing import Any

import pytest

from cli.rules.filter.subscription_filter import AdvancedFilter, SubscriptionFilter

EVENT: dict[str, Any] = {
    "eventType": "Microsoft.Storage.BlobCreated",
    "subject": "/blobServices/default/containers/landing/blobs/CRM/a.csv",
    "data": {"api": "PutBlob", "contentLength": 100, "is": True, "nothing": None},
}


@pytest.mark.parametrize(
    ("key", "operator", "values", "passes"),
    [
        ("subject", "StringBeginsWith", ("/x", "/BLOBSERVICES/"), True),
        ("Subject", "StringEndsWith", (".json", ".CSV"), True),
        ("subject", "StringEndsWith", (".json",), False),
        ("subject", "StringContains", ("/crm/",), True),
        ("subject", "StringNotContains", ("/crm/",), False),
        ("subject", "StringNotBeginsWith", ("/crm/",), True),
        ("subject", "StringNotEndsWith", (".CSV", ".json"), False),
        ("data.api", "StringIn", ("putblob",), True),
        ("Data.Api", "StringNotIn", ("PUTBLOB",), False),
        ("data.contentLength", "NumberIn", (1, 100), True),
        ("data.contentLength", "NumberNotIn", (1, 100), False),
        ("data.contentLength", "NumberGreaterThan", (100,), False),
        ("data.contentLength", "NumberGreaterThanOrEquals", (100,), True),
        ("data.contentLength", "NumberLessThan", (101,), True),
        ("data.contentLength", "NumberLessThanOrEquals", (99,), False),
        ("data.contentLength", "NumberInRange", ([1, 2], [99, 100]), True),
        ("data.contentLength", "NumberNotInRange", ([99, 100],), False),
        ("data.contentLength", "StringIn", ("100",), False),
        ("data.is", "BoolEquals", (True,), True),
        ("data.is", "NumberIn", (1,), False),
        ("data.api", "IsNotNull", (), True),
        ("data.api", "IsNullOrUndefined", (), False),
        ("data.nothing", "IsNullOrUndefined", (), True),
        ("data.api.deeper", "IsNullOrUndefined", (), True),
    ],
)
def test_advanced_filter_judges_a_value(key: str, operator: str, values: tuple[Any, ...], passes: bool) -> None:  # noqa: FBT001 - what is expected
    """Values are alternatives, text has no case, and a value of another type is none of them."""
    assert AdvancedFilter(key, operator, values).passes(EVENT) is passes


@pytest.mark.parametrize(
    ("operator", "passes"),
    [
        *((f"String{how}", False) for how in ("BeginsWith", "EndsWith", "Contains", "In")),
        *((f"StringNot{how}", False) for how in ("BeginsWith", "EndsWith", "Contains")),
        ("NumberIn", False),
        ("NumberGreaterThan", False),
        ("IsNotNull", False),
        ("StringNotIn", True),
        ("NumberNotIn", True),
        ("IsNullOrUndefined", True),
    ],
)
def test_missing_key_fails_most_operators(operator: str, passes: bool) -> None:  # noqa: FBT001 - what is expected
    """An event without the key passes only what asks for something not to be there, and of those not all."""
    assert AdvancedFilter("data.missing", operator, (1,)).passes(EVENT) is passes


@pytest.mark.parametrize(
    ("found", "passes"),
    [
        (SubscriptionFilter(), True),
        (SubscriptionFilter(event_types=("microsoft.storage.blobcreated",)), True),
        (SubscriptionFilter(event_types=("Microsoft.Storage.BlobDeleted",)), False),
        (SubscriptionFilter(begins_with="/blobservices/", ends_with=".CSV"), True),
        (SubscriptionFilter(begins_with="/blobservices/", is_case_sensitive=True), False),
        (SubscriptionFilter(ends_with=".csv", is_case_sensitive=True), True),
        (SubscriptionFilter(begins_with="blobServices/"), False),
        (SubscriptionFilter(advanced=(AdvancedFilter("data.api", "StringIn", ("X",)),)), False),
    ],
)
def test_filter_is_a_conjunction(found: SubscriptionFilter, passes: bool) -> None:  # noqa: FBT001 - what is expected
    """Types, beginning, end and every advanced filter must hold; the subject's case counts only when it is to."""
    assert found.passes(EVENT) is passes


def test_cloud_events_have_a_type() -> None:
    """A CloudEvent calls its type `type`."""
    event = {"type": "Microsoft.Storage.BlobCreated", "subject": "/x", "data": {}}

    assert SubscriptionFilter(event_types=("Microsoft.Storage.BlobCreated",)).passes(event)

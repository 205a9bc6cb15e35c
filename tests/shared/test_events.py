"""Event Grid payload -> Arrival: what starts something, what does not, and why."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.events import DIRECTORY_RENAMED, LONGEST_NAME, Ignored, SubtreeMoved, arrival_from, read_events
from shared.model import Arrival, Source

EVENTS = Path(__file__).parent.parent / "events"
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

# file -> container, path and version of the arrival, or the reason why there is none
OUTCOMES: dict[str, tuple[str, str, str | None] | str] = {
    "ce_BlobCreated_PutBlockList": ("test-container", "new-file.txt", "0x8D4BCC2E4835CD0"),
    "ce_BlobDeleted_DeleteBlob": "no new file: Microsoft.Storage.BlobDeleted",
    "ce_hns_BlobRenamed_RenameFile": ("my-file-system", "my-renamed-file.txt", None),
    "ce_snake_case_data": "the subject names no blob",
    "deadletter_eg_BlobCreated": ("deadletter", "myBlobFile.txt", "0x8D83FACDC0C3402"),
    "eg_AsyncOperationInitiated": "no new file: Microsoft.Storage.AsyncOperationInitiated",
    "eg_BlobCreated_CopyBlob": "no container can be called so",
    "eg_BlobCreated_PutBlob_zero_length": ("deadletter", "myBlobFile.txt", "0x8D83FACDC0C3402"),
    "eg_BlobCreated_PutBlockList": ("test-container", "new-file.txt", "0x8D4BCC2E4835CD0"),
    "eg_BlobDeleted_DeleteBlob": "no new file: Microsoft.Storage.BlobDeleted",
    "eg_BlobInventoryPolicyCompleted": "no new file: Microsoft.Storage.BlobInventoryPolicyCompleted",
    "eg_BlobTierChanged": "no new file: Microsoft.Storage.BlobTierChanged",
    "eg_LifecyclePolicyCompleted": "no new file: Microsoft.Storage.LifecyclePolicyCompleted",
    "eg_SubscriptionValidation": "no new file: Microsoft.EventGrid.SubscriptionValidationEvent",
    "eg_hns_BlobCreated_CreateFile": "CreateFile only opens the file: its commit follows",
    "eg_hns_BlobRenamed_RenameFile": ("my-file-system", "my-renamed-file.txt", None),
    "eg_hns_DirectoryCreated": "no new file: Microsoft.Storage.DirectoryCreated",
    "eg_hns_DirectoryRenamed": ("my-file-system", "my-renamed-directory/", None),
    "eg_python_sdk_mock": (
        "oc2d2817345i200097container",
        "oc2d2817345i20002296blob",
        "0x8D4BCC2E4835CD0",
    ),
    "eg_sftp_BlobCreated_SftpCommit": ("testcontainer", "new-file.txt", "0x8D4BCC2E4835CD0"),
    "eg_worker_e2e_nanoseconds_missing_url": "the subject names no blob",
    "real_eg_PutBlob_colons_in_name": (
        "webhook-payloads-accepted",
        "LovelyLoans/QuickValuationCo/2024-11-19/2024-11-19T18:58:31UTC-be2f0960-ff56-4cab-8465-9ebd0f6b1d5c.json",
        "0x8DD08CC29D75EE3",
    ),
    "real_eg_PutBlob_nested_path": ("blobinput", "input/cat001.jpg", "0x8DDAC9C792C2152"),
    "real_eg_hns_PutBlob_blobUrl_identity": ("airflowcontainer", "logicapp_eventgrid/cust_1.csv", "0x8DD6EFF9966BE44"),
}


def one(body: str) -> Arrival | SubtreeMoved | Ignored:
    """Return what the only event of a body says."""
    (found,) = read_events(body, NOW)
    return found


def created(**changes: Any) -> dict[str, Any]:
    """Return a blob-created event in the Event Grid schema, with changes to the envelope and to `data`."""
    data = {"api": "PutBlob", "eTag": "0x1", "contentLength": 7} | changes.pop("data", {})
    return {
        "id": "e1",
        "topic": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/acct",
        "subject": "/blobServices/default/containers/landing/blobs/crm/a.csv",
        "eventType": "Microsoft.Storage.BlobCreated",
        "eventTime": "2026-11-22T11:59:58.1234567Z",
        "data": data,
    } | changes


def test_every_sample_has_an_expected_outcome() -> None:
    """A sample event without a stated outcome would be a hole in the specification."""
    assert set(OUTCOMES) == {path.stem for path in EVENTS.glob("*.json")}


@pytest.mark.parametrize("name", sorted(OUTCOMES))
def test_sample_event_ends_as_expected(name: str) -> None:
    """Each published or captured event becomes the arrival, or the reason, that is stated for it."""
    found = one((EVENTS / f"{name}.json").read_text())

    if isinstance(found, Ignored):
        assert found.reason == OUTCOMES[name]
    elif isinstance(found, SubtreeMoved):
        assert (found.container, found.prefix, None) == OUTCOMES[name]
    else:
        assert (found.container, found.path, found.version) == OUTCOMES[name]


def test_real_capture_gives_every_field() -> None:
    """All that rules and the ledger use of an event is read from it."""
    found = one((EVENTS / "real_eg_PutBlob_nested_path.json").read_text())

    assert found == Arrival(
        account="stisaru66acatrigger",
        container="blobinput",
        path="input/cat001.jpg",
        version="0x8DDAC9C792C2152",
        committed_at=datetime(2025, 6, 16, 6, 10, 20, 429935, tzinfo=UTC),
        source=Source.EVENT,
        size=104699,
        content_type="image/jpeg",
        blob_type="BlockBlob",
        api="PutBlob",
        event_id="7e82712b-901e-0003-2e85-de349b069525",
        event_type="Microsoft.Storage.BlobCreated",
        sequencer="0000000000000000000000000000FB71000000000000b9d1",
    )


def test_both_schemas_give_the_same_arrival() -> None:
    """The schema of the subscription makes no difference to what is claimed."""
    event_grid = one((EVENTS / "eg_BlobCreated_PutBlockList.json").read_text())
    cloud_events = one((EVENTS / "ce_BlobCreated_PutBlockList.json").read_text())

    assert event_grid == cloud_events


@pytest.mark.parametrize(
    "name",
    [
        "a b.csv",
        "100%20.csv",
        "a+b.csv",
        "a#b?c&d.csv",
        "x/blobs/y.csv",
        "é/e\u0301.csv",
        "💎.log",
        "../up.csv",
        "line\nbreak.csv",
        "\x00\x1b[31m.csv",
        "{{job.id}}.csv",
        " ",
        "trailing/",
    ],
)
def test_name_is_taken_verbatim(name: str) -> None:
    """What follows `/blobs/` is the name, never unquoted, whatever characters it holds."""
    body = json.dumps(created(subject=f"/blobServices/default/containers/landing/blobs/{name}"))

    found = one(body)

    assert isinstance(found, Arrival)
    assert (found.container, found.path) == ("landing", name)


@pytest.mark.parametrize("name", ["a\ufffd.csv", "\ud83d.csv", "x" * (LONGEST_NAME + 1)])
def test_damaged_name_is_left_to_the_sweep(name: str) -> None:
    """A name that cannot be the blob's own starts nothing: the listing has the right one."""
    found = one(json.dumps(created(subject=f"/blobServices/default/containers/landing/blobs/{name}")))

    assert isinstance(found, Ignored)


def test_subject_without_leading_slash_is_read() -> None:
    """A template of the Functions tools ships such a subject."""
    found = one(json.dumps(created(subject="blobServices/default/containers/landing/blobs/a.csv")))

    assert isinstance(found, Arrival)
    assert found.path == "a.csv"


@pytest.mark.parametrize("etag", ['"0x8D"', 'W/"0x8D"', "0x8D", ' "0x8D" '])
def test_etag_is_normalised(etag: str) -> None:
    """The same version is written with and without quotes by different services."""
    found = one(json.dumps(created(data={"eTag": etag})))

    assert isinstance(found, Arrival)
    assert found.version == "0x8D"


@pytest.mark.parametrize("etag", [None, "", '""', 5, ["0x1"], "0" * 10_000])
def test_unusable_etag_means_no_version(etag: object) -> None:
    """Without a usable ETag the version is looked up before anything is claimed."""
    found = one(json.dumps(created(data={"eTag": etag})))

    assert isinstance(found, Arrival)
    assert found.version is None


@pytest.mark.parametrize("api", ["CreateFile", "SftpCreate"])
def test_opening_a_file_starts_nothing(api: str) -> None:
    """An empty file that is still being written must not start a job."""
    found = one(json.dumps(created(data={"api": api})))

    assert isinstance(found, Ignored)


@pytest.mark.parametrize("api", ["PutBlob", "FlushWithClose", "SftpCommit", "PutBlobFromURL", "SomethingNew", ""])
def test_unknown_api_is_let_through(api: str) -> None:
    """A deny-list fails safe: an operation that Azure adds tomorrow starts its job."""
    assert isinstance(one(json.dumps(created(data={"api": api}))), Arrival)


@pytest.mark.parametrize("container", ["$logs", "$blobchangefeed", "azure-webjobs-hosts"])
def test_system_container_starts_nothing(container: str) -> None:
    """What Azure and the Functions host write would feed a job with itself."""
    found = one(json.dumps(created(subject=f"/blobServices/default/containers/{container}/blobs/x")))

    assert found == Ignored(
        reason="a system container",
        event_type="Microsoft.Storage.BlobCreated",
        subject=f"/blobServices/default/containers/{container}/blobs/x",
        event_id="e1",
    )


@pytest.mark.parametrize(
    ("size", "expected"), [(0, 0), (-1, None), (2**63 - 1, 2**63 - 1), (2**63, None), ("7", None), (True, None)]
)
def test_size_is_a_sane_number_or_absent(size: object, expected: int | None) -> None:
    """A size that no blob has is treated as not told."""
    found = one(json.dumps(created(data={"contentLength": size})))

    assert isinstance(found, Arrival)
    assert found.size == expected


@pytest.mark.parametrize("text", ["\ud800", "x" * 70_000], ids=["half a character", "too long"])
@pytest.mark.parametrize(
    ("field", "told"),
    [("eTag", "version"), ("contentType", "content_type"), ("sequencer", "sequencer"), ("blobType", "blob_type")],
)
def test_text_that_no_row_holds_counts_as_not_told(text: str, field: str, told: str) -> None:
    """It could be written nowhere, and the event would come again for a day."""
    found = one(json.dumps(created(data={field: text})))

    assert isinstance(found, Arrival)
    assert getattr(found, told) is None


def test_id_that_no_row_holds_counts_as_not_told() -> None:
    """An event without an id is an event."""
    found = one(json.dumps(created(id="x" * 70_000)))

    assert isinstance(found, Arrival)
    assert found.event_id is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-22T11:59:58.1234567Z", datetime(2026, 11, 22, 11, 59, 58, 123456, tzinfo=UTC)),
        ("2018-01-01T00:00:00.000000123Z", datetime(2018, 1, 1, tzinfo=UTC)),
        ("2022-05-26T00:00:40.1880331", datetime(2022, 5, 26, 0, 0, 40, 188033, tzinfo=UTC)),
        ("2026-11-22T12:30:00+01:00", datetime(2026, 11, 22, 11, 30, tzinfo=UTC)),
        ("2099-01-01T00:00:00Z", NOW),
        ("yesterday", NOW),
        ("", NOW),
        ("0001-01-01T00:00:00+14:00", NOW),
        ("9999-12-31T23:59:59-14:00", NOW),
        ("0001-01-01T00:00:00Z", NOW),
    ],
)
def test_event_time_is_aware_and_never_in_the_future(text: str, expected: datetime) -> None:
    """Nine digits, no zone, another zone, nonsense: an aware UTC time, not later than now, with room around it."""
    found = one(json.dumps(created(eventTime=text)))

    assert isinstance(found, Arrival)
    assert found.committed_at == expected
    assert found.committed_at.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "null",
        "{}",
        "not JSON",
        '[{"id": ',
        '"text"',
        "7",
        "[null]",
        "[[]]",
        "[" * 10_000,
        "\x1f\x8b\x08",
        '{"data": 1}',
    ],
)
def test_malformed_body_is_one_reason(body: str) -> None:
    """A body that is no event ends as one sentence, never as an exception that asks for redelivery."""
    found = one(body)

    assert isinstance(found, Ignored)
    assert found.reason


def test_empty_array_is_nothing() -> None:
    """An array without events says nothing."""
    assert list(read_events("[]", NOW)) == []


def test_byte_order_mark_is_skipped() -> None:
    """A sender that puts a mark before its JSON is understood."""
    assert isinstance(one("\ufeff" + json.dumps(created())), Arrival)


def test_bad_event_does_not_spoil_its_neighbours() -> None:
    """One malformed event among fifty costs none of the others."""
    events: list[object] = [created(id=f"e{number}") for number in range(50)]
    events[25] = {"eventType": "Microsoft.Storage.BlobCreated", "data": None}

    found = list(read_events(json.dumps(events), NOW))

    assert sum(isinstance(item, Arrival) for item in found) == 49


@pytest.mark.parametrize(
    ("topic", "url", "account"),
    [
        ("/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/acct", "", "acct"),
        ("/x/storageaccounts/acct", "", "acct"),
        ("custom", "https://other.blob.core.windows.net/c/b", "other"),
        ("custom", "https://other.dfs.core.windows.net/c/b", "other"),
        ("custom", "https://acct.blob.core.windows.net@evil/", ""),
        ("custom", "http://169.254.169.254/latest", ""),
        ("custom", "http://[", ""),
        ("", "", ""),
    ],
)
def test_account_comes_from_the_topic_then_the_url(topic: str, url: str, account: str) -> None:
    """The account is what the topic names; a URL only tells where a custom topic leaves it out."""
    found = one(json.dumps(created(topic=topic, data={"url": url})))

    assert isinstance(found, Arrival)
    assert found.account == account


def directory_renamed(**changes: Any) -> dict[str, Any]:
    """Return an event about a directory that was renamed, with changes to the envelope and to `data`."""
    data = {"api": "RenameDirectory"} | changes.pop("data", {})
    subject = "/blobServices/default/containers/landing/blobs/crm/2026"
    return created(eventType=DIRECTORY_RENAMED, subject=subject, **changes) | {"data": data}


def test_renamed_directory_is_a_subtree() -> None:
    """One event stands for all files below the new name; its prefix ends with `/`, so that no sibling is meant."""
    found = one(json.dumps(directory_renamed()))

    assert found == SubtreeMoved(
        account="acct",
        container="landing",
        prefix="crm/2026/",
        moved_at=datetime(2026, 11, 22, 11, 59, 58, 123456, tzinfo=UTC),
        event_id="e1",
    )
    assert found.full_path == "landing/crm/2026/"


@pytest.mark.parametrize("name", ["a b", "100%20", "a#b?c&d", "x/blobs/y", "💎", "line\nbreak", "{{job.id}}", "../up"])
@pytest.mark.parametrize("ending", ["", "/"])
def test_name_of_a_directory_is_taken_verbatim(name: str, ending: str) -> None:
    """What follows `/blobs/` is the directory's name, never unquoted; a `/` at its end is not doubled."""
    subject = f"/blobServices/default/containers/landing/blobs/{name}{ending}"

    found = one(json.dumps(directory_renamed() | {"subject": subject}))

    assert isinstance(found, SubtreeMoved)
    assert (found.container, found.prefix) == ("landing", f"{name}/")


def test_sftp_rename_is_told_apart_by_its_type() -> None:
    """SFTP calls the rename of a file and that of a directory by one name."""
    directory = one(json.dumps(directory_renamed(data={"api": "SftpRename"})))
    file = one(json.dumps(created(eventType="Microsoft.Storage.BlobRenamed", data={"api": "SftpRename"})))

    assert (type(directory), type(file)) == (SubtreeMoved, Arrival)


@pytest.mark.parametrize(
    ("subject", "reason"),
    [
        ("/blobServices/default/containers/landing/blobs/a\ufffd", "damaged on its way"),
        ("/blobServices/default/containers/azure-webjobs-hosts/blobs/a", "a system container"),
        ("/blobServices/default/containers/landing", "the subject names no blob"),
    ],
)
def test_directory_that_cannot_be_listed_is_ignored_with_its_reason(subject: str, reason: str) -> None:
    """A name that is not the directory's own would be listed in vain, or be another's."""
    found = one(json.dumps(directory_renamed() | {"subject": subject}))

    assert isinstance(found, Ignored)
    assert reason in found.reason
    assert "left to the sweep" not in found.reason  # which takes renamed files for old ones


def test_account_of_a_rename_comes_from_its_destination() -> None:
    """Renames carry no `url`; where the topic names no account, the destination does."""
    url = "https://other.dfs.core.windows.net/landing/crm/2026"

    found = one(json.dumps(directory_renamed(topic="custom", data={"destinationUrl": url})))

    assert isinstance(found, SubtreeMoved)
    assert found.account == "other"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)


@given(
    changes=st.dictionaries(st.sampled_from(["subject", "eventType", "eventTime", "topic", "id", "data"]), json_values)
)
def test_any_envelope_gives_one_outcome(changes: dict[str, Any]) -> None:
    """Whatever types the fields of an event have, the outcome is an arrival or a reason."""
    event = created() | changes

    assert isinstance(arrival_from(event, NOW), Arrival | Ignored)


@given(changes=st.dictionaries(st.sampled_from(["subject", "eventTime", "topic", "id", "data"]), json_values))
def test_any_renamed_directory_gives_one_outcome(changes: dict[str, Any]) -> None:
    """Whatever types its fields have, the outcome is a subtree or a reason."""
    found = one(json.dumps(directory_renamed() | changes))

    assert isinstance(found, SubtreeMoved | Ignored)


@given(data=st.dictionaries(st.sampled_from(["api", "eTag", "etag", "url", "contentLength", "sequencer"]), json_values))
def test_any_data_gives_one_outcome(data: dict[str, Any]) -> None:
    """Whatever types the fields of `data` have, the outcome is an arrival or a reason."""
    assert isinstance(arrival_from(created() | {"data": data}, NOW), Arrival | Ignored)


@given(st.text())
def test_any_text_is_survived(body: str) -> None:
    """No body whatever raises."""
    assert all(isinstance(found, Arrival | SubtreeMoved | Ignored) for found in read_events(body, NOW))

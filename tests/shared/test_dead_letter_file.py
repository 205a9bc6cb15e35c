"""Files of dead letters: every event in them is found, and what is wrong with the rest is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.dead_letter_file import UNKNOWN, read_dead_letters
from shared.events import read_events
from shared.model import Arrival
from tests.fakes.manual_clock import START

EVENTS = Path(__file__).parent.parent / "events"
DELIVERY = {
    "deadLetterReason": "MaxDeliveryAttemptsExceeded",
    "deliveryAttempts": 30,
    "lastDeliveryOutcome": "NotFound",
    "publishTime": "2026-11-21T09:00:00.1234567Z",
    "lastDeliveryAttemptTime": "2026-11-22T09:00:00.1234567Z",
}
TEXTS = st.text() | st.sampled_from(["\u2028", "\r\n", "\ud800", "\x00", "{{x}}", "\u202e"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=12,
)


def sample(name: str) -> Any:
    """Return the only event of a sample file; see tests/events."""
    content = json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))
    return content[0] if isinstance(content, list) else content


def given_up(event: dict[str, Any], *, cloud: bool = False, **changes: Any) -> dict[str, Any]:
    """Return an event as Event Grid gives up on it; its own fields are in lower case in CloudEvents."""
    added = {**DELIVERY, **changes}
    return {**event, **({key.lower(): value for key, value in added.items()} if cloud else added)}


def test_microsofts_sample_is_read() -> None:
    """The documented dead letter gives its reason, its outcome, and the event as it was."""
    (letter,) = read_dead_letters((EVENTS / "deadletter_eg_BlobCreated.json").read_bytes()).letters

    assert (letter.reason, letter.outcome) == ("MaxDeliveryAttemptsExceeded", "NotFound")
    assert set(json.loads(letter.body)) == {
        *("id", "eventTime", "eventType", "dataVersion", "metadataVersion", "topic", "subject", "data")
    }


@pytest.mark.parametrize(
    ("name", "cloud"),
    [
        ("real_eg_PutBlob_nested_path", False),
        ("eg_BlobCreated_PutBlockList", False),
        ("ce_BlobCreated_PutBlockList", True),
        ("ce_hns_BlobRenamed_RenameFile", True),
    ],
)
def test_event_is_what_its_door_would_have_got(name: str, *, cloud: bool) -> None:
    """Without what dead-lettering added, the body is the delivered one: both schemas say the same arrival."""
    event = sample(name)
    file = read_dead_letters(json.dumps([given_up(event, cloud=cloud)]).encode())
    arrival = next(read_events(file.letters[0].body, START))

    assert file.fault == ""
    assert json.loads(file.letters[0].body) == event
    assert (file.letters[0].reason, file.letters[0].outcome) == ("MaxDeliveryAttemptsExceeded", "NotFound")
    assert isinstance(arrival, Arrival)
    assert arrival == next(read_events(json.dumps(event), START))


@pytest.mark.parametrize("shape", ["array", "object", "lines", "lines of arrays", "indented", "marked"])
def test_each_shape_gives_its_events(shape: str) -> None:
    """An array is what Event Grid writes; an object, lines, indentation and a byte order mark are read as well."""
    events = [given_up(sample("real_eg_PutBlob_nested_path"), id=str(number)) for number in range(3)]
    lines = [json.dumps(event) for event in events]
    content = {
        "array": json.dumps(events),
        "object": lines[0],
        "lines": "\r\n".join([*lines, "", ""]),
        "lines of arrays": "\n".join(f"[{line}]" for line in lines),
        "indented": json.dumps(events, indent=2),
        "marked": f"\ufeff{json.dumps(events)}",
    }[shape]
    file = read_dead_letters(content.encode())

    assert file.fault == ""
    assert [json.loads(letter.body)["id"] for letter in file.letters] == ["0", "1", "2"][: len(file.letters)]
    assert len(file.letters) == (1 if shape == "object" else 3)


def test_only_line_feeds_end_a_line() -> None:
    """JSON may hold U+2028 and U+0085 as they are, which Python takes for ends of lines."""
    events = [{"type": "t", "subject": f"a\u2028b\u0085{number}"} for number in range(2)]
    file = read_dead_letters("\n".join(json.dumps(event, ensure_ascii=False) for event in events).encode())

    assert file.fault == ""
    assert [json.loads(letter.body) for letter in file.letters] == events


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "it is empty"),
        (b" \r\n ", "it is empty"),
        (b"\xef\xbb\xbf", "it is empty"),
        (b"[]", "it holds no event"),
        (b'[{"eventType": "x"}, {"eventT', "it is not JSON: Unterminated string starting at (line 1, column 23)"),
        (b"<html>", "it is not JSON: Expecting value (line 1, column 1)"),
        (b"\x1f\x8b\x08", "it is not UTF-8 text: byte 1 is wrong"),
        ('[{"eventType": "x"}]'.encode("utf-16"), "it is not UTF-8 text: byte 0 is wrong"),
        (b"null", "item 1 is no JSON object but a NoneType"),
        (b'[{"data": {}}, [1]]', "item 1 is no event: it has neither eventType nor type (and 1 more)"),
        (b'{"eventType": 7}', "item 1 is no event: it has neither eventType nor type"),
        (b"9" * 5000, "it is not JSON: ValueError (line 1)"),
        (b"[" * 100_000, "it is not JSON: RecursionError (line 1)"),
    ],
)
def test_unreadable_file_has_a_reason(content: bytes, fault: str) -> None:
    """What cannot be read is said, where, and without quoting it."""
    file = read_dead_letters(content)

    assert file.letters == ()
    assert file.fault == fault


def test_good_events_survive_bad_neighbours() -> None:
    """An item that is no event does not keep the others from their runs, and is said."""
    good = given_up(sample("real_eg_PutBlob_nested_path"))
    array = read_dead_letters(json.dumps([good, "text", good]).encode())
    lines = read_dead_letters(f'{json.dumps(good)}\n{json.dumps(good)}\n{{"eventTy'.encode())

    assert (len(array.letters), array.fault) == (2, "item 2 is no JSON object but a str")
    assert (len(lines.letters), lines.fault) == (
        2,
        "it is not JSON: Unterminated string starting at (line 3, column 2)",
    )


@pytest.mark.parametrize("reason", [None, 7, "", "x" * 65, "line\nbreak", "\u202eevil", {"a": 1}])
def test_odd_reason_is_unknown(reason: object) -> None:
    """Only what looks like a reason is counted as one: counts go to logs and pages."""
    event = given_up(sample("real_eg_PutBlob_nested_path"), deadLetterReason=reason, lastDeliveryOutcome=reason)
    (letter,) = read_dead_letters(json.dumps(event).encode()).letters

    assert (letter.reason, letter.outcome) == (UNKNOWN, UNKNOWN)


def test_event_without_a_reason_is_an_event() -> None:
    """An event that somebody put there by hand is taken in like any other."""
    file = read_dead_letters(json.dumps([sample("real_eg_PutBlob_nested_path")]).encode())

    assert (file.fault, len(file.letters), file.letters[0].reason) == ("", 1, UNKNOWN)


@given(st.binary())
def test_any_bytes_end_in_events_or_a_fault(content: bytes) -> None:
    """Reading is total: nothing raises, and nothing vanishes without a word."""
    file = read_dead_letters(content)

    assert file.letters or file.fault


@given(st.lists(st.dictionaries(TEXTS, JSON).map(lambda event: {**event, "type": "t"}), min_size=1, max_size=4))
def test_any_event_comes_through_unchanged(events: list[dict[str, Any]]) -> None:
    """Whatever events hold, each comes out as it went in, by array and by line, with one body per event."""
    given_up_events = [{**event, "deadletterreason": "TimeToLiveExceeded"} for event in events]
    array = read_dead_letters(json.dumps(given_up_events).encode())
    lines = read_dead_letters("\n".join(json.dumps(event, ensure_ascii=True) for event in given_up_events).encode())
    added = {"deadletterreason", "lastdeliveryoutcome", "deliveryattempts", "publishtime"}

    assert array.fault == lines.fault == ""
    assert array.letters == lines.letters
    assert [json.loads(letter.body) for letter in array.letters] == [
        {key: value for key, value in event.items() if key.lower() not in added} for event in events
    ]

"""New, older, or only touched."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model import Arrival, Source
from shared.versions import SAME_TIME, Comparison, Head, compare

T0 = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def arrival(source: Source, seconds: float = 0, **changes: object) -> Arrival:
    """Return an arrival of version v2, so many seconds after the head."""
    fields: dict[str, object] = {
        "account": "a",
        "container": "c",
        "path": "p",
        "version": "v2",
        "committed_at": T0 + timedelta(seconds=seconds),
        "source": source,
    }
    return Arrival(**(fields | changes))  # type: ignore[arg-type]  # the fields are spelt out above


def head(**changes: object) -> Head:
    """Return the head of version v1 at T0."""
    return Head(**({"version": "v1", "committed_at": T0} | changes))  # type: ignore[arg-type]  # the same


def test_later_event_is_a_new_version() -> None:
    """A commit event with a new ETag is a new version, even of the same size."""
    assert compare(head(size=5), arrival(Source.EVENT, 60, size=5)) is Comparison.NEW


def test_late_old_event_is_older() -> None:
    """An event of a version that has been replaced must not run: its run would read the newer bytes."""
    assert compare(head(), arrival(Source.EVENT, -60)) is Comparison.OLDER


def test_events_of_about_the_same_time_are_both_new() -> None:
    """Closer than the clocks can tell, a version runs rather than being lost."""
    assert compare(head(), arrival(Source.EVENT, -SAME_TIME.total_seconds())) is Comparison.NEW


def test_sequencers_decide_before_times() -> None:
    """Sequencers of one path order its events exactly."""
    older = arrival(Source.EVENT, 60, sequencer="00000000000004420000000000028962")
    newer = arrival(Source.EVENT, -60, sequencer="00000000000004420000000000028964")
    known = head(sequencer="00000000000004420000000000028963")

    assert compare(known, older) is Comparison.OLDER
    assert compare(known, newer) is Comparison.NEW


def test_sequencers_of_unequal_length_are_not_compared() -> None:
    """A 32-digit and a 48-digit sequencer sort differently as text and as numbers: then times decide."""
    known = head(sequencer="0" * 31 + "F")

    assert compare(known, arrival(Source.EVENT, 60, sequencer="0" * 48)) is Comparison.NEW


def test_mixed_case_sequencers_compare_as_hex() -> None:
    """Captured sequencers mix upper and lower case digits."""
    known = head(sequencer="0000000a")

    assert compare(known, arrival(Source.EVENT, -60, sequencer="0000000B")) is Comparison.NEW


def test_same_content_in_a_listing_is_a_touch() -> None:
    """Setting metadata changes ETag and time but neither size nor MD5."""
    assert compare(head(size=5, md5="m"), arrival(Source.SWEEP, 60, size=5, md5="m")) is Comparison.TOUCHED


@pytest.mark.parametrize(("size", "md5"), [(6, "m"), (5, "n"), (6, "n"), (6, None)])
def test_other_content_in_a_listing_is_new(size: int, md5: str | None) -> None:
    """Another size or another MD5 is another file."""
    assert compare(head(size=5, md5="m"), arrival(Source.SWEEP, 60, size=size, md5=md5)) is Comparison.NEW


@pytest.mark.parametrize(("known", "seen"), [(None, None), ("m", None), (None, "m")])
def test_missing_md5_is_ambiguous(known: str | None, seen: str | None) -> None:
    """Uploads in blocks have no MD5: what might be a touch runs, flagged, because losing a file is worse."""
    assert compare(head(size=5, md5=known), arrival(Source.SWEEP, 60, size=5, md5=seen)) is Comparison.AMBIGUOUS


@given(
    seconds=st.integers(-(10**6), 10**6),
    sequencer=st.none() | st.text("0123456789abcdefABCDEF", max_size=48),
    size=st.none() | st.integers(0, 5),
)
def test_what_a_listing_shows_is_never_older(seconds: int, sequencer: str | None, size: int | None) -> None:
    """A listing shows what is there now, whatever the clocks of events said."""
    known = head(size=3, sequencer="0" * 32)

    assert compare(known, arrival(Source.SWEEP, seconds, sequencer=sequencer, size=size)) is not Comparison.OLDER

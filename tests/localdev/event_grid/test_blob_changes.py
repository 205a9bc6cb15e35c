"""Two looks at a blob tell what was done to it, as far as that can be told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localdev.event_grid.blob_changes import Api, BlobState, change_between
from tests.localdev.event_grid.samples import CREATED_AT, state

LATER = CREATED_AT + timedelta(seconds=5)
BLOCKS = {"md5": "", "blocks": "b1"}
states = st.builds(
    state,
    etag=st.sampled_from(["0x1", "0x2"]),
    created=st.sampled_from([CREATED_AT, LATER]),
    size=st.integers(0, 2),
    md5=st.sampled_from(["", "one", "two"]),
    blob_type=st.sampled_from(["BlockBlob", "AppendBlob", "PageBlob"]),
    content_type=st.sampled_from(["", "text/csv"]),
    copy_id=st.sampled_from(["", "c1", "c2"]),
    blocks=st.sampled_from(["", "b1"]),
    metadata=st.dictionaries(st.sampled_from("ab"), st.sampled_from("xy")),
)


def api(before: BlobState | None, after: BlobState | None) -> Api | None:
    """Return the operation that led from one state to the other."""
    found = change_between("landing", "a.csv", before, after)
    return found.api if found else None


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        pytest.param({}, Api.PUT_BLOB, id="content"),
        pytest.param({"size": 0, "md5": "empty"}, Api.PUT_BLOB, id="nothing in it"),
        pytest.param(BLOCKS, Api.PUT_BLOCK_LIST, id="committed blocks"),
        pytest.param({"copy_id": "c1"}, Api.COPY_BLOB, id="a copy"),
        pytest.param({"copy_id": "c1", **BLOCKS}, Api.COPY_BLOB, id="a copy of committed blocks"),
        pytest.param({"blob_type": "AppendBlob", "md5": ""}, Api.PUT_BLOB, id="an append blob"),
    ],
)
def test_new_blob_is_created(after: dict[str, Any], expected: Api) -> None:
    """A blob that was not there has been written by the operation that its state shows."""
    assert api(None, state(**after)) is expected


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param({}, {"md5": "two", "created": LATER}, Api.PUT_BLOB, id="other content"),
        pytest.param({}, {"md5": "two"}, Api.PUT_BLOB, id="other content within the same second"),
        pytest.param({}, {"created": LATER}, Api.PUT_BLOB, id="the same content again"),
        pytest.param(
            {}, {"created": LATER, "metadata": {"run": "2"}}, Api.PUT_BLOB, id="the same content with other metadata"
        ),
        pytest.param({}, {}, Api.PUT_BLOB, id="the same content again within the same second"),
        pytest.param(BLOCKS, {"created": LATER}, Api.PUT_BLOB, id="a Put Blob over blocks"),
        pytest.param({}, BLOCKS, Api.PUT_BLOCK_LIST, id="blocks of the same size over a Put Blob"),
        pytest.param(BLOCKS, {"md5": "", "blocks": "b2"}, Api.PUT_BLOCK_LIST, id="other blocks of the same size"),
        pytest.param(BLOCKS, {**BLOCKS, "size": 4}, Api.PUT_BLOCK_LIST, id="blocks of another size"),
        pytest.param(BLOCKS, BLOCKS, Api.PUT_BLOCK_LIST, id="the same blocks again"),
        pytest.param({}, {"copy_id": "c1"}, Api.COPY_BLOB, id="a copy over a Put Blob"),
        pytest.param({"copy_id": "c1"}, {"copy_id": "c2"}, Api.COPY_BLOB, id="a second copy"),
        pytest.param({"copy_id": "c1"}, {"created": LATER}, Api.PUT_BLOB, id="a Put Blob over a copy"),
        pytest.param({"copy_id": "c1"}, {"copy_id": "c1", **BLOCKS}, Api.PUT_BLOCK_LIST, id="blocks over a copy"),
        pytest.param({}, {"blob_type": "AppendBlob", "md5": ""}, Api.PUT_BLOB, id="another kind of blob"),
    ],
)
def test_overwrite_is_a_new_version(before: dict[str, Any], after: dict[str, Any], expected: Api) -> None:
    """New content raises an event, whatever it is written with and however alike it looks."""
    assert api(state(**before), state(etag="0x2", **after)) is expected


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param({}, {"metadata": {"a": "b"}}, id="metadata set"),
        pytest.param({"metadata": {"a": "b"}}, {}, id="metadata cleared"),
        pytest.param({}, {"md5": "", "content_type": "text/plain"}, id="headers set, which clears the MD5"),
        pytest.param({}, {"headers": ("gzip", "", "", "")}, id="an encoding set"),
        pytest.param(BLOCKS, {**BLOCKS, "metadata": {"a": "b"}}, id="metadata set on blocks"),
        pytest.param({"copy_id": "c1"}, {"copy_id": "c1", "metadata": {"a": "b"}}, id="metadata set on a copy"),
        pytest.param({"blob_type": "AppendBlob"}, {"blob_type": "AppendBlob", "size": 9}, id="an appended block"),
        pytest.param({"blob_type": "PageBlob"}, {"blob_type": "PageBlob"}, id="a written page"),
    ],
)
def test_touch_raises_nothing(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Azure raises no event for metadata and headers, though they move the ETag and Last-Modified."""
    assert api(state(**before), state(etag="0x2", last_modified=LATER, **after)) is None


def test_deletion_tells_the_last_known_state() -> None:
    """A blob that is gone is reported with what was known of it."""
    found = change_between("landing", "a.csv", state(etag="0x7"), None)

    assert found
    assert (found.api, found.state.etag, found.full_path) == (Api.DELETE_BLOB, "0x7", "landing/a.csv")


@given(states)
def test_unchanged_blob_is_no_change(same: BlobState) -> None:
    """The same state twice is nothing, and neither is a blob that was never there."""
    assert api(same, same) is None
    assert api(None, None) is None


@given(states, states)
def test_other_content_is_never_missed(before: BlobState, after: BlobState) -> None:
    """Whatever else changed: a block blob of another size or with another MD5 has been written."""
    written = after.etag != before.etag and after.blob_type == "BlockBlob"
    different = before.size != after.size or bool(after.md5 and before.md5 and before.md5 != after.md5)

    assert api(before, after) is not None or not (written and different)

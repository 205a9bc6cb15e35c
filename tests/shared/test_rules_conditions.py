"""Conditions are judged in three values: true, false with its reason, and undecided where nobody told the field."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model import Arrival
from shared.rules import Conditions
from tests.fakes.arrivals import arrival

ASKING = {
    "size": Conditions(min_size=5, max_size=10),
    "content_type": Conditions(content_type=("text/csv", "application/*")),
    "blob_type": Conditions(blob_type="BlockBlob"),
    "api": Conditions(api=("PutBlob", "PutBlockList")),
    "account": Conditions(account=("one", "two")),
}
UNKNOWN: dict[str, Any] = {"size": None, "content_type": None, "blob_type": None, "api": None, "account": ""}
TRUE: dict[str, Any] = {
    "size": 5,
    "content_type": "text/csv",
    "blob_type": "BlockBlob",
    "api": "PutBlob",
    "account": "one",
}
FALSE: dict[str, Any] = {
    "size": 4,
    "content_type": "text/html",
    "blob_type": "PageBlob",
    "api": "CopyBlob",
    "account": "three",
}


def blob(**facts: Any) -> Arrival:
    """Return an arrival of which only these facts are known."""
    return replace(arrival(), **{**UNKNOWN, **facts})


def together(fields: dict[str, Any]) -> Conditions:
    """Return the conditions on all of these fields."""
    return Conditions(
        **{
            name: getattr(ASKING[field], name)
            for field in fields
            for name in (("min_size", "max_size") if field == "size" else (field,))
        }
    )


def test_no_conditions_hold_of_anything() -> None:
    """A rule that asks nothing has nothing undecided, whatever is known."""
    judgement = Conditions().judge(blob())

    assert (judgement.unmet, judgement.undecided) == ((), ())


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("size", 5, ""),
        ("size", 10, ""),
        ("size", 4, "it has 4 bytes, fewer than the 5 of `min_size`"),
        ("size", 1, "it has 1 byte, fewer than the 5 of `min_size`"),
        ("size", 0, "it has 0 bytes, fewer than the 5 of `min_size`"),
        ("size", 12345, "it has 12,345 bytes, more than the 10 of `max_size`"),
        ("content_type", "text/csv", ""),
        ("content_type", "Text/CSV; charset=utf-8", ""),
        ("content_type", "application/vnd.ms-excel", ""),
        ("content_type", "text/html", "its content type is `text/html`, not `text/csv` or `application/*`"),
        ("content_type", "", "its content type is ``, not `text/csv` or `application/*`"),
        ("content_type", "application", "its content type is `application`, not `text/csv` or `application/*`"),
        ("content_type", "x\n\u202etext/csv", None),
        ("blob_type", "BlockBlob", ""),
        ("blob_type", "AppendBlob", "it is a `AppendBlob` and not a `BlockBlob`"),
        ("api", "PutBlockList", ""),
        ("api", "CopyBlob", "it was written by `CopyBlob`, not by `PutBlob` or `PutBlockList`"),
        ("account", "one", ""),
        ("account", "TWO", ""),
        ("account", "three", "it lies in the account `three`, not in `one` or `two`"),
    ],
)
def test_condition_is_true_or_tells_why_not(field: str, value: object, reason: str | None) -> None:
    """Bounds are inclusive, content types have no case and no parameters, and a reason is safe to show."""
    judgement = ASKING[field].judge(blob(**{field: value}))

    assert judgement.undecided == ()
    if reason is None:
        assert "\n" not in judgement.unmet[0]
        assert "\u202e" not in judgement.unmet[0]
    else:
        assert judgement.unmet == ((reason,) if reason else ())


@pytest.mark.parametrize("field", ASKING)
def test_unknown_field_is_undecided(field: str) -> None:
    """What nobody told is neither true nor false."""
    judgement = ASKING[field].judge(blob())

    assert (judgement.unmet, judgement.undecided) == ((), (field,))


def test_empty_file_has_a_size() -> None:
    """Zero bytes are a size that decides, not a missing one."""
    assert Conditions(max_size=0).judge(blob(size=0)).undecided == ()
    assert Conditions(min_size=0).judge(blob()).undecided == ("size",)


@given(st.dictionaries(st.sampled_from(sorted(ASKING)), st.sampled_from(["true", "false", "unknown"])))
def test_each_condition_is_judged_by_itself(known: dict[str, str]) -> None:
    """All that is false is told and all that is unknown is named; nothing unknown ever counts as false."""
    values = {"true": TRUE, "false": FALSE, "unknown": UNKNOWN}

    judgement = together(dict(known)).judge(blob(**{field: values[how][field] for field, how in known.items()}))

    assert len(judgement.unmet) == sum(how == "false" for how in known.values())
    assert set(judgement.undecided) == {field for field, how in known.items() if how == "unknown"}


@given(
    st.builds(dict, size=st.none() | st.integers(0, 20)), st.none() | st.integers(0, 15), st.none() | st.integers(0, 15)
)
def test_sizes_lie_between_their_bounds(facts: dict[str, int | None], least: int | None, most: int | None) -> None:
    """A size is judged as arithmetic judges it, and not at all without bounds."""
    size = facts["size"]

    judgement = Conditions(min_size=least, max_size=most).judge(blob(size=size))

    if size is None:
        assert judgement.undecided == (() if least is None and most is None else ("size",))
    else:
        assert (not judgement.unmet) == ((least or 0) <= size <= (20 if most is None else most))

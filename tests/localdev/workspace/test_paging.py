"""Page tokens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localdev.workspace.api import paging
from localdev.workspace.errors import ApiError
from localdev.workspace.json_fields import LARGEST_ID


@given(st.lists(st.integers(0, LARGEST_ID), min_size=1, max_size=3))
def test_tokens_lead_back_to_their_place(place: list[int]) -> None:
    """A token is opaque to a client and means one place to us."""
    assert paging.place_of(paging.token_of(tuple(place)), len(place)) == tuple(place)


@given(st.text() | st.binary().map(lambda data: data.decode("latin-1")))
def test_foreign_tokens_are_refused(token: str) -> None:
    """A token that we did not give is a 400, whatever it is made of."""
    with pytest.raises(ApiError):
        paging.place_of(token, 2)


@pytest.mark.parametrize("place", [(1,), (1, -2), (1, LARGEST_ID + 1)])
def test_other_places_are_refused(place: tuple[int, ...]) -> None:
    """A token of another list, or one that was tampered with, leads nowhere."""
    with pytest.raises(ApiError, match="page_token"):
        paging.place_of(paging.token_of(place), 2)


def test_last_page_has_no_token() -> None:
    """A client stops at the page without next_page_token; an empty list leaves its array out."""
    assert paging.page_view("runs", [], None, "2.2") == {}
    assert paging.page_view("runs", [], None, "2.1") == {"has_more": False}
    assert paging.page_view("runs", [{}], (1, 2), "2.1")["has_more"] is True
    assert "has_more" not in paging.page_view("runs", [{}], (1, 2), "2.2")

"""KeySet: a set of ledger keys in eight bytes each."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from shared.sweep.key_set import KeySet

KEYS = st.integers(0, 2**256 - 1).map(lambda number: f"{number:064x}")


def digest(number: int) -> str:
    """Return a key as the ledger has it."""
    return hashlib.sha256(str(number).encode()).hexdigest()


@given(st.lists(KEYS), st.lists(KEYS))
def test_it_holds_what_was_added(added: list[str], asked: list[str]) -> None:
    """It answers as a set of the keys' first 16 digits does."""
    keys = KeySet()
    for key in added:
        keys.add(key)

    beginnings = {int(key[:16], 16) or 1 for key in added}
    assert len(keys) == len(beginnings)
    assert all(key in keys for key in added)
    assert [key in keys for key in asked] == [(int(key[:16], 16) or 1) in beginnings for key in asked]


def test_it_grows_and_forgets_nothing() -> None:
    """Growing moves every key to a new slot."""
    keys = KeySet()
    for number in range(20_000):
        keys.add(digest(number))

    assert len(keys) == 20_000
    assert all(digest(number) in keys for number in range(20_000))
    assert not any(digest(number) in keys for number in range(20_000, 40_000))

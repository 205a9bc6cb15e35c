"""The best few prefixes that cover many texts."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.rules.filter.cover import LONGEST_VALUE, best_covers, minimal


def passing(prefixes: tuple[str, ...]) -> int:
    """Return how much passes some prefixes, worked out anew: each character lets one in 64 through."""
    return sum(64 ** (LONGEST_VALUE - len(prefix)) for prefix in prefixes)


def covers(prefixes: tuple[str, ...], texts: set[str]) -> bool:
    """Tell whether every text starts with one of the prefixes."""
    return all(text.startswith(prefixes) for text in texts)


@settings(max_examples=200)
@given(st.sets(st.text("abc", max_size=4), min_size=1, max_size=5), st.integers(1, 4))
def test_cover_is_the_best_there_is(texts: set[str], most: int) -> None:
    """No choice of as many prefixes covers the texts and lets less through."""
    candidates = sorted({text[:length] for text in texts for length in range(len(text) + 1)})
    choices = [each for count in range(1, most + 1) for each in combinations(candidates, count) if covers(each, texts)]

    found = best_covers(texts, most)

    for index, cover in enumerate(found):
        assert covers(cover.prefixes, texts)
        assert cover.passing == passing(cover.prefixes)
        assert cover.passing == min(passing(each) for each in choices if len(each) <= index + 1)
    assert found[-1].passing == min(map(passing, choices))


def test_first_cover_is_what_all_share() -> None:
    """With one prefix it is the longest common one."""
    assert best_covers(["landing/crm/a", "landing/crm/b", "landing/erp"], 5)[0].prefixes == ("landing/",)


def test_long_texts_are_cut() -> None:
    """A value has at most 512 characters."""
    assert best_covers(["a" * 600], 3)[0].prefixes == ("a" * LONGEST_VALUE,)


def test_deeply_branching_texts_are_covered() -> None:
    """Texts may branch at each of their characters without exhausting Python's stack."""
    texts = {"a" * index + "b" for index in range(LONGEST_VALUE - 1)}

    found = best_covers(texts, 25)

    assert len(found[-1].prefixes) == 25
    assert covers(found[-1].prefixes, texts)


def test_minimal_keeps_what_covers_the_others() -> None:
    """A text that starts with another one adds nothing."""
    assert minimal(["b/c", "a", "ab", "b/", "b"]) == ["a", "b"]


def test_nothing_covers_no_texts() -> None:
    """Without texts there is no cover, and no silent one."""
    with pytest.raises(ValueError, match="no texts"):
        best_covers([], 3)

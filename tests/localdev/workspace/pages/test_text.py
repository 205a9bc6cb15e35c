"""Text of others on a page."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from localdev.workspace.pages import text


@pytest.mark.parametrize(
    ("given_text", "shown"),
    [
        ("plain é 漢字 🚀", "plain é 漢字 🚀"),
        ("a\u202eb", "a\\u202eb"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("\U000e0041", "\\U000e0041"),
        ("line\nand\ttab", "line\nand\ttab"),
        ("mail\r\nline", "mail\nline"),
        ("over\rwritten", "over\\x0dwritten"),
        ("no\u00a0break", "no\u00a0break"),
        ("half \ud83d", "half \\ud83d"),
        ("\x85", "\\x85"),
    ],
)
def test_invisible_characters_are_written_out(given_text: str, shown: str) -> None:
    """Whoever reads sees every character that is there: https://trojansource.codes."""
    assert text.visible(given_text) == shown


@given(st.text())
def test_nothing_shown_turns_the_direction(given_text: str) -> None:
    """No control, format or unassigned character is left, and what was printable stays."""
    shown = text.visible(given_text)

    assert not [each for each in shown if unicodedata.category(each)[0] == "C" and each not in "\n\t"]
    assert [each for each in given_text if each.isprintable()] == [
        each for each in given_text if each.isprintable() and each in shown
    ]


def test_names_stay_on_one_line() -> None:
    """A line feed in a name does not break a heading or a title."""
    assert text.on_one_line("a\nb\tc\r") == "a\\nb\\tc\\x0d"


@given(st.text(), st.integers(1, 50))
def test_clipped_names_have_a_length(name: str, limit: int) -> None:
    """An ellipsis tells that there was more."""
    clipped = text.clipped(name, limit)

    assert len(clipped) <= limit
    assert clipped == name or clipped == f"{name[: limit - 1]}…"


@given(st.text(max_size=50), st.integers(1, 50))
def test_excerpts_say_what_they_leave_out(whole: str, limit: int) -> None:
    """What is shown and what is not add up."""
    for excerpt in (text.beginning(whole, limit), text.end(whole.replace("\r\n", ""), limit)):
        assert len(excerpt.text) <= limit

    assert len(text.beginning(whole, limit).text) + text.beginning(whole, limit).omitted == len(whole)


def test_values_of_templates_are_bounded() -> None:
    """A field that nobody thought of cannot fill a page."""
    assert len(text.finalized("x" * 10_000_000)) == text.LONGEST_TEXT
    assert text.finalized(None) == ""
    assert text.finalized(Markup("<b>\u202e</b>")) == "<b>\u202e</b>"

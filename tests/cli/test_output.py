"""What a person sees: nothing that a blob is called is obeyed by a terminal, and scripts get what it is called."""

from __future__ import annotations

import json

import pytest

from cli.output import complain, out, say, show_json, show_table

HOSTILE = "landing/:warning:\x1b[31m\x9b2J\u202ecsv.\r\n[red]\u2028\ud800é漢🙂.csv"


def obeyed(text: str) -> str:
    """Return the characters of an output that a terminal would obey, line breaks aside."""
    return "".join(character for character in text if not character.isprintable() and character != "\n")


def test_json_is_harmless_and_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    """Controls, bidirectional marks and half characters are escaped; letters are not."""
    show_json({"file": HOSTILE})

    written = capsys.readouterr().out
    assert json.loads(written) == {"file": HOSTILE}
    assert "é漢🙂.csv" in written
    assert obeyed(written) == ""


def test_errors_keep_their_lines_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    """Each fault has its line; what one of them quotes colours nothing."""
    complain(f"two faults:\n  {HOSTILE}")

    written = capsys.readouterr().err
    assert obeyed(written) == ""
    assert "[red]" in written


def test_tables_and_lines_show_names_as_they_are() -> None:
    """No colour, no line and no direction comes from a name."""
    with out.capture() as capture:
        show_table(HOSTILE, ("file",), [(HOSTILE,)], wide=("file",))
        say(HOSTILE)

    shown = capture.get()
    assert shown.count("[red]") == shown.count(":warning:") == 3
    assert obeyed(shown) == ""

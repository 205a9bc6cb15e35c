"""The output of tasks, read from files that the tasks themselves write."""

from __future__ import annotations

import os
from pathlib import Path

from localdev.workspace.pages.tasks_view import LONGEST_LOG, tail_of


def test_end_of_a_long_file_is_read(tmp_path: Path) -> None:
    """However long it is; half a character at its cut is no error."""
    file = tmp_path / "output.txt"
    file.write_text("é" * 1_000_000 + "end", encoding="utf-8")

    shown = tail_of(file)

    assert shown is not None
    assert shown.text.endswith("éend")
    assert shown.omitted == file.stat().st_size - LONGEST_LOG


def test_missing_file_is_empty(tmp_path: Path) -> None:
    """A task that has not started has printed nothing."""
    assert tail_of(tmp_path / "output.txt") is None


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    """A task that puts a link or a pipe there shows no other file and stops no server."""
    secret, link, pipe = tmp_path / "secret", tmp_path / "link", tmp_path / "pipe"
    secret.write_text("secret", encoding="utf-8")
    link.symlink_to(secret)
    os.mkfifo(pipe)

    assert [tail_of(each) for each in (link, pipe, tmp_path)] == [None, None, None]

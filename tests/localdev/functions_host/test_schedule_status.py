"""Where the host remembers when its timers ran."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from localdev.functions_host.datums import NEVER_RAN, ScheduleStatus
from localdev.functions_host.schedule_status import StatusFolder, StatusMemory
from tests.fakes.manual_clock import START

STATUS = ScheduleStatus(last=START, next=START + timedelta(minutes=5, microseconds=7), last_updated=START)


def test_folder_remembers_over_restarts(tmp_path: Path) -> None:
    """A status is read back as it was written, by another store on the same folder."""
    StatusFolder(tmp_path).write("tick", STATUS)

    assert StatusFolder(tmp_path).read("tick") == STATUS
    assert StatusFolder(tmp_path).read("tock") is None


def test_file_holds_the_hosts_own_form(tmp_path: Path) -> None:
    """The file holds Last, Next and LastUpdated, as the real host's status blob does, and nothing is left beside it."""
    StatusFolder(tmp_path).write("tick", ScheduleStatus(last=NEVER_RAN, next=START, last_updated=START))

    (path,) = (path for path in tmp_path.rglob("*") if path.is_file())
    assert path == tmp_path / "timers" / "tick" / "status"
    assert json.loads(path.read_text("utf-8")) == {
        "Last": "0001-01-01T00:00:00+00:00",
        "Next": "2026-11-22T12:00:00+00:00",
        "LastUpdated": "2026-11-22T12:00:00+00:00",
    }


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"Last": 1, "Next": 2, "LastUpdated": 3}', '{"Last": "x"}'])
def test_damaged_file_is_said_to_be_damaged(content: str, tmp_path: Path) -> None:
    """A file that holds no status is refused with its path."""
    StatusFolder(tmp_path).write("tick", STATUS)
    (tmp_path / "timers" / "tick" / "status").write_text(content, "utf-8")

    with pytest.raises(ValueError, match="status"):
        StatusFolder(tmp_path).read("tick")


def test_memory_remembers_until_it_is_gone() -> None:
    """Without a folder, statuses are remembered by the store alone."""
    memory = StatusMemory()
    memory.write("tick", STATUS)

    assert memory.read("tick") == STATUS
    assert memory.read("tock") is None

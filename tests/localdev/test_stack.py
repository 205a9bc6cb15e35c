"""`landfall up` beside another one."""

from __future__ import annotations

from pathlib import Path

import pytest

from localdev.stack import Stack, StackOptions
from shared.errors import LandfallError


def test_stack_that_could_not_start_leaves_the_running_one_alone(tmp_path: Path) -> None:
    """Whoever types `landfall up` twice in a folder still finds the first one from a third terminal."""
    description = tmp_path / "stack.json"
    description.write_text("{}", encoding="utf-8")

    with pytest.raises(LandfallError), Stack(StackOptions(state=tmp_path, rules=tmp_path / "missing.yaml")):
        pass

    assert description.exists()

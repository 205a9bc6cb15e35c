"""Fixtures of the tests of the pages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from localdev.workspace.scripted_runner import ScriptedRunner
from tests.localdev.workspace.kit import StandingClock, Workspace
from tests.localdev.workspace.pages.page_kit import open_pages


@pytest.fixture
async def pages(tmp_path: Path, clock: StandingClock, runner: ScriptedRunner) -> AsyncIterator[Workspace]:
    """Open a workspace whose pages can be read, with tasks that run until the test finishes them."""
    async with open_pages(tmp_path, runner, clock) as workspace:
        yield workspace

"""Fixtures of the local workspace's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from localdev.workspace.scripted_runner import ScriptedRunner
from tests.localdev.workspace.kit import (
    StandingClock,
    Workspace,
    open_without_wire,
    open_workspace,
    workspace_settings,
)


@pytest.fixture
def clock() -> StandingClock:
    """Return a clock that stands still."""
    return StandingClock()


@pytest.fixture
def runner() -> ScriptedRunner:
    """Return a runner whose tasks run until the test finishes them."""
    return ScriptedRunner({"main": [None], "a": [None], "b": [None], "c": [None]})


@pytest.fixture
async def scripted(tmp_path: Path, clock: StandingClock, runner: ScriptedRunner) -> AsyncIterator[Workspace]:
    """Open a workspace whose tasks and time the test decides."""
    async with open_without_wire(workspace_settings(tmp_path), clock=clock, runner=runner) as workspace:
        yield workspace


@pytest.fixture
async def served(tmp_path: Path, clock: StandingClock, runner: ScriptedRunner) -> AsyncIterator[Workspace]:
    """Serve such a workspace over HTTP."""
    async with open_workspace(workspace_settings(tmp_path), clock=clock, runner=runner) as workspace:
        yield workspace


@pytest.fixture
async def real(tmp_path: Path) -> AsyncIterator[Workspace]:
    """Serve a workspace over HTTP that runs the notebooks of `tmp_path / "notebooks"`."""
    async with open_workspace(workspace_settings(tmp_path)) as workspace:
        yield workspace

"""Fixtures of the tests of `landfall jobs`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from localdev.workspace.faults import FaultPlan
from localdev.workspace.scripted_runner import ScriptedRunner
from tests.localdev.workspace.kit import TOKEN, Workspace, open_workspace, workspace_settings


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test asks a workspace that a developer's environment names."""
    monkeypatch.setenv("LANDFALL_STATE", str(tmp_path / "state"))
    for name in ("DATABRICKS_HOST", "DATABRICKS_TOKEN", "DATABRICKS_AUTH_TYPE", "DATABRICKS_API_VERSION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def plan() -> FaultPlan:
    """Return the faults of the workspace, which a test may plan."""
    return FaultPlan()


@pytest.fixture
async def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plan: FaultPlan) -> AsyncIterator[Workspace]:
    """Serve a local workspace, and point the environment at it."""
    settings = workspace_settings(tmp_path / "workspace")
    async with open_workspace(settings, runner=ScriptedRunner({}), faults=plan) as workspace:
        monkeypatch.setenv("DATABRICKS_HOST", workspace.url)
        monkeypatch.setenv("DATABRICKS_TOKEN", TOKEN)
        monkeypatch.setenv("DATABRICKS_RATE_PERCENT", "10000")
        yield workspace

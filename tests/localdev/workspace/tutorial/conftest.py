"""Fixtures of the tutorial's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.localdev.workspace.kit import workspace_settings
from tests.localdev.workspace.tutorial.tutorial_kit import Client, Place, tutorial_place


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Serve one workspace for all tests of a section."""
    folder = tmp_path_factory.mktemp("tutorial")
    with tutorial_place(folder, workspace_settings(folder)) as place:
        yield place


@pytest.fixture
def client(place: Place) -> Client:
    """Return the tutorial's client."""
    return place.client


@pytest.fixture(autouse=True)
def _no_faults(place: Place) -> Iterator[None]:
    """No test leaves a fault to the next."""
    yield
    place.faults.clear()

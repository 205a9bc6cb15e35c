"""A real Azurite for the test session: in memory, on ports of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from localdev.azurite import Azurite
from localdev.azurite_package import AzuriteMissing


@pytest.fixture(scope="session")
def azurite() -> Iterator[Azurite]:
    """Yield a running Azurite that all tests share: name your containers and tables so that nobody else does.

    Without Node.js the test is skipped on a laptop, and fails where CI is set: a skip there would be a hole.
    """
    emulator = Azurite()
    try:
        emulator.start()
    except AzuriteMissing as error:
        if os.environ.get("CI"):
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error))
    yield emulator
    emulator.stop()

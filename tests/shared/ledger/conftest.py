"""Every contract test runs against the table in memory and against Azurite."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import pytest

from localdev.azurite import Azurite
from localdev.memory_table import MemoryTable
from shared.ledger import Table
from shared.ledger.azure_table import open_table


@pytest.fixture(params=["memory", pytest.param("azurite", marks=pytest.mark.azurite)])
async def table(request: pytest.FixtureRequest) -> AsyncIterator[Table]:
    """Yield an empty table that does not exist yet."""
    if request.param == "memory":
        yield MemoryTable()
        return
    azurite: Azurite = request.getfixturevalue("azurite")
    name = f"ledger{uuid.uuid4().hex}"
    opened = open_table(azurite.connection, name, None)
    yield opened
    await opened.close()

"""One poisoned file: whatever the ledger or Blob Storage make of it, it is said, and every other file goes on."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping, Sequence

import pytest

from localdev.azurite import Azurite
from localdev.memory_table import MemoryTable
from shared.backfill_request import BackfillRequest
from shared.errors import LedgerRefused
from shared.ledger import BackfillState
from shared.ledger.azure_table import open_table
from shared.ledger.table import Create, Operation, Put
from shared.model import State
from tests.fakes.table_faults import FaultyTable
from tests.fakes.world import World, event_body
from tests.hostile.test_name_doors import VERBATIM

POISON = "poison"


class RefusingTable(FaultyTable):
    """A table that takes no row about a poisoned file."""

    async def transact(self, partition: str, operations: Sequence[Operation]) -> Mapping[str, str]:
        """Refuse what tells of poison; see Table."""
        if any(POISON in str(getattr(operation, "values", "")) for operation in operations):
            raise LedgerRefused("Could not write to the ledger: HTTP 400 PropertyValueTooLarge.")
        return await super().transact(partition, operations)


@pytest.fixture
async def world() -> World:
    """Return a service with pages of two blobs over such a table, whose rule has been active for a while."""
    world = World(VERBATIM)
    world.table = RefusingTable(MemoryTable())
    world.landing.page_size = 2
    world.restart(VERBATIM)
    await world.reconciler.run()
    world.clock.advance(60)
    return world


async def test_file_that_no_row_takes_does_not_stop_the_sweep(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """The pages behind it are looked at in this very round; it is named, and nothing newer counts as proven."""
    for name in ("a.csv", f"b-{POISON}.csv", *(f"c{number}.csv" for number in range(6))):
        world.landing.upload(f"landing/{name}")
    world.clock.advance(600)

    done = await world.reconciler.run()

    entries = await world.all_entries()
    assert {entry.state for entry in entries} == {State.SUBMITTED}
    assert len(entries) == 7
    assert done.summary()["sweeps"]["verbatim"]["failed"] == 1
    assert f"b-{POISON}.csv" in caplog.text


async def test_event_that_no_row_takes_spares_its_neighbours(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """The others in the body are claimed; Event Grid is asked to come again, for nothing is dropped silently."""
    caplog.set_level(logging.INFO, "landfall")
    names = ("a.csv", f"b-{POISON}.csv", "c.csv")
    bodies = [event_body(world.landing.upload(f"landing/{name}"))[1:-1] for name in names]

    with pytest.raises(LedgerRefused):
        await world.intake.receive(f"[{','.join(bodies)}]", world.deadline())

    assert {entry.arrival.path for entry in await world.all_entries()} == {"a.csv", "c.csv"}
    assert "event.failed" in caplog.text


async def test_file_that_no_row_takes_does_not_stop_a_backfill(world: World) -> None:
    """It is counted as refused, and the backfill gets past it to its end."""
    names = ("a.csv", f"b-{POISON}.csv", *(f"c{number}.csv" for number in range(6)))
    for name in names:
        world.landing.upload(f"landing/{name}")
    backfill = await world.backfill_orders.ask(BackfillRequest(rule="verbatim", asked_by="a person"))

    done = await world.backfiller.work(backfill, world.deadline(600))

    assert done.state is BackfillState.DONE
    assert done.counts == {"listed": 8, "claimed": 7, "refused": 1}
    assert len(world.databricks.runs) == 7


@pytest.mark.azurite
@pytest.mark.parametrize("kind", [Create, Put])
async def test_real_table_refuses_a_row_that_is_too_long(kind: type[Create | Put], azurite: Azurite) -> None:
    """A property of more than 32,768 characters is refused as such, and one of so many is taken."""
    table = open_table(azurite.connection, f"poison{uuid.uuid4().hex}", None)

    await table.transact("p", [kind("k1", {"text": "x" * 32_768})])
    with pytest.raises(LedgerRefused, match="400"):
        await table.transact("p", [kind("k2", {"text": "x" * 32_769})])

    await table.close()

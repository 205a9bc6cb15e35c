"""From a blob written to Azurite to an event at the webhook, with everything that may go wrong between."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from localdev.azurite import Azurite
from localdev.event_grid.event_bodies import Schema
from localdev.event_grid.faults import Delay, Drop, Fault, FaultPlan, FaultRates, Malform, Malformation, Reorder, Repeat
from localdev.event_grid.handshake import HandshakeFailed
from localdev.event_grid.options import SimulatorOptions
from localdev.event_grid.retry_policy import RetryPolicy
from localdev.event_grid.simulator import EventSimulator
from shared.events import Ignored, read_events
from shared.model import Arrival
from shared.storage_connection import StorageConnection
from tests.fakes.manual_clock import START
from tests.fakes.waiting import until
from tests.localdev.event_grid.conftest import OwnAzurite
from tests.localdev.event_grid.receiver import Receiver

if TYPE_CHECKING:
    from azure.storage.blob.aio import ContainerClient

pytestmark = pytest.mark.azurite
FAST = RetryPolicy(time_scale=0.001)


class Stage:
    """A landing container, a webhook, and simulators between the two."""

    def __init__(self, connection: StorageConnection, container: ContainerClient, receiver: Receiver) -> None:
        self.connection = connection
        self.container = container
        self.receiver = receiver
        self.name = str(container.container_name)

    @asynccontextmanager
    async def simulating(self, plan: FaultPlan | None = None, **options: Any) -> AsyncIterator[EventSimulator]:
        """Yield a running simulator of the container."""
        chosen: dict[str, Any] = {"containers": (self.name,), "poll_interval": 0.02, "policy": FAST, "seed": 1}
        simulator = EventSimulator(
            SimulatorOptions(connection=self.connection, webhook=self.receiver.url, **{**chosen, **options}),
            plan=plan,
        )
        async with simulator:
            yield simulator

    def plan(self, **faults: Fault) -> FaultPlan:
        """Return a plan of one fault each for blobs of the container, `.csv` left out."""
        return FaultPlan({f"{self.name}/{stem}.csv": [fault] for stem, fault in faults.items()})

    async def put(self, *paths: str, content: bytes = b"one") -> None:
        """Write blobs."""
        for path in paths:
            await self.container.upload_blob(path, content, overwrite=True)


@pytest.fixture
def stage(azurite: Azurite, container: ContainerClient, receiver: Receiver) -> Stage:
    """Return a stage in the session's Azurite."""
    return Stage(azurite.connection, container, receiver)


async def drained(simulator: EventSimulator) -> dict[str, int]:
    """Wait for everything written so far; return the counters that are not 0."""
    async with asyncio.timeout(20):
        await simulator.drain()
    return {name: count for name, count in simulator.counters.as_dict().items() if count}


@pytest.mark.parametrize("schema", list(Schema))
async def test_written_blob_arrives_at_the_webhook(stage: Stage, schema: Schema) -> None:
    """The service's own decoder makes of the delivery the arrival that a listing would give."""
    async with stage.simulating(schema=schema) as simulator:
        await stage.put("día 1/a#b.csv")
        counters = await drained(simulator)

    (request,) = stage.receiver.received
    (arrival,) = read_events(request.body.decode(), START)
    properties = await stage.container.get_blob_client("día 1/a#b.csv").get_blob_properties()
    assert counters == {"published": 1, "delivered": 1}
    assert isinstance(arrival, Arrival)
    assert (arrival.account, arrival.full_path) == ("devstoreaccount1", f"{stage.name}/día 1/a#b.csv")
    assert f'"{arrival.version}"' == properties.etag


async def test_handshake_comes_first(stage: Stage) -> None:
    """The webhook is asked before anything is delivered, and a running simulator does not ask again."""
    async with stage.simulating() as simulator:
        await simulator.start()
        await stage.put("a.csv")
        await drained(simulator)

    assert len(stage.receiver.validations) == 1
    assert len(stage.receiver.received) == 1


async def test_webhook_that_refuses_ends_the_start(stage: Stage) -> None:
    """Nobody is sent events that they did not ask for; the simulator can be started later."""
    stage.receiver.validation_answers = [404] * 3
    options = SimulatorOptions(
        connection=stage.connection, webhook=stage.receiver.url, containers=(stage.name,), handshake_patience=0.5
    )
    simulator = EventSimulator(options)
    with pytest.raises(HandshakeFailed):
        await simulator.start()
    await simulator.stop()
    stage.receiver.validation_answers = []

    async with simulator:
        await stage.put("a.csv")
        counters = await drained(simulator)

    assert counters["delivered"] == 1


async def test_old_blobs_are_silent_unless_announced(stage: Stage) -> None:
    """What was there before the start is delivered only with the option."""
    await stage.put("old.csv")
    async with stage.simulating() as simulator:
        silent = await drained(simulator)
    async with stage.simulating(announce_existing=True) as simulator:
        announced = await drained(simulator)

    assert silent == {}
    assert announced == {"published": 1, "delivered": 1}


async def test_deletions_are_delivered_unless_filtered(stage: Stage) -> None:
    """A subscription to BlobCreated alone hears of no deletion."""
    async with stage.simulating() as everything, stage.simulating(created_only=True) as created:
        await stage.put("a.csv")
        await drained(everything)
        await drained(created)
        await stage.container.delete_blob("a.csv")
        counts = [(await drained(simulator))["published"] for simulator in (everything, created)]

    assert counts == [2, 1]


async def test_planned_faults_strike_the_blobs_they_name(stage: Stage) -> None:
    """One is dropped, one comes three times, one damaged, one late, and one is as it should be."""
    plan = stage.plan(
        lost=Drop(), thrice=Repeat(3), bad=Malform(Malformation.TRUNCATED), late=Delay(0.3), missed=Drop()
    )
    async with stage.simulating(plan) as simulator:
        await stage.put("lost.csv", "thrice.csv", "bad.csv", "late.csv", "good.csv")
        counters = await drained(simulator)

    found = [next(read_events(request.body.decode(), START)) for request in stage.receiver.received]
    arrivals = [arrival.path for arrival in found if isinstance(arrival, Arrival)]
    assert counters == {
        "published": 5,
        "delivered": 6,
        "duplicated": 2,
        "dropped": 1,
        "delayed": 1,
        "malformed": 1,
    }
    assert sorted(arrivals) == ["good.csv", "late.csv", "thrice.csv", "thrice.csv", "thrice.csv"]
    assert arrivals[-1] == "late.csv"
    assert sum(isinstance(arrival, Ignored) for arrival in found) == 1
    assert list(simulator.plan.pending) == [f"{stage.name}/missed.csv"]


async def test_plan_can_be_made_while_it_runs(stage: Stage) -> None:
    """In the same process, a fault can be planned just before the blob is written."""
    async with stage.simulating() as simulator:
        await stage.put("a.csv")
        await drained(simulator)
        simulator.plan.add(f"{stage.name}/a.csv", Drop())
        await stage.put("a.csv", content=b"two")
        counters = await drained(simulator)

    assert counters == {"published": 2, "delivered": 1, "dropped": 1}


async def test_reordered_event_comes_after_a_later_one(stage: Stage) -> None:
    """An old version's event can arrive after the new version's."""
    plan = stage.plan(a=Reorder())
    async with stage.simulating(plan) as simulator:
        await stage.put("a.csv")
        await until(lambda: simulator.counters.published == 1)
        await stage.put("a.csv", content=b"other")
        counters = await drained(simulator)

    sizes = [request.documents[0]["data"]["contentLength"] for request in stage.receiver.received]
    assert counters == {"published": 2, "delivered": 2, "reordered": 1}
    assert sizes == [5, 3]


async def test_rates_strike_at_random_and_again_the_same(stage: Stage) -> None:
    """All events are accounted for, and the seed decides which are struck."""
    rates = FaultRates(duplicate=0.3, drop=0.3, reorder=0.2, delay=(0, 0.01))
    counted: list[dict[str, int]] = []
    for content in (b"one", b"two"):
        async with stage.simulating(rates=rates, seed=4) as simulator:
            await stage.put(*(f"{number:02}.csv" for number in range(30)), content=content)
            counted.append(await drained(simulator))

    first = counted[0]
    assert first == counted[1]
    assert first["published"] == 30
    assert first["dropped"] > 0
    assert first["duplicated"] > 0
    assert first["delivered"] == first["published"] - first["dropped"] + first["duplicated"]
    assert len(stage.receiver.received) == 2 * first["delivered"]


async def test_webhook_that_is_down_is_retried(stage: Stage) -> None:
    """Failures are retried on the scaled schedule until the webhook is back."""
    async with stage.simulating() as simulator:
        stage.receiver.answers = [500, 503, 500]
        await stage.put("a.csv")
        counters = await drained(simulator)

    assert counters == {"published": 1, "delivered": 1, "failed_attempts": 3}


async def test_hopeless_event_ends_as_a_dead_letter(stage: Stage, own_azurite: OwnAzurite) -> None:
    """What is given up on lies in the dead-letter container, which is not watched itself."""
    azurite, service = own_azurite
    landing = await service.create_container("landing")
    stage.receiver.answers = [500] * 100
    policy = RetryPolicy(time_scale=0.0001, max_attempts=3)
    own = Stage(azurite.connection, landing, stage.receiver)
    async with own.simulating(containers=(), policy=policy, subscription="blobs") as simulator:
        await own.put("a.csv")
        await drained(simulator)
        counters = await drained(simulator)  # with another look: the dead letter itself raises nothing

    dead = service.get_container_client("landfall-dead-letters")
    (path,) = [blob.name async for blob in dead.list_blobs()]
    (letter,) = json.loads(await (await dead.download_blob(path)).readall())
    assert counters == {"published": 1, "failed_attempts": 3, "dead_lettered": 1}
    assert path.startswith("BLOBS/20")
    assert letter["deadLetterReason"] == "MaxDeliveryAttemptsExceeded"
    assert letter["subject"].endswith("/landing/blobs/a.csv")


async def test_batches_hold_what_one_look_finds(stage: Stage) -> None:
    """With batching on, events travel together, never more than the limit."""
    async with stage.simulating(batch_size=4, poll_interval=0.3) as simulator:
        await asyncio.gather(*(stage.put(f"{number}.csv") for number in range(10)))
        counters = await drained(simulator)

    sizes = [len(request.documents) for request in stage.receiver.received]
    assert counters == {"published": 10, "delivered": 10}
    assert sum(sizes) == 10
    assert max(sizes) > 1
    assert all(size <= 4 for size in sizes)


async def test_outage_of_storage_loses_no_event(stage: Stage, own_azurite: OwnAzurite) -> None:
    """Azurite goes away in the middle and comes back: what was written before and after is delivered, once each."""
    azurite, service = own_azurite
    own = Stage(azurite.connection, await service.create_container("landing"), stage.receiver)
    async with own.simulating(containers=(), poll_interval=0.05) as simulator:
        await own.put("before.csv")
        await drained(simulator)
        await own.put("just-before.csv")
        await asyncio.to_thread(azurite.stop)
        await asyncio.to_thread(azurite.start)
        await own.put("after.csv")
        counters = await drained(simulator)

    assert counters == {"published": 3, "delivered": 3}
    assert sorted(stage.receiver.paths) == ["after.csv", "before.csv", "just-before.csv"]


async def test_every_step_is_a_log_line(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """One line for each thing that happens to an event, with its path escaped and the seed told at the start."""
    stage.receiver.answers = [500]
    with caplog.at_level(logging.INFO, logger="landfall"):
        async with stage.simulating(stage.plan(b=Drop())) as simulator:
            await stage.put('a"x=1.csv', "b.csv")
            await drained(simulator)

    lines = [message for message in caplog.messages if message.startswith("eventgrid.")]
    about_a = [line for line in lines if r"a\"x=1.csv" in line]
    assert [line.split()[0] for line in about_a] == [
        "eventgrid.published",
        "eventgrid.attempt_failed",
        "eventgrid.retry_planned",
        "eventgrid.delivered",
    ]
    assert "attempt=2 status=202" in about_a[-1]
    assert [line.split()[0] for line in lines if "/b.csv" in line] == ["eventgrid.published", "eventgrid.dropped"]
    assert any(line.startswith("eventgrid.started") and "seed=1" in line for line in lines)
    assert not [line for line in lines if "not-for-logs" in line]


async def test_stop_ends_what_is_under_way(stage: Stage) -> None:
    """A simulator that is stopped lets go of everything, and counts what it did not deliver."""
    policy = RetryPolicy(time_to_live=timedelta(hours=1))
    stage.receiver.answers = [500]
    async with stage.simulating(policy=policy) as simulator:
        await stage.put("a.csv")
        await until(lambda: simulator.counters.failed_attempts == 1)

    assert simulator.counters.abandoned == 1
    assert simulator.under_way == 0


async def test_defect_in_the_watch_is_not_silent(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Should the watch break by a defect, waiting for the simulator and stopping it raise what broke it."""
    simulator = EventSimulator(
        SimulatorOptions(connection=stage.connection, webhook=stage.receiver.url, containers=(stage.name,))
    )
    await simulator.start()
    monkeypatch.setattr("localdev.event_grid.watcher.change_between", _divide_by_zero)
    await stage.put("a.csv")

    with pytest.raises(ZeroDivisionError):
        await simulator.wait()
    with pytest.raises(ZeroDivisionError):
        await simulator.stop()


def _divide_by_zero(*_: object) -> Callable[[], None]:
    raise ZeroDivisionError

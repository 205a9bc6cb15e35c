"""A parcel is tried until it is delivered or given up on, and what is given up on is not lost."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.storage.blob.aio import BlobServiceClient

from localdev.event_grid.counters import Counters
from localdev.event_grid.dead_letters import DeadLetters
from localdev.event_grid.deliveries import Deliveries
from localdev.event_grid.event_bodies import Event, Schema
from localdev.event_grid.retry_policy import RetryPolicy
from localdev.event_grid.webhook import Parcel, Webhook
from shared.clock import SystemClock
from tests.fakes.manual_clock import ManualClock
from tests.fakes.waiting import until
from tests.localdev.event_grid.receiver import Receiver
from tests.localdev.event_grid.samples import captured, event

MINUTE, HOUR = 60, 3600
FOREVER = 1000  # answers
CAPTURED = "deadletter_eg_BlobCreated.json"


class NoJitter(random.Random):
    """Randomness that always draws the lowest number."""

    def uniform(self, a: float, b: float) -> float:
        """Return the lower bound."""
        return min(a, b)


class Post:
    """Deliveries to a receiver, and their counters."""

    def __init__(self, deliveries: Deliveries, counters: Counters) -> None:
        self.deliveries = deliveries
        self.counters = counters

    def send(self, *paths: str, **options: Any) -> None:
        """Send events about blobs in one parcel."""
        self.send_events(*(event(path) for path in paths), **options)

    def send_events(self, *events: Event, **options: Any) -> None:
        """Send events in one parcel."""
        self.deliveries.send(Parcel(events=events, **options))

    async def drained(self) -> dict[str, int]:
        """Wait until nothing is under way; return the counters that are not 0."""
        await until(lambda: self.deliveries.under_way == 0)
        return {name: count for name, count in self.counters.as_dict().items() if count}


@asynccontextmanager
async def posting(
    receiver: Receiver,
    clock: ManualClock | SystemClock,
    *,
    dead_letters: DeadLetters | None = None,
    concurrency: int = 4,
    schema: Schema = Schema.EVENT_GRID,
    policy: RetryPolicy | None = None,
) -> AsyncIterator[Post]:
    """Yield deliveries to a receiver."""
    counters = Counters()
    async with Webhook(receiver.url, subscription="landfall", schema=schema, timeout=20, connections=9) as webhook:
        deliveries = Deliveries(
            webhook,
            policy or RetryPolicy(),
            dead_letters,
            counters=counters,
            clock=clock,
            randomness=NoJitter(),
            concurrency=concurrency,
        )
        yield Post(deliveries, counters)
        await deliveries.stop(0)


@pytest.fixture
def dead_letters(service: BlobServiceClient, container: Any, clock: ManualClock) -> DeadLetters:
    """Return dead letters in an own container of Azurite."""
    return DeadLetters(
        service,
        container=container.container_name,
        subscription="landfall",
        schema=Schema.EVENT_GRID,
        clock=clock,
    )


async def written(container: Any) -> dict[str, Any]:
    """Return what is in a container, by path."""
    blobs = [blob.name async for blob in container.list_blobs()]
    return {name: json.loads(await (await container.download_blob(name)).readall()) for name in blobs}


async def test_success_ends_a_delivery(receiver: Receiver, clock: ManualClock) -> None:
    """What is answered with success is sent once."""
    async with posting(receiver, clock) as post:
        post.send("a.csv")

        assert await post.drained() == {"delivered": 1}
    assert receiver.paths == ["a.csv"]
    assert clock.slept == []


async def test_failure_is_retried_on_schedule(receiver: Receiver, clock: ManualClock) -> None:
    """A webhook that fails three times is tried after 10 s, 30 s and 1 min, and told how often it has been tried."""
    receiver.answers = [500, 502, 503]
    async with posting(receiver, clock) as post:
        post.send("a.csv")
        counters = await post.drained()

    assert counters == {"delivered": 1, "failed_attempts": 3}
    assert clock.slept == [10, 30, MINUTE]
    assert [request.headers["aeg-delivery-count"] for request in receiver.received] == ["0", "1", "2", "3"]
    assert len({request.body for request in receiver.received}) == 1


async def test_event_is_given_up_after_a_day(receiver: Receiver, clock: ManualClock) -> None:
    """The default time to live ends a delivery at the first attempt that is due later than a day."""
    receiver.answers = [500] * FOREVER
    async with posting(receiver, clock) as post:
        post.send("a.csv")
        counters = await post.drained()

    assert counters == {"failed_attempts": 11, "discarded": 1}
    assert clock.slept[-3:] == [6 * HOUR, 12 * HOUR, 12 * HOUR]


async def test_time_to_live_is_looked_at_before_attempts_only(receiver: Receiver, clock: ManualClock) -> None:
    """Thirty minutes to live allow six attempts, as Microsoft's example has it."""
    receiver.answers = [500] * FOREVER
    policy = RetryPolicy(max_attempts=10, time_to_live=timedelta(minutes=30))
    async with posting(receiver, clock, policy=policy) as post:
        post.send("a.csv")

        assert await post.drained() == {"failed_attempts": 6, "discarded": 1}


async def test_attempts_are_limited(receiver: Receiver, clock: ManualClock) -> None:
    """After the last attempt that is allowed nobody waits for another."""
    receiver.answers = [500] * FOREVER
    async with posting(receiver, clock, policy=RetryPolicy(max_attempts=2)) as post:
        post.send("a.csv")

        assert await post.drained() == {"failed_attempts": 2, "discarded": 1}
    assert clock.slept == [10]


async def test_client_error_is_given_up_at_once(receiver: Receiver, clock: ManualClock) -> None:
    """A 400 is never retried."""
    receiver.answers = [400]
    async with posting(receiver, clock) as post:
        post.send("a.csv")

        assert await post.drained() == {"failed_attempts": 1, "discarded": 1}


async def test_batch_is_all_or_none(receiver: Receiver, clock: ManualClock) -> None:
    """A failure redelivers all events of a parcel."""
    receiver.answers = [500]
    async with posting(receiver, clock) as post:
        post.send("a.csv", "b.csv")

        assert await post.drained() == {"delivered": 2, "failed_attempts": 1}
    assert receiver.paths == ["a.csv", "b.csv"] * 2


async def test_dead_letter_is_written_as_event_grid_does(
    receiver: Receiver, service: BlobServiceClient, container: Any
) -> None:
    """Five minutes after the last attempt: upper-case folder, unpadded date, an array, the event and five fields."""
    receiver.answers = [404]
    clock, sent = ManualClock(datetime(2026, 3, 5, 7, 59, tzinfo=UTC)), event("a.csv")
    dead_letters = DeadLetters(
        service,
        container=container.container_name,
        subscription="landfall",
        schema=Schema.EVENT_GRID,
        clock=clock,
    )
    async with posting(receiver, clock, dead_letters=dead_letters, policy=RetryPolicy(max_attempts=1)) as post:
        post.send_events(sent)
        counters = await post.drained()

    ((path, (letter,)),) = (await written(container)).items()
    assert counters == {"failed_attempts": 1, "dead_lettered": 1}
    assert path.startswith("LANDFALL/2026/3/5/8/")
    assert path.endswith(".json")
    assert clock.slept == [5 * MINUTE]
    assert letter == {
        **sent.document,
        "deadLetterReason": "MaxDeliveryAttemptsExceeded",
        "deliveryAttempts": 1,
        "lastDeliveryOutcome": "NotFound",
        "publishTime": "2026-11-22T12:00:00.0000001Z",
        "lastDeliveryAttemptTime": "2026-03-05T07:59:00.0000001Z",
    }


async def test_dead_letter_keys_are_those_of_a_real_one(
    receiver: Receiver, clock: ManualClock, dead_letters: DeadLetters, container: Any
) -> None:
    """Microsoft's example of a dead letter has the same keys and types beside the event."""
    receiver.answers = [404]
    async with posting(receiver, clock, dead_letters=dead_letters, policy=RetryPolicy(max_attempts=1)) as post:
        post.send("a.csv")
        await post.drained()

    ((_, (letter,)),) = (await written(container)).items()
    assert {key: type(value) for key, value in letter.items()} == {
        key: type(value) for key, value in captured(CAPTURED).items()
    }


@pytest.mark.parametrize(
    ("status", "policy", "reason", "outcome"),
    [
        (400, RetryPolicy(), "UndeliverableDueToClientError", "BadRequest"),
        (500, RetryPolicy(time_to_live=timedelta(minutes=1)), "TimeToLiveExceeded", "GenericError"),
        (503, RetryPolicy(max_attempts=1), "MaxDeliveryAttemptsExceeded", "Busy"),
    ],
)
async def test_dead_letter_says_why(
    receiver: Receiver,
    clock: ManualClock,
    dead_letters: DeadLetters,
    container: Any,
    status: int,
    policy: RetryPolicy,
    reason: str,
    outcome: str,
) -> None:
    """The reason and the last outcome are in Event Grid's words."""
    receiver.answers = [status] * FOREVER
    async with posting(receiver, clock, dead_letters=dead_letters, policy=policy) as post:
        post.send("a.csv", "b.csv")
        counters = await post.drained()

    ((_, letters),) = (await written(container)).items()
    assert counters["dead_lettered"] == 2
    assert [(letter["deadLetterReason"], letter["lastDeliveryOutcome"]) for letter in letters] == [
        (reason, outcome)
    ] * 2


async def test_cloud_event_dead_letter_has_lower_case_keys(
    receiver: Receiver, clock: ManualClock, service: BlobServiceClient, container: Any
) -> None:
    """CloudEvents attributes are lower case, so what is added to them is too."""
    receiver.answers = [400]
    name, schema = container.container_name, Schema.CLOUD_EVENTS
    letters = DeadLetters(service, container=name, subscription="landfall", schema=schema, clock=clock)
    sent = event("a.csv", schema=schema)
    async with posting(receiver, clock, dead_letters=letters, schema=schema) as post:
        post.send_events(sent)
        await post.drained()

    ((_, (letter,)),) = (await written(container)).items()
    assert set(letter) - set(sent.document) == {
        "deadletterreason",
        "deliveryattempts",
        "lastdeliveryoutcome",
        "publishtime",
        "lastdeliveryattempttime",
    }


async def test_dead_letter_container_is_created(
    receiver: Receiver,
    clock: ManualClock,
    service: BlobServiceClient,
    container: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Concurrent dead letters create the container that is not there once, and all are written."""
    receiver.answers = [400] * 3
    await container.delete_container()
    letters = DeadLetters(
        service, container=container.container_name, subscription="s", schema=Schema.EVENT_GRID, clock=clock
    )
    async with posting(receiver, clock, dead_letters=letters) as post:
        for number in range(3):
            post.send(f"{number}.csv")
        counters = await post.drained()

    assert counters["dead_lettered"] == 3
    assert len(await written(container)) == 3
    assert "dead_letter_failed" not in caplog.text


async def test_dead_letter_waits_four_hours_for_storage(receiver: Receiver, clock: ManualClock) -> None:
    """Storage that stays away costs the event in the end, and the counters say so."""
    receiver.answers = [400]
    nowhere = BlobServiceClient(
        "http://127.0.0.1:1/devstoreaccount1",
        credential={"account_name": "devstoreaccount1", "account_key": "a2V5"},
        retry_total=0,
    )
    async with nowhere:
        letters = DeadLetters(nowhere, container="dead", subscription="s", schema=Schema.EVENT_GRID, clock=clock)
        async with posting(receiver, clock, dead_letters=letters) as post:
            post.send("a.csv")
            counters = await post.drained()

    assert counters == {"failed_attempts": 1, "discarded": 1}
    assert clock.monotonic() == pytest.approx(4 * HOUR + 5 * MINUTE)


async def test_delayed_parcel_comes_late(receiver: Receiver, clock: ManualClock) -> None:
    """A fault's delay is waited before the first attempt."""
    async with posting(receiver, clock) as post:
        post.send("a.csv", delay=5.0)
        await post.drained()

    assert clock.slept == [5]


async def test_reordered_parcel_lets_a_later_one_pass(receiver: Receiver) -> None:
    """It is delivered after the next, and not before."""
    async with posting(receiver, SystemClock()) as post:
        post.send("a.csv", reorder=True)
        post.send("b.csv")
        await post.drained()

    assert receiver.paths == ["b.csv", "a.csv"]


async def test_earlier_parcel_does_not_count_as_overtaking(receiver: Receiver) -> None:
    """What was sent before a reordered parcel does not release it."""
    receiver.gate.clear()
    async with posting(receiver, SystemClock()) as post:
        post.send("early.csv")
        await until(lambda: receiver.at_once == 1)
        post.send("a.csv", reorder=True)
        receiver.gate.set()
        await until(lambda: post.counters.delivered == 1)
        post.send("later.csv")
        await post.drained()

    assert receiver.paths == ["early.csv", "later.csv", "a.csv"]


async def test_reordered_parcel_does_not_wait_for_ever(receiver: Receiver, clock: ManualClock) -> None:
    """Where nobody comes after it, it goes on by itself after a while."""
    async with posting(receiver, clock) as post:
        post.send("a.csv", reorder=True)

        assert await post.drained() == {"delivered": 1}
    assert clock.slept == [2]


async def test_requests_at_a_time_are_bounded(receiver: Receiver, clock: ManualClock) -> None:
    """Each parcel is a task, but only so many are sent at once."""
    receiver.gate.clear()
    async with posting(receiver, clock, concurrency=3) as post:
        for number in range(10):
            post.send(f"{number}.csv")
        await until(lambda: receiver.at_once == 3)
        receiver.gate.set()
        counters = await post.drained()

    assert counters == {"delivered": 10}
    assert receiver.most_at_once == 3


async def test_slow_delivery_does_not_hold_up_others(receiver: Receiver) -> None:
    """While one parcel waits for its retry, others are delivered."""
    receiver.answers = [500]
    async with posting(receiver, SystemClock()) as post:
        post.send("a.csv")
        await until(lambda: post.counters.failed_attempts == 1)
        post.send("b.csv")
        await until(lambda: (post.counters.delivered, post.deliveries.under_way) == (1, 1))

    assert receiver.paths == ["a.csv", "b.csv"]


async def test_stop_lets_requests_come_back(receiver: Receiver) -> None:
    """A request that is out may be answered; what waits for a retry is abandoned, and counted."""
    receiver.answers = [500]
    async with posting(receiver, SystemClock()) as post:
        post.send("waits.csv")
        await until(lambda: post.counters.failed_attempts == 1)
        receiver.gate.clear()
        post.send("out.csv")
        await until(lambda: receiver.at_once == 1)
        asyncio.get_running_loop().call_later(0.1, receiver.gate.set)
        await post.deliveries.stop(10)
        counters = await post.drained()

    assert counters == {"delivered": 1, "failed_attempts": 1, "abandoned": 1}


async def test_stop_does_not_wait_for_a_webhook_that_hangs(receiver: Receiver, clock: ManualClock) -> None:
    """After the grace, requests that are out are abandoned."""
    receiver.gate.clear()
    async with posting(receiver, clock) as post:
        post.send("a.csv")
        await until(lambda: receiver.at_once == 1)
        await post.deliveries.stop(0.05)

        assert await post.drained() == {"abandoned": 1}

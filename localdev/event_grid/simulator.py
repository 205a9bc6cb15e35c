"""The event simulator: watches the containers of an Azurite and delivers what Event Grid would."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Self

from azure.storage.blob.aio import BlobServiceClient

from localdev.event_grid.blob_changes import Change
from localdev.event_grid.counters import Counters
from localdev.event_grid.dead_letters import DeadLetters
from localdev.event_grid.deliveries import Deliveries
from localdev.event_grid.event_bodies import EventFactory
from localdev.event_grid.faults import FaultPlan, Faults
from localdev.event_grid.handshake import shake_hands
from localdev.event_grid.options import SimulatorOptions
from localdev.event_grid.publisher import Publisher
from localdev.event_grid.watcher import Watcher
from localdev.event_grid.webhook import Webhook, functions_url
from shared.clock import Clock, SystemClock
from shared.logs import fact

STOP_GRACE = 5.0  # seconds for requests that are out


class EventSimulator:
    """One storage account's system topic with one event subscription.

    `start` returns when the containers' baseline is taken and the webhook has validated: what is written from then
    on raises events. `plan`, `counters` and `seed` may be used at any time.
    """

    def __init__(self, options: SimulatorOptions, *, plan: FaultPlan | None = None, clock: Clock | None = None) -> None:
        self.options = options
        self.plan = plan or FaultPlan()
        self.counters = Counters()
        self.seed = secrets.randbits(32) if options.seed is None else options.seed
        self._clock = clock or SystemClock()
        self._running: _Running | None = None
        self._looks = 0

    async def start(self) -> None:
        """Begin to watch and to deliver; safe to repeat. Raises HandshakeFailed when nobody wants the events."""
        if self._running is not None:
            return
        async with AsyncExitStack() as resources:
            parts = await self._open(resources)
            baseline = asyncio.create_task(self._take_baseline(parts.watcher))
            try:
                await shake_hands(parts.webhook, parts.events, self._clock, self.options.handshake_patience)
                parts.publisher.publish(await baseline)
            finally:
                baseline.cancel()
                await asyncio.gather(baseline, return_exceptions=True)
            self._running = _Running(
                deliveries=parts.deliveries,
                watching=asyncio.create_task(self._watch(parts)),
                resources=resources.pop_all(),
            )
        self._log_start(parts.webhook.address)

    async def stop(self) -> None:
        """Stop watching, give requests that are out a moment, abandon the rest; raises what broke the watch, if so.

        Safe to repeat.
        """
        running, self._running = self._running, None
        if running is None:
            return
        running.watching.cancel()
        broken = (await asyncio.gather(running.watching, return_exceptions=True))[0]
        await running.deliveries.stop(STOP_GRACE)
        await running.resources.aclose()
        fact("eventgrid.stopped", **self.counters.as_dict(), seed=self.seed)
        if isinstance(broken, Exception):
            raise broken

    async def wait(self) -> None:
        """Return when the simulator has stopped; raise when a defect broke its watch."""
        if self._running is not None:
            await self._running.watching

    async def drain(self) -> None:
        """Return when all that has been written until now is delivered, dropped, dead-lettered or discarded.

        It takes as long as the retry policy is patient; limit it with `asyncio.timeout`.
        """
        seen = self._looks + 2  # the look that is under way may have passed a container already
        while self._running is not None and (self._looks < seen or self.under_way):
            await self._clock.sleep(self.options.poll_interval)

    @property
    def under_way(self) -> int:
        """Return the number of parcels that are neither delivered nor given up on."""
        return self._running.deliveries.under_way if self._running else 0

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _open(self, resources: AsyncExitStack) -> _Parts:
        options, clock = self.options, self._clock
        service = await resources.enter_async_context(_open_service(options))
        webhook = await resources.enter_async_context(_open_webhook(options))
        events = EventFactory(
            account=options.connection.account,
            blob_endpoint=options.connection.blob_endpoint,
            schema=options.schema,
            clock=clock,
        )
        deliveries = Deliveries(
            webhook,
            options.policy,
            _dead_letters(options, service, clock),
            counters=self.counters,
            clock=clock,
            randomness=random.Random(self.seed),  # noqa: S311 - repeatable on purpose
            concurrency=options.concurrency,
        )
        publisher = Publisher(
            events,
            Faults(options.rates, self.plan, self.seed),
            deliveries.send,
            counters=self.counters,
            batch_size=options.batch_size,
            created_only=options.created_only,
        )
        return _Parts(_watcher(options, service), webhook, events, deliveries, publisher)

    async def _take_baseline(self, watcher: Watcher) -> Sequence[Change]:
        """Look until a look succeeds; return what is to be announced."""
        while True:
            changes = await watcher.look()
            if watcher.has_looked:
                return changes
            await self._clock.sleep(self.options.poll_interval)

    async def _watch(self, parts: _Parts) -> None:
        while True:
            began = self._clock.monotonic()
            parts.publisher.publish(await parts.watcher.look())
            self._looks += 1
            # A look at many thousand blobs takes seconds: half of Azurite's time stays for others.
            took = self._clock.monotonic() - began
            await self._clock.sleep(max(self.options.poll_interval, took))

    def _log_start(self, address: str) -> None:
        fact(
            "eventgrid.started",
            webhook=address,
            schema=self.options.schema,
            containers=",".join(self.options.containers) or "(all)",
            time_scale=self.options.policy.time_scale,
            seed=self.seed,
        )


@dataclass(frozen=True, slots=True)
class _Parts:
    watcher: Watcher
    webhook: Webhook
    events: EventFactory
    deliveries: Deliveries
    publisher: Publisher


@dataclass(frozen=True, kw_only=True, slots=True)
class _Running:
    deliveries: Deliveries
    watching: asyncio.Task[None]
    resources: AsyncExitStack


def _open_service(options: SimulatorOptions) -> BlobServiceClient:
    connection = options.connection
    if connection.key is None:
        raise ValueError("the event simulator signs in with an account key, as Azurite has one")
    # The next look is the retry: the SDK's own would hide an outage for a minute.
    return BlobServiceClient(
        connection.blob_endpoint,
        credential={"account_name": connection.account, "account_key": connection.key.reveal()},
        retry_total=0,
        connection_timeout=5,
        read_timeout=30,
    )


def _open_webhook(options: SimulatorOptions) -> Webhook:
    return Webhook(
        functions_url(options.webhook, options.function),
        subscription=options.subscription,
        schema=options.schema,
        timeout=options.seconds_to_answer,
        connections=options.concurrency,
    )


def _dead_letters(options: SimulatorOptions, service: BlobServiceClient, clock: Clock) -> DeadLetters | None:
    if options.dead_letter_container is None:
        return None
    return DeadLetters(
        service,
        container=options.dead_letter_container,
        subscription=options.subscription,
        schema=options.schema,
        clock=clock,
    )


def _watcher(options: SimulatorOptions, service: BlobServiceClient) -> Watcher:
    return Watcher(
        service,
        containers=options.containers,
        excluded=[options.dead_letter_container] if options.dead_letter_container else [],
        announce_existing=options.announce_existing,
    )

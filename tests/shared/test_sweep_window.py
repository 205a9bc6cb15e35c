"""The sweep's window, held against every order of uploads, events, passes and wrong clocks that can be thought of."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.model import Arrival
from tests.fakes.manual_clock import ManualClock
from tests.fakes.memory_landing import MemoryLanding
from tests.fakes.world import World

RULES = """
version: 1
rules:
  - name: crm
    path: "landing/crm/{name}.csv"
    job: {id: 7}
  - name: daily
    path: "landing/daily/{date:%Y-%m-%d}/{name}.csv"
    job: {id: 8}
"""
PATHS = ("landing/crm/a.csv", "landing/crm/b.csv", "landing/daily/2026-11-22/a.csv", "landing/daily/2026-01-01/a.csv")
DAY = 24 * 3600.0


class SkewedClock(ManualClock):
    """The storage service's own clock, which is not ours."""

    def __init__(self, clock: ManualClock, skew: float) -> None:
        super().__init__()
        self._clock = clock
        self._skew = timedelta(seconds=skew)

    def now(self) -> datetime:
        """Return what the other clock shows, and some."""
        return self._clock.now() + self._skew


class RacingLanding(MemoryLanding):
    """Blobs that something happens to between a listing and what follows."""

    meanwhile: list[Callable[[], Awaitable[object]]]

    async def identify(self, arrival: Arrival) -> Arrival | None:
        """Let the next race happen, then look."""
        if self.meanwhile:
            await self.meanwhile.pop()()
        return await super().identify(arrival)


@dataclass(frozen=True)
class Upload:
    """A new version; its event comes after so many seconds, so many times (0: it is lost)."""

    path: str
    delay: float
    times: int
    races: bool  # the event comes in the middle of a sweep


@dataclass(frozen=True)
class Wait:
    """Time passes, with or without a pass at its end."""

    seconds: float
    is_pass: bool


STEPS = st.one_of(
    st.builds(
        Upload,
        st.sampled_from(PATHS),
        st.sampled_from([0.0, 1.0, 200.0, 400.0, 7200.0, 90_000.0]),
        st.integers(0, 2),
        st.booleans(),
    ),
    st.builds(Wait, st.sampled_from([1.0, 61.0, 301.0, 3600.0, DAY, 3 * DAY]), st.booleans()),
)


@dataclass
class History:
    """A service, its storage, and the events that are on their way."""

    skew: float
    world: World = field(init=False)
    landing: RacingLanding = field(init=False)
    coming: list[tuple[float, Arrival]] = field(default_factory=list)
    versions: list[Arrival] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.world = World(RULES)
        self.landing = RacingLanding(SkewedClock(self.world.clock, self.skew), page_size=2)
        self.landing.meanwhile = []
        self.world.landing = self.landing
        self.world.restart(RULES)

    async def step(self, step: Upload | Wait) -> None:
        """Let one thing happen, and what is due by then."""
        now = self.world.clock.monotonic()
        if isinstance(step, Upload):
            arrival = self.landing.upload(step.path, f"{len(self.versions)}".encode())
            self.versions.append(arrival)
            if step.races and step.times:
                self.landing.meanwhile.append(lambda: self.world.deliver(arrival))
            else:
                self.coming += [(now + step.delay, arrival)] * step.times
        else:
            self.world.clock.advance(step.seconds)
            await self.deliver(now + step.seconds)
            if step.is_pass:
                await self.world.reconciler.run()

    async def deliver(self, until: float) -> None:
        """Deliver the events that are due."""
        due = [arrival for at, arrival in self.coming if at <= until]
        self.coming = [(at, arrival) for at, arrival in self.coming if at > until]
        for arrival in due:
            await self.world.deliver(arrival)


async def test_grace_is_counted_by_the_clock_of_the_storage() -> None:
    """A file is no older because our clock is ahead of the one that stamped it."""
    history = History(skew=-600.0)
    await history.world.reconciler.run()
    history.world.clock.advance(60)
    history.landing.upload("landing/crm/a.csv")
    done = await history.world.reconciler.run()

    assert (done.swept()["early"], done.swept()["missed"]) == (1, 0)


@settings(max_examples=150, deadline=None)
@given(st.lists(STEPS, max_size=14), st.sampled_from([-3600.0, -600.0, -30.0, 0.0, 30.0, 600.0, 3600.0]))
async def test_whatever_lands_runs_once(steps: list[Upload | Wait], skew: float) -> None:
    """What is there at the end has run once, no version runs twice, and the proof never runs ahead of the claims."""
    history = History(skew)
    world = history.world
    await world.reconciler.run()
    world.clock.advance(60)
    for step in steps:
        await history.step(step)
        await check_proof(history)
    for _ in range(3):
        await history.step(Wait(DAY + 3600, is_pass=True))
    await history.deliver(float("inf"))
    await world.reconciler.run()

    entries = await world.all_entries()
    ran = [(entry.arrival.full_path, entry.arrival.version) for entry in entries if entry.run_id is not None]
    assert len(ran) == len(set(ran)) == len(world.databricks.runs)
    newest = {arrival.full_path: arrival.version for arrival in history.versions}
    assert set(newest.items()) <= set(ran)


async def check_proof(history: History) -> None:
    """Assert that everything there which is older than what is proven complete has an entry."""
    standings = await history.world.bookkeeping.standings()
    known = {(entry.arrival.full_path, entry.arrival.version) for entry in await history.world.all_entries()}
    for container, prefix, rule in (("landing", "crm/", "crm"), ("landing", "daily/", "daily")):
        proven = standings[rule].low_watermark
        async for page in history.landing.pages(container, prefix):
            missing = [
                arrival.full_path
                for arrival in page.arrivals
                if standings[rule].baseline <= arrival.committed_at < proven
                and (arrival.full_path, arrival.version) not in known
            ]
            assert missing == []

"""One seed, one history: the real use cases among simulated services, until everything has had its time."""

from __future__ import annotations

import asyncio
import random
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from shared import logs
from shared.errors import LandfallError
from shared.settings import Settings, read_settings
from tests.fakes.memory_dead_letters import MemoryDeadLetters
from tests.fakes.world import ENVIRONMENT
from tests.simulation.blobs import Blobs
from tests.simulation.checks import Evidence, check_end
from tests.simulation.event_grid import EventGrid
from tests.simulation.fleet import Fleet, Services
from tests.simulation.gate import Gate
from tests.simulation.history import History
from tests.simulation.ingredients import Ingredient
from tests.simulation.ledger_watch import LedgerWatch
from tests.simulation.manifests import Manifests
from tests.simulation.outcome import Outcome
from tests.simulation.people import People
from tests.simulation.process import SimulatedClock
from tests.simulation.rule_texts import FIRST, GATHERING, LIMITED, SHADOW, ignoring
from tests.simulation.scenario import Scenario, scenario_of
from tests.simulation.table_port import WatchedTable
from tests.simulation.truth import Content, Truth
from tests.simulation.virtual_loop import VirtualLoop
from tests.simulation.weather import Weather
from tests.simulation.workspace import Workspace

_GRACE = 300.0  # RECONCILE_GRACE
_LONGEST_TAIL = 4 * 3600.0  # far more than any wait that the service knows, beside those of days
_LONG_IDLE = 30 * 3600.0  # until what was settled is older than the shortest retention
_SELDOM = 1800.0
_FACTS = {"arrival.unmatched", "arrival.vanished", "arrival.taken", "event.ignored"}


def run_history(
    seed: int, *, arrivals: int | None = None, only: Iterable[Ingredient] | None = None, tell: bool = False
) -> Outcome:
    """Run the history of a seed and check it; the same arguments give the same history, bit for bit.

    `arrivals` and `only` replace what the seed says about them; `tell` keeps the history also where all is well.
    """
    loop = VirtualLoop()
    scenario = scenario_of(seed, arrivals, only)
    with warnings.catch_warnings():
        # What a worker had not begun when it died is never awaited, as in a process that is killed.
        warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
        return loop.run(Simulation(scenario, loop).run(tell=tell))


class Simulation:
    """All that takes part in one history."""

    def __init__(self, scenario: Scenario, loop: VirtualLoop) -> None:
        self._scenario = scenario
        self._loop = loop
        self.history = History(loop.time)
        self._clock = SimulatedClock(loop)
        self._document = LIMITED if scenario.has(Ingredient.LIMITS) else FIRST
        if scenario.has(Ingredient.GATHER):
            self._document = (*self._document, *GATHERING)
        if scenario.has(Ingredient.SHADOWS):
            self._document = (*self._document, SHADOW)
        if scenario.has(Ingredient.IGNORED_OVERWRITES):
            self._document = ignoring(self._document)
        self.truth = Truth(loop.time, self._document)
        self.blobs = Blobs(self._clock)
        self.workspace = Workspace(self._clock, scenario.rates, self._chance("workspace"), self.history)
        self.table = WatchedTable()
        self.gate = Gate(scenario.rates, self._chance("gate"), self.history)
        self.watch = LedgerWatch(self.table, self.truth, self.workspace, self.blobs, self.history)
        manifests = Manifests(self.truth, self.watch, self.history)
        self.blobs.written, self.blobs.removed = manifests.written, manifests.removed
        self._prepare_services()
        loop.set_exception_handler(self._unheard)

    async def run(self, *, tell: bool = False) -> Outcome:
        """Live through the history and check it."""
        with _facts(self):
            fleet = Fleet(self._scenario, self._services(), self._document, self._chance("fleet"))
            people = self._people(fleet)
            await self._begin(fleet)
            weather = Weather(self._scenario, self._chance("weather"), self.history)
            weather.plan(self.gate, self.workspace, self.blobs, fleet, people)
            ticking = self._loop.create_task(fleet.tick())
            await people.drop_files(self._scenario.arrivals, self._scenario.seconds)
            if self._scenario.has(Ingredient.PRUNES):
                await self._idle(fleet)
            self._calm(fleet, people)
            weather.clear(self.gate, self.workspace, self.blobs, fleet)
            await self._settle(fleet, people)
            ticking.cancel()
        return self._outcome(people, tell=tell)

    def _unheard(self, _: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        """Take in an error that nobody waited for: Event Grid had given the delivery up."""
        error = context.get("exception")
        if not isinstance(error, LandfallError):
            self.history.violated("crashed", f"{context.get('message')}: {error!r}")

    def _chance(self, what: str) -> random.Random:
        return random.Random(f"{what} {self._scenario.seed}")

    def _prepare_services(self) -> None:
        chance = self._chance("services")
        has = self._scenario.has
        self.blobs.page_size = chance.randint(3, 12) if has(Ingredient.SMALL_PAGES) else 5000
        if has(Ingredient.SKIPPED_RUNS) and chance.random() < 0.5:
            self.workspace.most_active = chance.randint(1, 4)
        self.dead_letters = MemoryDeadLetters(self._clock) if has(Ingredient.DEAD_LETTERS) else None

    def _services(self) -> Services:
        return Services(
            table=self.table,
            workspace=self.workspace,
            blobs=self.blobs,
            dead_letters=self.dead_letters,
            gate=self.gate,
            settings=_settings(self._scenario),
            history=self.history,
        )

    def _people(self, fleet: Fleet) -> People:
        events = EventGrid(
            self._scenario, self._chance("events"), self.truth, self.history, fleet.pick, self.dead_letters
        )
        events.claimed = self.watch.created.__contains__
        people = People(
            self._scenario,
            self._chance("people"),
            self._clock,
            self.truth,
            self.blobs,
            self.workspace,
            self.history,
        )
        people.events, people.fleet = events, fleet
        people.allow_recreation = lambda: setattr(self.watch, "may_recreate", True)
        return people

    async def _begin(self, fleet: Fleet) -> None:
        """Have a first pass undisturbed, so that the rules are known before the first file lands."""
        self.gate.is_calm = True
        first = fleet.start_pass()
        assert first is not None
        await first
        self.gate.is_calm = False
        await asyncio.sleep(30)

    async def _idle(self, fleet: Fleet) -> None:
        """Let days pass in which nothing lands; the timer comes seldom, for each pass costs real time."""
        fleet.timer_every = _SELDOM
        await asyncio.sleep(_LONG_IDLE)
        fleet.timer_every = self._scenario.timer_every
        await asyncio.sleep(_SELDOM)

    def _calm(self, fleet: Fleet, people: People) -> None:
        """End all faults; what has begun goes on."""
        self.history.record("weather", "calm")
        for part in (self.gate, self.workspace, fleet, people.events):
            part.is_calm = True
        self.workspace.most_active = None

    async def _settle(self, fleet: Fleet, people: People) -> None:
        """Let passes run until nothing is left to be done, or more time is over than anything may take."""
        began, passes = self._loop.time(), fleet.passes
        while self._loop.time() < began + _LONGEST_TAIL:
            await asyncio.sleep(60)
            is_swept = self._loop.time() > began + _GRACE + 240 and fleet.passes >= passes + 4
            if is_swept and not people.events.under_way and not self.watch.open and not self._is_awaited():
                return

    def _is_awaited(self) -> bool:
        """Tell whether a version lies there that only a deep round finds, and none has come so far.

        That is so for all that lies there after days in which it could not be listed.
        """
        present = self.truth.current.values()
        is_old = self._scenario.has(Ingredient.PRUNES) and self._scenario.has(Ingredient.LISTING_DOWN)
        return any(
            (is_old or content.is_far) and self.truth.lasting_rules(content) and not self._is_known(content)
            for content in present
        )

    def _is_known(self, content: Content) -> bool:
        newest = [key for key in content.keys if self.truth.by_key[key].version == content.versions[-1]]
        return any(key in self.watch.created for key in newest)

    def _outcome(self, people: People, *, tell: bool) -> Outcome:
        edits = tuple(at for at, _ in self.truth.documents[1:])
        evidence = Evidence(
            scenario=self._scenario,
            truth=self.truth,
            workspace=self.workspace,
            watch=self.watch,
            history=self.history,
            edits=edits,
        )
        waits = check_end(evidence)
        history = self.history
        is_told = tell or bool(history.violations)
        return Outcome(
            seed=self._scenario.seed,
            arrivals=people.arrivals,
            runs=sum(run.is_effective for run in self.workspace.runs.values()),
            violations=tuple(history.violations),
            counts=history.counts,
            hits=history.hits,
            waits=tuple(waits),
            virtual_seconds=self._loop.time(),
            digest=history.digest,
            told=tuple(map(str, history.of(frozenset()))) if is_told else (),
        )


def _settings(scenario: Scenario) -> Settings:
    settings = {**ENVIRONMENT, "SWEEP_DEEP_EVERY": "1h", "RECONCILE_LOOK_BACK": "48h"}
    if scenario.has(Ingredient.PRUNES):
        settings |= {"RECONCILE_LOOK_BACK": "1h", "LEDGER_RETENTION": "2h"}
    if scenario.is_large:
        settings |= {"RECONCILE_LOOK_BACK": "2h", "MOST_RUNS_PER_HOUR": "1000000"}  # it lets no file wait for its turn
    if scenario.most_runs_per_hour:
        settings |= {"MOST_RUNS_PER_HOUR": str(scenario.most_runs_per_hour)}
    if scenario.has(Ingredient.QUEUE_SWEEPS):
        settings |= {"SWEEP_QUEUE_ABOVE": "0"}
    return read_settings(settings)


@contextmanager
def _facts(simulation: Simulation) -> Iterator[None]:
    """Take in what the service logs as it is, without making lines of it."""
    history, told = simulation.history, simulation.truth.told

    def keep(level: int, name: str, fields: Mapping[str, object]) -> None:
        path = str(fields.get("path") or "")
        if name in _FACTS:
            subject = path or str(fields.get("subject") or "").replace("/blobServices/default/containers/", "", 1)
            told.setdefault(subject.replace("/blobs/", "/", 1), set()).add(name)
        elif name == "invariant.broken":
            history.violated("unmarked", str(fields.get("what")), path)
        elif name == "gather.returned":
            history.hits["stray member"] += 1
        elif name == "arrival.overwritten":
            history.hits["overwrite was told of"] += 1
        history.record(f"log {level}", name, path, fields)

    original = logs._log
    logs._log = keep
    try:
        yield
    finally:
        logs._log = original

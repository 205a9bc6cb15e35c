"""Bad spells: times at which a whole service, a job, a container or the timer is away."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from tests.simulation.blobs import Blobs
from tests.simulation.fleet import Fleet
from tests.simulation.gate import Gate
from tests.simulation.history import History
from tests.simulation.ingredients import Ingredient
from tests.simulation.people import People
from tests.simulation.rule_texts import JOB_IDS
from tests.simulation.scenario import Scenario
from tests.simulation.workspace import Workspace

_LONGEST = 600.0  # seconds of a spell
_LONGEST_TIMER = 3600.0
_LONGEST_LISTING = 48 * 3600.0  # where days pass: then the ledger must keep what no sweep has compared with
Switch = Callable[[bool], None]


class Weather:
    """Plans spells, and deeds of people that come at any time."""

    def __init__(self, scenario: Scenario, chance: random.Random, history: History) -> None:
        self._scenario = scenario
        self._chance = chance
        self._history = history
        self._is_over = False

    def plan(self, gate: Gate, workspace: Workspace, blobs: Blobs, fleet: Fleet, people: People) -> None:
        """Plan everything of this history that has a time of its own."""
        job = self._chance.choice(JOB_IDS)
        container = self._chance.choice(("landing", "inbox"))
        self._spell(Ingredient.THROTTLE, lambda on: setattr(workspace, "is_throttling", on))
        self._spell(Ingredient.DATABRICKS_DOWN, _member(gate.down, "databricks"))
        self._spell(Ingredient.LEDGER_DOWN, _member(gate.down, "table"))
        self._spell(Ingredient.LISTING_DOWN, _member(blobs.failing, container), self._longest_listing)
        self._spell(Ingredient.JOB_MISSING, _member(workspace.missing, job))
        self._spell(Ingredient.UNAUTHORISED, lambda on: setattr(workspace, "is_unauthorised", on))
        self._spell(Ingredient.TIMER_DEAD, lambda on: setattr(fleet, "timer_is_dead", on), _LONGEST_TIMER)
        self._deeds(Ingredient.RULE_EDITS, people.edit_rules, 3)
        self._deeds(Ingredient.DEPLOYS, people.deploy, 3)
        self._deeds(Ingredient.REPLAYS, people.replay, 2)
        self._deeds(Ingredient.BACKFILLS, people.backfill, 2)

    def clear(self, gate: Gate, workspace: Workspace, blobs: Blobs, fleet: Fleet) -> None:
        """End every spell, for good."""
        self._is_over = True
        workspace.is_throttling = workspace.is_unauthorised = fleet.timer_is_dead = False
        gate.down.clear()
        blobs.failing.clear()
        workspace.missing.clear()

    @property
    def _longest_listing(self) -> float:
        return _LONGEST_LISTING if self._scenario.has(Ingredient.PRUNES) else _LONGEST_TIMER

    def _spell(self, ingredient: Ingredient, switch: Switch, longest: float = _LONGEST) -> None:
        if self._scenario.has(ingredient):
            begins = self._chance.random() * self._scenario.seconds
            loop = asyncio.get_running_loop()
            loop.call_later(begins, self._turn, ingredient, switch, True)  # noqa: FBT003 - call_later takes no names
            ends = begins + self._chance.uniform(0.2, 1) * longest
            loop.call_later(ends, self._turn, ingredient, switch, False)  # noqa: FBT003 - the same

    def _turn(self, ingredient: Ingredient, switch: Switch, is_on: bool) -> None:  # noqa: FBT001 - the same
        if self._is_over:
            return
        self._history.hits[f"spell of {ingredient}"] += is_on
        self._history.record("weather", f"{ingredient} {'begins' if is_on else 'ends'}")
        switch(is_on)

    def _deeds(self, ingredient: Ingredient, deed: Callable[[], None], most: int) -> None:
        if self._scenario.has(ingredient):
            for _ in range(self._chance.randint(1, most)):
                after = self._chance.random() * self._scenario.seconds
                asyncio.get_running_loop().call_later(after, self._do, deed)

    def _do(self, deed: Callable[[], None]) -> None:
        if not self._is_over:
            deed()


def _member(where: set[str] | set[int], name: str | int) -> Switch:
    def switch(on: bool) -> None:  # noqa: FBT001 - see Switch
        (where.add if on else where.discard)(name)  # type: ignore[arg-type]  # the caller gives what the set holds

    return switch

"""What one seed is: which ingredients, how much of each, how many files in how much time."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.simulation.ingredients import ASKED_FOR, DELAYING, HARMLESS, Ingredient

SHORT_ARRIVALS = (15, 50)
LARGE = 500  # from so many arrivals on a history is paced by the hour and cleared up as it goes
LARGE_PER_HOUR = 3_600
_FEW_RUNS = 40  # in an hour
# A crash ends all that a process has under way. With a file a second that is so much that more crashes than this, one
# in two or three minutes, would leave no pass enough time.
LARGE_CRASHES = 0.0005
# How much of an ingredient a history has that has any: chances by I/O, event, run or file.
_RATES: dict[Ingredient, tuple[float, ...]] = {
    Ingredient.REJECT: (0.005, 0.02, 0.05),
    Ingredient.LOSE_ANSWER: (0.005, 0.02, 0.05),
    Ingredient.REPEAT: (0.005, 0.02, 0.05),
    Ingredient.SLOW: (0.002, 0.01),
    Ingredient.CRASH: (0.002, 0.005, 0.01),
    Ingredient.FREEZE: (0.0005, 0.002),
    Ingredient.SKEW: (1.0, 5.0),  # seconds
    Ingredient.REFUSED: (0.01, 0.1),
    Ingredient.SKIPPED_RUNS: (0.05, 0.4),
    Ingredient.FAILED_RUNS: (0.05, 0.4),
    Ingredient.DELETED_RUNS: (0.02, 0.1),
    Ingredient.LOST_EVENTS: (0.1, 0.3, 1.0),
    Ingredient.DUPLICATE_EVENTS: (0.2, 0.6),
    Ingredient.LATE_EVENTS: (0.05, 0.3),
    Ingredient.BATCHES: (0.3, 0.7),
    Ingredient.DEAD_LETTERS: (1.0,),
    Ingredient.TIMER_LATE: (60.0, 180.0),  # seconds
    Ingredient.TIMER_DOUBLE: (0.1, 0.5),
    Ingredient.OVERWRITES: (0.05, 0.2),
    Ingredient.SAME_CONTENT: (0.1, 0.5),
    Ingredient.TOUCHES: (0.05, 0.2),
    Ingredient.DELETES: (0.05, 0.2),
    Ingredient.RENAMES: (0.05, 0.2),
    Ingredient.BLOCK_UPLOADS: (0.2, 0.6),
    Ingredient.SLUGGISH: (15.0,),  # seconds
}
_HEALTHY_SHARE, _SWARM = 0.1, 0.4
# Faults of every day, in every tenth history alone: these are the histories that the bounds are held against.
_EVERY_DAY = frozenset(
    {
        Ingredient.REJECT,
        Ingredient.LOSE_ANSWER,
        Ingredient.SLOW,
        Ingredient.CRASH,
        Ingredient.LOST_EVENTS,
        Ingredient.DUPLICATE_EVENTS,
        Ingredient.LATE_EVENTS,
        Ingredient.OVERWRITES,
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Scenario:
    """How the history of a seed is made."""

    seed: int
    arrivals: int
    seconds: float  # within which they land
    instances: int
    timer_every: float
    rates: dict[Ingredient, float] = field(default_factory=dict)  # of the ingredients that it has

    def has(self, ingredient: Ingredient) -> bool:
        """Tell whether an ingredient is part of this history."""
        return ingredient in self.rates

    def rate(self, ingredient: Ingredient) -> float:
        """Return how much there is of an ingredient, 0 for none."""
        return self.rates.get(ingredient, 0.0)

    @property
    def most_runs_per_hour(self) -> int | None:
        """Return how many runs all rules together may start in an hour, None for more than there are files."""
        is_capped = self.has(Ingredient.LIMITS) and self.seed % 2 and not self.is_large
        return max(_FEW_RUNS, self.arrivals // 2) if is_capped else None

    @property
    def is_large(self) -> bool:
        """Tell whether what has been processed is cleared up as in an account that lives for long."""
        return self.arrivals >= LARGE

    @property
    def is_healthy(self) -> bool:
        """Tell whether nothing fails but events."""
        return self.rates.keys() <= HARMLESS

    @property
    def is_bounded(self) -> bool:
        """Tell whether nothing may make a file wait for longer than crashes do.

        A Databricks that is slow, and away for ten minutes, must not either: passes start several files at a time.
        """
        delaying = self.rates.keys() & DELAYING
        is_catching_up = self.has(Ingredient.SLUGGISH) and delaying == {Ingredient.DATABRICKS_DOWN}
        return (not delaying or is_catching_up) and self.rate(Ingredient.FAILED_RUNS) == 0


def scenario_of(seed: int, arrivals: int | None = None, only: Iterable[Ingredient] | None = None) -> Scenario:
    """Return the scenario of a seed; the same for the same arguments."""
    chance = random.Random(f"scenario {seed}")
    few = chance.randint(*SHORT_ARRIVALS)
    kind = chance.random()
    if only is not None:
        chosen = set(only)
    elif kind < _HEALTHY_SHARE:
        chosen = {each for each in Ingredient if each in HARMLESS and chance.random() < _SWARM}
        chosen.add(Ingredient.LOST_EVENTS)
    elif kind < 2 * _HEALTHY_SHARE or (arrivals or 0) >= LARGE:
        chosen = set(_EVERY_DAY)
    else:
        chosen = {each for each in Ingredient if each not in ASKED_FOR and chance.random() < _SWARM}
        if Ingredient.PRUNES in chosen and chance.random() < 0.7:
            chosen.discard(Ingredient.PRUNES)  # they take days
    rates = {each: chance.choice(_RATES.get(each, (1.0,))) for each in Ingredient if each in chosen}
    if not chosen & DELAYING:  # the bounds are for crashes, not for a service that fails all the time as well
        for each in (Ingredient.REJECT, Ingredient.LOSE_ANSWER, Ingredient.REPEAT):
            rates |= {each: _RATES[each][0]} if each in rates else {}
    count = few if arrivals is None else arrivals
    if count >= LARGE and Ingredient.CRASH in rates:
        rates[Ingredient.CRASH] = LARGE_CRASHES
    seconds = chance.uniform(900, 2400)
    return Scenario(
        seed=seed,
        arrivals=count,
        seconds=seconds if count < LARGE else count / LARGE_PER_HOUR * 3600,
        instances=chance.randint(1, 3) if count < LARGE else 3,
        timer_every=60.0,
        rates=rates,
    )

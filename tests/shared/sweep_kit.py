"""What the tests of rounds share: a rule with four places to look in, files without events, and short sweeps."""

from __future__ import annotations

from shared.sweep import RoundReport
from tests.fakes.world import World

MINUTE = 60.0
GRACE = 5 * MINUTE
MANY = """
version: 1
rules:
  - name: crm
    path: "landing/{source:crm|erp|hr|web}/{name}.csv"
    job: {id: 7}
"""


async def active(rules: str, **settings: str) -> World:
    """Return a service whose rules have been active since START."""
    world = World(rules, **settings)
    await world.reconciler.run()
    return world


async def page(world: World) -> list[RoundReport]:
    """Let a sweep have time for one page of each shard."""
    return await sweep(world, 0)


async def sweep(world: World, seconds: float = MINUTE) -> list[RoundReport]:
    """Sweep for so long, as one pass does."""
    return await world.sweeper.sweep(world.rules, await world.bookkeeping.standings(), world.deadline(seconds))


async def large(world: World, files: int = 40, prefix: str = "") -> None:
    """Drop files without events, in small pages, and let their grace pass."""
    world.landing.page_size = 2
    for number in range(files):
        world.landing.upload(f"landing/{('crm', 'erp', 'hr', 'web')[number % 4]}/{prefix}{number:03d}.csv")
    world.clock.advance(GRACE + MINUTE)

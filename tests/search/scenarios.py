"""Who meets on one entry in the searches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from shared.model import Arrival, Source
from tests.fakes.world import World
from tests.search import gathering
from tests.search.explorer import Scenario
from tests.search.invariants import OneEntry
from tests.search.recovery import EVENT, PASS
from tests.search.truth import FAILED, SKIPPED
from tests.search.workers import Program, Setup

RULES = """
version: 1
rules:
  - name: crm
    path: "landing/crm/{name}.csv"
    job: {id: 7}
"""
JUMP = 200.0  # longer than a lease and than the wait after a busy answer
DAY = 25 * 3600.0  # longer than requests are repeated blindly


async def claim_as_sweep(world: World, arrivals: Sequence[Arrival]) -> None:
    """Claim the arrival as the sweep does that finds it without an entry."""
    listed = replace(arrivals[0], source=Source.SWEEP, event_id=None, event_type=None, api=None)
    await world.intake.accept(listed, world.deadline(60), only="crm")


SWEEP = Program("sweep", claim_as_sweep)


def everything(*, faults: int, workers: Sequence[Program] = ()) -> list[Scenario]:
    """Return all searches, those of one entry and those of sealing.

    Sealing is searched with a fault less: its workers make three times as many calls.
    """
    return [*scenarios(faults=faults, workers=workers), *sealing(faults=max(0, faults - 1))]


def scenarios(*, faults: int, workers: Sequence[Program] = ()) -> list[Scenario]:
    """Return the searches; `faults` is how many calls of a history may go wrong."""
    plain = Setup(RULES, (0.0, JUMP, 2 * JUMP))
    long = Setup(RULES, (0.0, JUMP, DAY))
    rerun = Setup(RULES + "    on_failure: {rerun: 1}\n", (0.0, JUMP, 2 * JUMP))
    repair = Setup(RULES + "    on_failure: {repair: 1}\n", (0.0, JUMP, 2 * JUMP))
    made = [
        Scenario("event, its duplicate, a pass", plain, [EVENT, EVENT, PASS], faults),
        Scenario("event, sweep, a pass", plain, [EVENT, SWEEP, PASS], faults),
        Scenario("event, two passes, a skipped run", plain, [EVENT, PASS, PASS], faults, {SKIPPED: 1}),
        Scenario("event, two passes, a day between", long, [EVENT, PASS, PASS], faults),
        Scenario(
            "event, two passes, a rerun", rerun, [EVENT, PASS, PASS], faults, {FAILED: 2}, OneEntry(most_retries=1)
        ),
        Scenario(
            "event, two passes, a repair", repair, [EVENT, PASS, PASS], faults, {FAILED: 1}, OneEntry(most_retries=1)
        ),
    ]
    return [replace(scenario, programs=[*scenario.programs, *workers]) for scenario in made]


def sealing(*, faults: int) -> list[Scenario]:
    """Return the searches of sealing."""
    first, second = gathering.event_of(0), gathering.event_of(1)
    one_pass = gathering.GATHER

    def made(name: str, programs: Sequence[Program], files: int, before: Sequence[Program]) -> Scenario:
        setup = Setup(gathering.RULES % 2, (0.0, 600.0, 1200.0), gathering.PATHS[:files], is_all_shared=True)
        case, again = gathering.Batches(files), [first, second][files - 1]
        return Scenario(name, setup, programs, faults, case=case, before=before, afterwards=[again, one_pass])

    return [
        made("sealing: three passes over a file", [one_pass] * 3, 1, [first]),
        made("sealing: two passes over two files", [one_pass] * 2, 2, [first, second]),
        made("sealing: two passes, a second file arrives", [second, one_pass, one_pass], 2, [first]),
    ]

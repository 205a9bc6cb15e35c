"""A flood of files must not become a flood of cost: 100,000 of them within a minute, against the whole service."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from shared.ledger import partitions_of
from shared.model import Verdict
from tests.fakes.manual_clock import START
from tests.fakes.world import World
from tests.proof_record import record

# CI floods with fewer, under limits that are the same share of them; FLOOD=100000 is the whole flood.
FILES = int(os.environ.get("FLOOD", "5000"))
OF_CRM, OF_HR = FILES // 50, 20
CRM_LIMIT, SERVICE_LIMIT = FILES // 500, FILES // 10
HOUR = timedelta(hours=1)
PASSES_AN_HOUR = 12  # a pass looks at 2,000 entries of a rule at most, and the deployed timer calls for one a minute
# What a pass costs that has nothing to start and 100,000 files waiting: reads of places and times, a page at a time.
MOST_CALLS_OF_A_PASS = 150
RULES = f"""
version: 1
rules:
  - {{name: crm, path: "landing/crm/*.csv", job: {{id: 7}}, limit: {CRM_LIMIT}/hour}}
  - {{name: erp, path: "landing/erp/*.csv", job: {{id: 8}}}}
  - {{name: hr, path: "landing/hr/*.csv", job: {{id: 9}}}}
"""


async def flood(world: World) -> None:
    """Let all files land within a minute, each with its event: those of `hr` when the flood has used up everything."""
    for number in range(FILES):
        rule = "hr" if number % (FILES // OF_HR) == FILES // OF_HR - 1 else "crm" if number % 50 == 0 else "erp"
        await world.drop(f"landing/{rule}/{number:06d}.csv", b"1")
        world.clock.advance(60 / FILES)


async def hour(world: World) -> None:
    """Let an hour pass, a pass every five minutes; every run ends before the next."""
    for _ in range(PASSES_AN_HOUR):
        world.clock.advance(HOUR.total_seconds() / PASSES_AN_HOUR)
        await world.reconciler.run()
        end_runs(world)


def end_runs(world: World) -> None:
    """Let every run succeed that has not ended."""
    for run in [run for run in world.databricks.runs.values() if run.verdict is None]:
        world.databricks.end(run.run_id, Verdict.SUCCEEDED)


def start_times(world: World, *jobs: int) -> list[datetime]:
    """Return when the runs of jobs were started, in order."""
    return sorted(run.started_at for run in world.databricks.runs.values() if run.job_id in jobs and run.started_at)


def most_in_an_hour(times: Sequence[datetime]) -> int:
    """Return how many of the times the fullest hour holds, wherever it begins."""
    most = first = 0
    for last, at in enumerate(times):
        while at - times[first] >= HOUR:
            first += 1
        most = max(most, last - first + 1)
    return most


def started_numbers(world: World, job: int) -> list[int]:
    """Return the numbers of the files of a job's runs, in the order of the runs."""
    runs = sorted((run for run in world.databricks.runs.values() if run.job_id == job), key=lambda run: run.run_id)
    return [int(run.parameters["file_path"].rpartition("/")[2][:6]) for run in runs]


def most_overtaken(numbers: Sequence[int]) -> int:
    """Return how many places the one who was overtaken most has lost.

    A pass takes 500 of each partition, by eight, and the partitions' shares of the line differ by chance.
    """
    places = {number: place for place, number in enumerate(sorted(numbers))}
    return max(started - places[number] for started, number in enumerate(numbers))


async def claimed(world: World) -> Counter[str]:
    """Return how many entries each rule has."""
    count: Counter[str] = Counter()
    for rule in ("crm", "erp", "hr"):
        for partition in partitions_of(rule):
            async for page in world.table.column(partition, "E|", "E|~", "state"):
                count[rule] += len(page)
    return count


async def test_flood_of_files_stays_within_the_limits() -> None:
    """All are claimed at two calls each at most; no hour holds more runs than the limits; all run, the oldest first."""
    began = time.monotonic()
    world = World(RULES, MOST_RUNS_PER_HOUR=str(SERVICE_LIMIT))
    await world.reconciler.run()
    before = world.table.calls

    await flood(world)

    calls_of_flood = world.table.calls - before
    assert world.clock.now() - START <= timedelta(minutes=1, seconds=1)
    assert await claimed(world) == {"crm": OF_CRM, "erp": FILES - OF_CRM - OF_HR, "hr": OF_HR}
    assert calls_of_flood <= FILES + SERVICE_LIMIT + FILES // 50 + 100  # its claim, its run, and now and then a block
    assert len(start_times(world, 7)) == CRM_LIMIT
    assert len(start_times(world, 7, 8, 9)) == SERVICE_LIMIT

    end_runs(world)
    while (await world.reconciler.run()).settled or world.clock.now() - START < timedelta(minutes=10):
        world.clock.advance(60)
    assert world.clock.now() - START < timedelta(minutes=40)
    before = world.table.calls
    await world.reconciler.run()
    assert world.table.calls - before <= MOST_CALLS_OF_A_PASS

    for waves in range(2, 13):
        await hour(world)
        assert len(start_times(world, 7, 8, 9)) <= waves * SERVICE_LIMIT
        assert set(started_numbers(world, 9)) <= set(range(FILES))
    assert len(started_numbers(world, 9)) == OF_HR
    assert most_in_an_hour(start_times(world, 7)) <= CRM_LIMIT
    assert most_in_an_hour(start_times(world, 7, 8, 9)) <= SERVICE_LIMIT
    assert len(world.databricks.runs) == len({run.parameters["file_path"] for run in world.databricks.runs.values()})
    for job in (7, 8):
        assert most_overtaken(started_numbers(world, job)) <= FILES // 100
    assert len(world.databricks.runs) == FILES
    record(
        "denial of wallet",
        how_many=f"{FILES:,} matching files within a minute",
        result=f"{most_in_an_hour(start_times(world, 7, 8, 9)):,} runs in the fullest hour, limit {SERVICE_LIMIT:,}; "
        f"{FILES:,} claimed, {len(world.databricks.runs):,} run after {world.clock.now() - START}",
        seconds=time.monotonic() - began,
    )

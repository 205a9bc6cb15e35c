"""Whatever events, networks, clocks and hosts do, each version runs exactly once.

PROCESSES_ARRIVALS says how many files land (2,000), PROCESSES_SEED what becomes of them; `make soak` drops 20,000
files under a new seed.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from localdev.azurite import Azurite
from shared.errors import LedgerError
from shared.ledger import Indexed
from shared.model import ENTRY_PARAMETER, Source
from shared.storage_connection import EMULATOR_KEY
from tests.acceptance.lossy_scene import SEED, SKEWS, TOKEN, Scene, Wave, lossy_scene
from tests.acceptance.nemesis import KILL_EVERY, Nemesis
from tests.fakes.waiting import until_done
from tests.proof_record import record
from tests.proxies.faults import Kind

pytestmark = pytest.mark.acceptance
FILES = int(os.environ.get("PROCESSES_ARRIVALS", "2000"))
# For all of it, on two busy processors; a killed host keeps its shard of a sweep for half a minute more.
SECONDS = 420 + 0.2 * FILES
OVERWRITTEN = 0.1
# Seconds between looks at the ledger, which cost the same Azurite that the hosts need.
PAUSE = max(1.0, FILES / 2000)
# Until every event has had its chance no sweep may claim; then it claims at once, also beside late events.
PATIENT, EAGER = "1h", "1s"
# A beat of the killing may find only one host up; on a machine that is busy with other things it often does.
LEAST_KILLS = 20
# From so many files on each kind of fault must have happened; a shorter run makes too few requests for that.
WHOLE_RUN = 2000


@dataclass(frozen=True, slots=True)
class Truth:
    """What is known when all is over: versions by entry key, entries by key, runs by what they were told."""

    waves: tuple[Wave, ...]
    entries: dict[str, Indexed]
    open_paths: list[str]
    runs: Counter[str]  # by entry key
    told: Counter[tuple[str, str]]  # by path and version

    @property
    def versions(self) -> dict[str, Any]:
        """Return every version that was uploaded, by the key that its entry must have."""
        return {key: arrival for wave in self.waves for key, arrival in wave.versions.items()}

    def lost(self) -> dict[str, Indexed | None]:
        """Return the paths of versions without a run, each with its entry."""
        return {arrival.path: self.entries.get(key) for key, arrival in self.versions.items() if not self.runs[key]}

    def double(self) -> dict[str, Indexed | None]:
        """Return the paths of versions with more than one run, each with its entry."""
        return {arrival.path: self.entries.get(key) for key, arrival in self.versions.items() if self.runs[key] > 1}


async def test_every_version_runs_exactly_once(
    azurite: Azurite, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One run per version, whatever hosts, clocks, networks and events do; sweeps find just what was dropped."""
    del azurite  # only the skip where it cannot run: this many blobs would slow it for others
    caplog.set_level(logging.CRITICAL, "landfall")  # thousands of attempts at killed hosts would bury what failed
    sys.stdout.write(f"{FILES} files, PROCESSES_SEED={SEED}\n")
    async with lossy_scene(tmp_path, RECONCILE_GRACE=PATIENT) as scene:
        waves: list[Wave] = []
        try:
            async with asyncio.timeout(SECONDS):
                woke = await _lose_events(scene, waves)
                await _lose_events_of_overwrites(scene, waves)
        except TimeoutError:
            pytest.fail(_kept(scene, await _truth(scene, waves), "out of time"), pytrace=False)
        truth, logs = await _truth(scene, waves), scene.fleet.logs()

    try:
        _check(truth, scene)
        _check_that_it_happened(scene, woke=woke)
        _check_logs(logs)
        assert "round.shared" in logs
    except AssertionError as error:
        error.add_note(_kept(scene, truth, str(error)[:500]))
        raise
    _tell(scene, truth)


async def _lose_events(scene: Scene, waves: list[Wave]) -> bool:
    """Land new files while everything goes wrong, then let the sweep find what was dropped; tell of the zombie."""
    paths = [f"crm/{number % 7}/orders-{number:05d}.csv" for number in range(FILES)]
    async with _trouble(scene) as nemesis:
        uploading = asyncio.create_task(scene.upload(paths, "first version"))
        await until_done(lambda: _delivered(scene, FILES // 20), SECONDS)
        zombie = asyncio.create_task(nemesis.make_zombie())
        wave = await uploading
        waves.append(wave)
        scene.history.note("uploaded", versions=len(wave.versions))
        await scene.simulator.drain()
        scene.history.note("drained")
        woke = await zombie
        await scene.fleet.deploy(RECONCILE_GRACE=EAGER, SWEEP_QUEUE_ABOVE=str(FILES // 2))
        scene.history.note("deployed")
        await until_done(lambda: _found(scene, len(wave.versions) - len(wave.dropped) // 2), SECONDS, pause=PAUSE)
    # Who takes a shard of a sweep keeps it for half a minute when killed: with a kill every two seconds the last few
    # files would take many minutes, and none of them would show anything new.
    scene.history.note("in peace")
    await until_done(lambda: scene.settled(wave), SECONDS, pause=PAUSE)
    scene.history.note("settled")
    return woke


async def _lose_events_of_overwrites(scene: Scene, waves: list[Wave]) -> None:
    """Overwrite some files while sweeps that are shared over the queue claim what they find; networks still lie."""
    await scene.fleet.deploy(SWEEP_QUEUE_ABOVE=str(FILES // 2))
    paths = sorted(arrival.path for arrival in waves[0].versions.values())
    wave = await scene.upload(scene.fates.sample(paths, int(FILES * OVERWRITTEN)), "second version")
    waves.append(wave)
    await scene.simulator.drain()
    scene.history.note("overwritten", versions=len(wave.versions))
    await until_done(lambda: scene.settled(wave), SECONDS, pause=PAUSE)
    scene.history.note("over")


@asynccontextmanager
async def _trouble(scene: Scene) -> AsyncIterator[Nemesis]:
    """Let networks lie from now on, and hosts die for as long as the block lasts."""
    nemesis = Nemesis(scene.fleet, scene.trouble, scene.history, SEED)
    scene.trouble.begin()
    killing = asyncio.create_task(nemesis.kill())
    try:
        yield nemesis
    finally:
        killing.cancel()
        await asyncio.gather(killing, return_exceptions=True)
    if killing.done() and not killing.cancelled():
        killing.result()  # a kill that could not be made is no kill


async def _delivered(scene: Scene, count: int) -> bool:
    return scene.simulator.counters.delivered >= count


async def _found(scene: Scene, count: int) -> bool:
    with suppress(LedgerError):  # a busy Azurite: look again
        return len(await scene.indexed()) >= count
    return False


async def _truth(scene: Scene, waves: list[Wave]) -> Truth:
    runs = await scene.runs()
    entries: dict[str, Indexed] = {}
    open_paths: list[str] = []
    with suppress(LedgerError):  # after a failure this is all that there is to know
        entries, open_paths = await scene.indexed(), await scene.open_paths()
    return Truth(
        waves=tuple(waves),
        entries=entries,
        open_paths=open_paths,
        runs=Counter(run[ENTRY_PARAMETER] for run in runs),
        told=Counter((run["path"], run["version"]) for run in runs),
    )


def _check(truth: Truth, scene: Scene) -> None:
    """The truth is what Databricks has: by our entry's key, and by what each run was told."""
    versions = truth.versions
    assert (truth.lost(), truth.double()) == ({}, {})
    assert truth.told == Counter((arrival.path, arrival.version) for arrival in versions.values())
    assert truth.entries.keys() == truth.runs.keys() == versions.keys()
    assert Counter(row.outcome for row in truth.entries.values()) == {"succeeded": len(versions)}
    assert truth.open_paths == []
    swept = {key for key, row in truth.entries.items() if row.source is Source.SWEEP}
    first, second = truth.waves
    assert swept & first.versions.keys() == first.dropped  # missed is what was dropped, no more and no less
    assert swept & second.versions.keys() >= second.dropped  # a late event may lose against an eager sweep
    counters = scene.simulator.counters
    assert counters.dropped == len(first.dropped) + len(second.dropped) == scene.planned["Drop"]
    assert (counters.discarded, counters.dead_lettered, counters.abandoned) == (0, 0, 0)


def _check_that_it_happened(scene: Scene, *, woke: bool) -> None:
    """A test of faults that did not happen proves nothing."""
    counters, trouble = scene.simulator.counters, scene.trouble
    assert counters.duplicated == scene.planned["Repeat"] > 0
    assert counters.reordered == scene.planned["Reorder"] > 0
    assert scene.fleet.kills >= LEAST_KILLS
    assert woke
    if FILES < WHOLE_RUN:
        return
    everything = set(Kind)
    assert trouble.kinds("table", ["transact"]) == everything
    assert trouble.kinds("table", ["read", "range"]) == everything
    assert trouble.kinds("blob", ["list", "time", "properties"]) >= everything - {Kind.SLOW_BODY}
    assert trouble.kinds("jobs", ["jobs/run-now"]) == everything
    assert len(trouble.kinds("jobs", ["jobs/runs/get", "jobs/runs/list"])) >= len(everything) // 2
    assert len(trouble.kinds("queue", ["send", "receive", "delete"])) >= len(everything) // 2


def _check_logs(logs: str) -> None:
    """What was to be expected leaves lines in the log, and neither tracebacks nor secrets."""
    for word in ("Traceback", "invariant.broken", "never retrieved", TOKEN, EMULATOR_KEY):
        assert not [line[:500] for line in logs.splitlines() if word in line][:5]


def _kept(scene: Scene, truth: Truth, why: str) -> str:
    """Keep what happened in a file; return where, and the worst of it."""
    without = {a.path: None for key, a in truth.versions.items() if key not in truth.entries}
    found = {
        "why": why,
        "lost": truth.lost(),
        "double": truth.double(),
        "without_entry": without,
        "open": dict.fromkeys(truth.open_paths),
        "faults": [(*site, count) for site, count in sorted(scene.trouble.made().items())],
        "events": scene.simulator.counters.as_dict(),
    }
    file = scene.history.save(found, scene.fleet.logs())
    return (
        f"{why}\nAfter {scene.history.seconds:.0f} s (PROCESSES_SEED={SEED}): {len(truth.versions)} versions uploaded, "
        f"{len(truth.lost())} lost, {len(truth.double())} double, {len(without)} without an entry, "
        f"{len(truth.open_paths)} open; {scene.simulator.under_way} events under way; {scene.fleet.kills} kills.\n"
        f"Seconds: {scene.history.milestones()}.\n"
        f"What happened is in {file}, the logs of the hosts beside it."
    )


def _tell(scene: Scene, truth: Truth) -> None:
    events, trouble, history = scene.simulator.counters, scene.trouble, scene.history
    kinds = Counter(dict.fromkeys(Kind, 0))
    for (_, _, kind), count in trouble.made().items():
        kinds[kind] += count
    arrivals, faults = len(truth.versions), sum(kinds.values())
    result = f"{len(truth.lost())} lost, {len(truth.double())} double, {len(truth.open_paths)} open"
    parts = (
        f"{arrivals} arrivals, {len(SKEWS)} hosts",
        f"{scene.fleet.kills} kills (one each {KILL_EVERY:.0f} s, {history.count('spared')} left out), 1 zombie",
        f"{events.dropped} events dropped, {events.duplicated} doubled, {events.reordered} reordered",
        f"{faults} faults in {trouble.requests()} requests ("
        + ", ".join(f"{kind} {count}" for kind, count in kinds.most_common())
        + ")",
        result,
        f"{history.seconds:.0f} s",
        f"seed {SEED}",
    )
    sys.stdout.write(f"processes: {'; '.join(parts)}\n")
    record(
        "processes",
        how_many=f"{arrivals:,} arrivals, {scene.fleet.kills} kills, {faults:,} faults in "
        f"{trouble.requests():,} requests, {events.dropped:,} events dropped",
        result=result,
        seed=str(SEED),
        seconds=history.seconds,
    )

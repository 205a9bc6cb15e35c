"""Events are dropped, doubled, delayed and overtaken, hosts are killed: each version runs exactly once.

LOST_EVENTS_FILES says how many files land (2,000), LOST_EVENTS_SEED what becomes of their events; `make soak` drops
5,000 files under a new seed.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from localdev.azurite import Azurite
from shared.errors import LedgerError
from shared.model import ENTRY_PARAMETER, Source
from tests.acceptance.lossy_scene import SEED, Scene, Wave, lossy_scene
from tests.fakes.waiting import until_done

pytestmark = pytest.mark.acceptance
FILES = int(os.environ.get("LOST_EVENTS_FILES", "2000"))
# For all of it; a killed host keeps its shard of a sweep for a minute more.
SECONDS = 180 + 0.09 * FILES
HOSTS, OVERWRITTEN = 3, 0.1
PAUSE = 1.0  # seconds between looks at the ledger, which cost the same Azurite that the hosts need
# Until every event has had its chance no sweep may claim; then it claims at once, also beside late events.
PATIENT, EAGER = "1h", "1s"


async def test_every_version_runs_exactly_once(azurite: Azurite, tmp_path: Path) -> None:
    """Whatever events did, three hosts start one run per version, and find by sweeping just what was dropped."""
    del azurite  # only the skip where it cannot run: this many blobs would slow it for others
    began = time.monotonic()
    async with lossy_scene(tmp_path, HOSTS, RECONCILE_GRACE=PATIENT) as (scene, workspace):
        waves: list[Wave] = []
        try:
            async with asyncio.timeout(SECONDS):
                first = await _lose_events(scene, waves)
                second = await _lose_events_of_overwrites(scene, first, waves)
        except TimeoutError:
            pytest.fail(await _what_is_missing(scene, waves, tmp_path), pytrace=False)
        entries, runs = await scene.indexed(), await _runs(workspace)
        logs = scene.fleet.logs()

    versions = first.versions | second.versions
    swept = {key for key, row in entries.items() if row.source is Source.SWEEP}
    # The truth is what Databricks has: by our entry's key, and by what each run was told.
    assert Counter(run[ENTRY_PARAMETER] for run in runs) == Counter(list(versions))
    told = Counter((run["path"], run["version"]) for run in runs)
    assert told == Counter((arrival.path, arrival.version) for arrival in versions.values())
    assert entries.keys() == versions.keys()
    assert Counter(row.outcome for row in entries.values()) == {"succeeded": len(versions)}
    assert swept & first.versions.keys() == first.dropped  # missed is what was dropped, no more and no less
    assert swept & second.versions.keys() >= second.dropped  # a late event may lose against an eager sweep
    counters = scene.simulator.counters
    assert counters.dropped == len(first.dropped) + len(second.dropped) == scene.planned["Drop"]
    assert counters.duplicated == scene.planned["Repeat"] > 0
    assert counters.reordered == scene.planned["Reorder"] > 0
    assert (counters.discarded, counters.dead_lettered, counters.abandoned) == (0, 0, 0)
    assert scene.fleet.kills == 2
    assert "Traceback" not in logs
    assert "invariant.broken" not in logs
    _tell(scene, [first, second], swept, time.monotonic() - began)


async def _lose_events(scene: Scene, waves: list[Wave]) -> Wave:
    """Land new files while their events go wrong and a host is killed; then let the sweep find what was dropped."""
    paths = [f"crm/{number % 7}/orders-{number:05d}.csv" for number in range(FILES)]
    uploading = asyncio.create_task(scene.upload(paths, "first version"))
    await until_done(lambda: _delivered(scene, FILES // 4), SECONDS)
    await scene.fleet.kill_and_restart(0)
    wave = await uploading
    waves.append(wave)
    await scene.simulator.drain()
    await scene.fleet.deploy(RECONCILE_GRACE=EAGER, SWEEP_QUEUE_ABOVE=str(FILES // 2))
    await until_done(lambda: _found(scene, len(wave.versions) - len(wave.dropped) // 2), SECONDS, pause=PAUSE)
    await scene.fleet.kill_and_restart(1)
    await until_done(lambda: scene.settled(wave), SECONDS, pause=PAUSE)
    return wave


async def _lose_events_of_overwrites(scene: Scene, first: Wave, waves: list[Wave]) -> Wave:
    """Overwrite some files, events going wrong again, while every sweep claims what it finds."""
    paths = sorted(arrival.path for arrival in first.versions.values())
    wave = await scene.upload(scene.fates.sample(paths, int(FILES * OVERWRITTEN)), "second version")
    waves.append(wave)
    await scene.simulator.drain()
    await until_done(lambda: scene.settled(wave), SECONDS, pause=PAUSE)
    return wave


async def _delivered(scene: Scene, count: int) -> bool:
    return scene.simulator.counters.delivered >= count


async def _found(scene: Scene, count: int) -> bool:
    with suppress(LedgerError):
        return len(await scene.indexed()) >= count
    return False


async def _runs(workspace: httpx.AsyncClient) -> list[Mapping[str, str]]:
    """Return the notebook parameters of every run that the workspace has."""
    runs: list[Mapping[str, str]] = []
    query: dict[str, str] = {"limit": "25"}
    while True:
        page = (await workspace.get("/api/2.2/jobs/runs/list", params=query)).raise_for_status().json()
        runs += [run["overriding_parameters"]["notebook_params"] for run in page.get("runs", [])]
        if not page.get("next_page_token"):
            return runs
        query["page_token"] = page["next_page_token"]


async def _what_is_missing(scene: Scene, waves: list[Wave], folder: Path) -> str:
    entries = await scene.indexed()
    versions = {key: arrival for wave in waves for key, arrival in wave.versions.items()}
    without = sorted(arrival.full_path for key, arrival in versions.items() if key not in entries)
    open_ones = sorted(
        versions[key].full_path for key, row in entries.items() if row.outcome == "open" and key in versions
    )
    return (
        f"After {SECONDS:.0f} s (seed {SEED}): {len(entries)} entries of {len(versions)} versions uploaded; "
        f"{scene.simulator.under_way} events under way.\n"
        f"{len(without)} versions without an entry: {', '.join(without[:10])}\n"
        f"{len(open_ones)} with an open entry: {', '.join(open_ones[:10])}\n"
        f"The logs of the hosts are in {folder}."
    )


def _tell(scene: Scene, waves: list[Wave], swept: set[str], seconds: float) -> None:
    counters = scene.simulator.counters
    first, second = waves
    overtaken = len(swept) - counters.dropped
    sys.stdout.write(
        f"{len(first.versions)} files, {len(second.versions)} overwritten, {HOSTS} hosts, {scene.fleet.kills} killed: "
        f"{counters.dropped} events dropped, {counters.duplicated} doubled, {counters.delayed} delayed, "
        f"{counters.reordered} reordered; {len(swept)} found by the sweep, {overtaken} of them before a late event; "
        f"each version ran once. {seconds:.0f} s, seed {SEED}\n"
    )

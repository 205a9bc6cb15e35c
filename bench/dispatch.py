"""From the POST of an event to its run-now: Landfall, the tutorial's own function, and a bare httpx client.

Landfall and the tutorial run on the embedded host, each in a process of its own; Landfall's ledger is in Azurite.
Events come at a steady rate whatever the answers take (open loop), one in twenty twice, as Event Grid may. The three
take turns in short rounds, so that a drift of the machine meets all of them.

    python bench/dispatch.py [--rate 50] [--seconds 20] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx_aiohttp
import psutil
from httpx import AsyncClient

from bench.jobs_server import JobsServer
from localdev.azurite import Azurite
from localdev.child_process import ChildProcess, supervised
from localdev.stack_setup import create_containers
from shared.storage_connection import EMULATOR_ACCOUNT
from shared.wiring import APP_ROOT, load_rules

ROUND_SECONDS = 5.0
WARM_UP = 40
EVERY_TWICE = 20  # each twentieth event is delivered a second time
PATIENCE = 15.0  # seconds after the last event in which everything must have started
GOAL_P50, GOAL_P99 = 50.0, 500.0
RULES = 'version: 1\nrules:\n  - {name: bench, path: "landing/bench/{name}.csv", job: {id: 7}}\n'
Send = Callable[[str], Coroutine[Any, Any, None]]
OURS, TUTORIAL, BARE = "Landfall", "the tutorial's function", "bare httpx run-now"


@dataclass
class Contender:
    """One way from an event to its run-now."""

    name: str
    send: Send  # delivers the event of a file, or starts its run outright
    cpu: Callable[[], float]  # seconds of CPU that its process has used so far
    sent: dict[str, float] = field(default_factory=dict)  # when each file's first event was sent
    cpu_seconds: float = 0.0

    def figures(self, calls: dict[str, list[tuple[str, float]]]) -> dict[str, float]:
        """Return the figures of all rounds."""
        latencies = sorted(
            1000 * (min(at for _, at in calls[file]) - sent) for file, sent in self.sent.items() if file in calls
        )
        return {
            "events": len(self.sent),
            "p50_ms": statistics.median(latencies),
            "p99_ms": latencies[int(0.99 * (len(latencies) - 1))],
            "cpu_ms_per_event": 1000 * self.cpu_seconds / len(self.sent),
            "lost": sum(file not in calls for file in self.sent),
            "started_twice": sum(len({run for run, _ in calls.get(file, [])}) > 1 for file in self.sent),
        }


def main() -> None:
    """Measure, print, and exit with 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=50, help="events a second (%(default)s)")
    parser.add_argument("--seconds", type=float, default=20, help="of events for each contender (%(default)s)")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Azurite() as azurite, JobsServer() as jobs_url:
        figures = asyncio.run(_measure(Path(folder), azurite, jobs_url, options.rate, options.seconds))
    ours = figures[OURS]
    met = ours["p50_ms"] <= GOAL_P50 and ours["p99_ms"] <= GOAL_P99 and not ours["lost"] and not ours["started_twice"]
    if options.json:
        print(json.dumps({"rate": options.rate, "contenders": figures, "goals_met": met}))
    else:
        _show(figures, options.rate)
    sys.exit(not met)


async def _measure(folder: Path, azurite: Azurite, jobs_url: str, rate: float, seconds: float) -> dict[str, Any]:
    rules = folder / "rules.yaml"
    rules.write_text(RULES, encoding="utf-8")
    create_containers(azurite.connection_string, load_rules(rules))
    environment = {
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "AzureWebJobsStorage": azurite.connection_string,
        "DATABRICKS_HOST": jobs_url,
        "DATABRICKS_TOKEN": "benchmark",
        "DATABRICKS_RATE_PERCENT": "100000",  # this server has no limit
        "MOST_RUNS_PER_HOUR": "1000000",  # never reached, and not nothing: what permits cost is measured with the rest
        "RULES_FILE": str(rules),
        "RECONCILE_SCHEDULE": "0 * * * * *",
        "SWEEP_QUEUE": "landfall-sweep",
        "SETTLE_INTERVAL": "1h",  # the runs of this server never end
    }
    ours = _host(folder, "landfall", APP_ROOT, environment)
    tutorial = _host(folder, "tutorial", APP_ROOT / "bench" / "tutorial_app", environment)
    async with httpx_aiohttp.HttpxAiohttpClient(timeout=60) as client:
        try:
            files = f"{azurite.connection.blob_endpoint}/landing/bench"
            contenders = [
                Contender(OURS, _by_event(client, ours.start(60)), _cpu_of(ours)),
                Contender(TUTORIAL, _by_event(client, tutorial.start(60)), _cpu_of(tutorial)),
                Contender(BARE, _by_run_now(client, jobs_url), time.process_time),
            ]
            return await _take_turns(contenders, files, client, jobs_url, rate, seconds)
        finally:
            ours.stop()
            tutorial.stop()


async def _take_turns(
    contenders: list[Contender],
    files: str,
    client: AsyncClient,
    jobs_url: str,
    rate: float,
    seconds: float,
) -> dict[str, Any]:
    for index, contender in enumerate(contenders):
        for number in range(WARM_UP):
            await contender.send(f"{files}/warm-{index}-{number}.csv")
    await client.get(f"{jobs_url}/calls")  # forget the warm-up
    rounds = max(1, round(seconds / ROUND_SECONDS))
    for turn in range(rounds):
        for contender in contenders[turn % 3 :] + contenders[: turn % 3]:
            began = contender.cpu()
            names = f"{files}/{turn}-{contenders.index(contender)}"
            await _round(contender, rate, ROUND_SECONDS, names)
            contender.cpu_seconds += contender.cpu() - began
    return await _collect(contenders, client, jobs_url)


async def _round(contender: Contender, rate: float, seconds: float, names: str) -> None:
    """Send events at a steady pace, and return when all of them are answered."""
    began = time.monotonic()
    tasks: list[asyncio.Task[None]] = []
    for number in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
        file = f"{names}-{number}.csv"
        contender.sent[file] = time.monotonic()
        tasks.append(asyncio.create_task(contender.send(file)))
        if number % EVERY_TWICE == 0 and contender.name != BARE:
            tasks.append(asyncio.create_task(contender.send(file)))
    await asyncio.gather(*tasks)


async def _collect(contenders: list[Contender], client: AsyncClient, jobs_url: str) -> dict[str, Any]:
    calls: dict[str, list[tuple[str, float]]] = defaultdict(list)
    expected = sum(len(contender.sent) for contender in contenders)
    until = time.monotonic() + PATIENCE
    while len(calls) < expected and time.monotonic() < until:
        for file, run_id, at in (await client.get(f"{jobs_url}/calls")).json():
            calls[file].append((run_id, at))
        await asyncio.sleep(0.2)
    return {contender.name: contender.figures(calls) for contender in contenders}


def _host(folder: Path, name: str, app: Path, environment: dict[str, str]) -> ChildProcess:
    (folder / "no-settings.json").write_text("{}", encoding="utf-8")
    return ChildProcess(
        name,
        supervised(
            "localdev.functions_host",
            *("--app", str(app), "--port", "0", "--settings", str(folder / "no-settings.json")),
        ),
        environment={**os.environ, **environment},
        folder=APP_ROOT,
        log=folder / f"{name}.log",
        ready=re.compile(r"(http://127\.0\.0\.1:\d+)"),
    )


def _by_event(client: AsyncClient, host_url: str) -> Send:
    url = f"{host_url}/runtime/webhooks/EventGrid?functionName=on_blob_event"
    headers = {"aeg-event-type": "Notification", "Content-Type": "application/json"}

    async def send(file: str) -> None:
        answer = await client.post(url, content=_event(file), headers=headers)
        assert answer.status_code == 202, answer.text

    return send


def _by_run_now(client: AsyncClient, jobs_url: str) -> Send:
    async def send(file: str) -> None:
        body = {"job_id": 7, "notebook_params": {"file_path": file, "triggered_by": "event"}}
        headers = {"Authorization": "Bearer benchmark"}
        answer = await client.post(f"{jobs_url}/api/2.2/jobs/run-now", json=body, headers=headers)
        assert answer.json()["run_id"]

    return send


def _event(file: str) -> bytes:
    """Return the event of a file, http://host/account/container/path."""
    container, _, path = file.split("/", 4)[4].partition("/")
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    event = {
        "id": path,
        "topic": f"/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/{EMULATOR_ACCOUNT}",
        "subject": f"/blobServices/default/containers/{container}/blobs/{path}",
        "eventType": "Microsoft.Storage.BlobCreated",
        "eventTime": now,
        "data": {
            "api": "PutBlob",
            "eTag": f"0x{abs(hash(path)):X}",
            "contentType": "text/csv",
            "contentLength": 1024,
            "blobType": "BlockBlob",
            "url": file,
            "sequencer": "0000000000000000000000000000FB71000000000000b9d1",
        },
        "dataVersion": "",
        "metadataVersion": "1",
    }
    return json.dumps([event]).encode()


def _cpu_of(child: ChildProcess) -> Callable[[], float]:
    def cpu() -> float:
        times = psutil.Process(child.pid).cpu_times()
        return times.user + times.system

    return cpu


def _show(figures: dict[str, Any], rate: float) -> None:
    print(f"{rate:.0f} events/s, one in {EVERY_TWICE} delivered twice; from the POST of the event to its run-now:")
    print(f"{'':26}{'events':>8}{'p50 ms':>9}{'p99 ms':>9}{'CPU ms/event':>14}{'lost':>6}{'started twice':>15}")
    for name, row in figures.items():
        print(
            f"{name:26}{row['events']:8}{row['p50_ms']:9.1f}{row['p99_ms']:9.1f}{row['cpu_ms_per_event']:14.2f}"
            f"{row['lost']:6}{row['started_twice']:15}"
        )
    print(f"goals for Landfall: p50 <= {GOAL_P50:.0f} ms, p99 <= {GOAL_P99:.0f} ms, none lost, none started twice")


if __name__ == "__main__":
    main()

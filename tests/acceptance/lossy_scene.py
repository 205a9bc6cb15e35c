"""All that goes wrong, around real processes: hosts that die and freeze, networks that lie, events that are lost.

Several hosts with wrong clocks share one Azurite and one workspace, behind proxies that break what they pass on; an
event source drops, repeats, delays and reorders.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import httpx
from azure.storage.blob.aio import BlobServiceClient, ContainerClient

from localdev.azurite import Azurite
from localdev.event_grid.faults import Delay, Drop, Fault, FaultPlan, Reorder, Repeat
from localdev.event_grid.options import SimulatorOptions
from localdev.event_grid.retry_policy import RetryPolicy
from localdev.event_grid.simulator import EventSimulator
from localdev.stack import LOCAL_SETTINGS
from localdev.stack_setup import create_containers, run_first_pass
from localdev.workspace.app import create_app
from localdev.workspace.scripted_runner import ScriptedRunner
from localdev.workspace.server import running
from localdev.workspace.settings import WorkspaceSettings
from shared import wiring
from shared.clock import SystemClock
from shared.errors import LedgerError
from shared.ledger import Indexed, partitions_of
from shared.model import Arrival, Source, entry_key, normalised_etag
from shared.secret import Secret
from shared.storage_connection import EMULATOR_ACCOUNT
from shared.wiring import Service, load_rules
from tests.acceptance.fleet import Fleet, FrontDoor
from tests.acceptance.history import History
from tests.acceptance.trouble import Trouble

SEED = int(os.environ.get("PROCESSES_SEED", "41"))
# Seconds that the clock of each host is ahead; the entries' lease is shorter than what lies between two of them.
SKEWS = (0.0, 75.0, -40.0, 20.0)
DROPPED, DOUBLED, REORDERED, LATEST = 0.2, 0.2, 0.2, 8.0  # shares of the events; seconds that one is late at most
RULE, CONTAINER, TOKEN = "crm", "landing", "lost-events"
# Seven places to list, so that a sweep has as many shards.
RULES = f"""version: 1
rules:
  - name: {RULE}
    path: "{CONTAINER}/crm/{{region:0|1|2|3|4|5|6}}/{{name}}.csv"
    job: {{name: "Ingest"}}
    notebook_params: {{path: "{{blob.path}}", version: "{{blob.etag}}"}}
"""
# All that runs at once finds a place: what is tested is who asks for runs, not who waits for them.
JOB = {
    "name": "Ingest",
    "max_concurrent_runs": 1000,
    "tasks": [{"task_key": "ingest", "notebook_task": {"notebook_path": "/Workspace/ingest"}}],
}


@dataclass
class Wave:
    """Versions that are uploaded together, and what becomes of their events."""

    versions: dict[str, Arrival] = field(default_factory=dict)  # by entry key
    dropped: set[str] = field(default_factory=set)  # entry keys


@dataclass
class Scene:
    """What the test acts on."""

    service: Service  # past all proxies, by the right clock
    fleet: Fleet
    trouble: Trouble
    history: History
    workspace: httpx.AsyncClient  # past the proxy as well
    simulator: EventSimulator
    landing: ContainerClient
    fates: random.Random
    planned: Counter[str] = field(default_factory=Counter)  # faults, by kind

    def plan(self, paths: Collection[str]) -> set[str]:
        """Decide what becomes of the next event of each path; return the paths whose event is dropped."""
        dropped = set()
        for path in paths:
            faults: list[Fault] = [Delay(self.fates.uniform(0, LATEST))]
            if self.fates.random() < DROPPED:
                dropped.add(path)
                faults = [Drop()]
            elif self.fates.random() < DOUBLED:
                faults.append(Repeat(2))
            elif self.fates.random() < REORDERED:
                faults.append(Reorder())
            self.planned.update(type(fault).__name__ for fault in faults)
            self.simulator.plan.add(f"{CONTAINER}/{path}", *faults)
        return dropped

    async def upload(self, paths: Collection[str], content: str) -> Wave:
        """Upload a version of each path, many at a time."""
        dropped, wave, gate = self.plan(paths), Wave(), asyncio.Semaphore(16)

        async def one(path: str) -> None:
            async with gate:
                blob = self.landing.get_blob_client(path)
                answer = await blob.upload_blob(f"{content} of {path}".encode(), overwrite=True)
            arrival = _arrival(path, answer["etag"], answer["last_modified"])
            key = entry_key(RULE, arrival)
            wave.versions[key] = arrival
            if path in dropped:
                wave.dropped.add(key)

        await asyncio.gather(*(one(path) for path in paths))
        return wave

    async def indexed(self) -> dict[str, Indexed]:
        """Return every entry, by key."""
        since = self.service.clock.now() - timedelta(days=1)
        found = {}
        for partition in partitions_of(RULE):
            async for row in self.service.entries.between(partition, since):
                found[row.key] = row
        return found

    async def settled(self, wave: Wave) -> bool:
        """Tell whether every version of a wave has an entry, and none of them is open."""
        with suppress(LedgerError):  # a busy Azurite: look again
            found = await self.indexed()
            return all(key in found and found[key].outcome != "open" for key in wave.versions)
        return False

    async def open_paths(self) -> list[str]:
        """Return the paths of the entries that have a marker: those that are open."""
        found = []
        for partition in partitions_of(RULE):
            async for marker in self.service.entries.open(partition):
                entry = await self.service.entries.read_at(marker.partition, marker.key)
                found.append(entry.arrival.path if entry else marker.key)
        return found

    async def runs(self) -> list[Mapping[str, str]]:
        """Return the notebook parameters of every run that the workspace has."""
        runs: list[Mapping[str, str]] = []
        query: dict[str, str] = {"limit": "25"}
        while True:
            page = (await self.workspace.get("/api/2.2/jobs/runs/list", params=query)).raise_for_status().json()
            runs += [run["overriding_parameters"]["notebook_params"] for run in page.get("runs", [])]
            if not page.get("next_page_token"):
                return runs
            query["page_token"] = page["next_page_token"]


def _arrival(path: str, etag: str, committed_at: datetime) -> Arrival:
    return Arrival(
        account=EMULATOR_ACCOUNT,
        container=CONTAINER,
        path=path,
        version=normalised_etag(etag),
        committed_at=committed_at,
        source=Source.EVENT,
    )


@asynccontextmanager
async def lossy_scene(folder: Path, **settings: str) -> AsyncIterator[Scene]:
    """Yield everything running and the rule active; nothing goes wrong yet. The settings are the hosts'."""
    rules = folder / "rules.yaml"
    rules.write_text(RULES, encoding="utf-8")
    async with AsyncExitStack() as resources:
        storage = Azurite()
        await asyncio.to_thread(storage.start)
        resources.push_async_callback(asyncio.to_thread, storage.stop)
        create_containers(storage.connection_string, load_rules(rules))
        url, workspace = await _workspace(folder, resources)
        trouble = await resources.enter_async_context(Trouble(storage, url, len(SKEWS), SEED))
        environment = {
            **LOCAL_SETTINGS,
            "AzureWebJobsStorage": storage.connection_string,
            "DATABRICKS_HOST": trouble.jobs.url,
            "DATABRICKS_TOKEN": TOKEN,
            "DATABRICKS_RATE_PERCENT": "10000",  # the local workspace has no limits
            "MOST_RUNS_PER_HOUR": "1000000",  # a soak starts more than a service should
            "RULES_FILE": str(rules),
            "RECONCILE_SCHEDULE": "*/3 * * * * *",  # by each host's own clock, and all at once: no timer is a singleton
            "SETTLE_INTERVAL": "1s",
            "DISPATCH_LEASE": "25s",
            **settings,
        }
        own = [{"AzureWebJobsStorage": trouble.connection_string(number)} for number in range(len(SKEWS))]
        fleet = Fleet(folder, environment, own, SKEWS)
        resources.push_async_callback(fleet.stop)
        await fleet.deploy()
        await asyncio.to_thread(run_first_pass, fleet.urls[0], "on_reconcile_timer", environment)
        door = await resources.enter_async_context(FrontDoor(fleet))
        service = wiring.build(environment)
        resources.push_async_callback(service.close)
        account = BlobServiceClient.from_connection_string(storage.connection_string)
        await resources.enter_async_context(account)
        simulator = await resources.enter_async_context(_simulator(storage, door.url))
        yield Scene(
            service=service,
            fleet=fleet,
            trouble=trouble,
            history=History(SEED, folder),
            workspace=workspace,
            simulator=simulator,
            landing=account.get_container_client(CONTAINER),
            fates=random.Random(SEED),
        )


async def _workspace(folder: Path, resources: AsyncExitStack) -> tuple[str, httpx.AsyncClient]:
    """Return the address of a workspace with the job, and a client of it."""
    settings = WorkspaceSettings(
        data=folder / "workspace", notebooks=folder / "notebooks", token=Secret(TOKEN), running_tasks=100
    )
    settings.notebooks.mkdir()
    url = await resources.enter_async_context(running(create_app(settings, runner=ScriptedRunner())))
    authorised = httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30)
    client = await resources.enter_async_context(authorised)
    (await client.post("/api/2.2/jobs/create", json=JOB)).raise_for_status()
    return url, client


def _simulator(storage: Azurite, url: str) -> EventSimulator:
    options = SimulatorOptions(
        connection=storage.connection,
        webhook=url,
        containers=(CONTAINER,),
        poll_interval=1.0,
        policy=RetryPolicy(time_scale=0.03),  # hosts that are killed cost many events several attempts
        dead_letter_container=None,
        seed=SEED,
    )
    return EventSimulator(options, plan=FaultPlan(), clock=SystemClock())

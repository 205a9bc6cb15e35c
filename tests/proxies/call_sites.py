"""Every call that the service makes over HTTP, each through a proxy of its own before a real Azurite or workspace."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from localdev.azurite import Azurite
from shared.blobs import open_blobs
from shared.clock import Deadline, SystemClock
from shared.jobs import JobsClient, create_credentials, create_http_client
from shared.ledger.azure_table import open_table
from shared.ledger.table import Create
from shared.model import Arrival, RunRequest, Source
from shared.secret import Secret
from shared.settings import AuthType, DatabricksSettings
from shared.storage_connection import EMULATOR_ACCOUNT, StorageConnection
from shared.storage_queue import open_queue
from tests.proxies.operations import Namer, blob_operation, jobs_operation, queue_operation, table_operation
from tests.proxies.plan import FaultPlan
from tests.proxies.proxy import FaultProxy

CONTAINER, TABLE, QUEUE, TOKEN = "callsites", "callsites", "callsites", "call-sites-canary"
JOB_SECONDS = 4.0  # for all attempts of one question to Databricks


@dataclass(frozen=True, slots=True)
class Upstreams:
    """What really answers: an Azurite that holds a blob, a row and a queue, and a workspace with a job and a run."""

    storage: StorageConnection
    workspace: str
    job_id: int
    run_id: int


@dataclass(frozen=True, slots=True)
class CallSite:
    """One call: its operation, as proxies name it; whom it asks; and how."""

    operation: str
    service: str  # table, blob, queue or jobs
    call: Callable[[Any, Upstreams], Awaitable[object]]


NAMERS: dict[str, Namer] = {
    "table": table_operation,
    "blob": blob_operation,
    "queue": queue_operation,
    "jobs": jobs_operation,
}


async def _all(found: AsyncIterator[Any]) -> list[Any]:
    return [each async for each in found]


def _arrival() -> Arrival:
    return Arrival(
        account=EMULATOR_ACCOUNT,
        container=CONTAINER,
        path="a.csv",
        version="v1",
        committed_at=datetime.now(UTC),
        source=Source.SWEEP,
    )


def _rows(count: int) -> list[Create]:
    return [Create(uuid.uuid4().hex, {"a": "1"}) for _ in range(count)]


def _deadline() -> Deadline:
    return Deadline(SystemClock(), JOB_SECONDS)


def _request(job_id: int) -> RunRequest:
    token = uuid.uuid4().hex
    return RunRequest(job_id=job_id, token=token, body=f'{{"job_id":{job_id},"idempotency_token":"{token}"}}')


CALL_SITES = (
    CallSite("transact", "table", lambda table, _: table.transact("p", _rows(3))),
    CallSite("read", "table", lambda table, _: table.read("p", "k")),
    CallSite("range", "table", lambda table, _: _all(table.range("p", "a", "z"))),
    CallSite("range", "table", lambda table, _: _all(table.column("p", "a", "z", "a"))),
    CallSite("list", "blob", lambda blobs, _: _all(blobs.pages(CONTAINER, ""))),
    CallSite("time", "blob", lambda blobs, _: blobs.server_time()),
    CallSite("containers", "blob", lambda blobs, _: blobs.containers()),
    CallSite("properties", "blob", lambda blobs, _: blobs.identify(_arrival())),
    CallSite("send", "queue", lambda queue, _: queue.send(["message"])),
    CallSite("jobs/run-now", "jobs", lambda jobs, known: jobs.run_now(_request(known.job_id), _deadline())),
    CallSite("jobs/runs/get", "jobs", lambda jobs, known: jobs.get_run(known.run_id, _deadline())),
    CallSite("jobs/runs/list", "jobs", lambda jobs, known: _all(jobs.list_runs(known.job_id, _deadline()))),
    CallSite("jobs/list", "jobs", lambda jobs, _: jobs.find_job("ETL", _deadline())),
    CallSite("jobs/get", "jobs", lambda jobs, known: jobs.get_job(known.job_id, _deadline())),
)


async def prepared(azurite: Azurite, workspace: str) -> Upstreams:
    """Fill the upstreams with what the calls ask for."""
    storage = azurite.connection
    table, queue = open_table(storage, TABLE, None), open_queue(storage, QUEUE, None)
    await table.transact("p", _rows(3))
    await queue.send(["message"])
    await table.close()
    await queue.close()
    job = {"name": "ETL", "tasks": [{"task_key": "t", "notebook_task": {"notebook_path": "/Workspace/t"}}]}
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(base_url=workspace, headers=headers, trust_env=False) as client:
        job_id = (await client.post("/api/2.2/jobs/create", json=job)).raise_for_status().json()["job_id"]
        run = (await client.post("/api/2.2/jobs/run-now", json={"job_id": job_id})).raise_for_status().json()
    return Upstreams(storage, workspace, job_id, run["run_id"])


@asynccontextmanager
async def through_proxy(site: CallSite, upstreams: Upstreams) -> AsyncIterator[tuple[FaultPlan, Callable[[], Any]]]:
    """Yield the plan of a proxy before the upstream of a call site, and the call through it."""
    storage = upstreams.storage
    places = {
        "table": storage.table_endpoint,
        "blob": storage.blob_endpoint,
        "queue": storage.queue_endpoint,
        "jobs": upstreams.workspace,
    }
    plan = FaultPlan()
    async with AsyncExitStack() as resources:
        proxy = await resources.enter_async_context(FaultProxy(places[site.service], plan, NAMERS[site.service]))
        client: Any
        if site.service == "jobs":
            client = _jobs(proxy.url)
            resources.push_async_callback(client.aclose)
        else:
            endpoint = f"{proxy.url}/{EMULATOR_ACCOUNT}"
            connection = replace(storage, table_endpoint=endpoint, blob_endpoint=endpoint, queue_endpoint=endpoint)
            openers: dict[str, Callable[[], Any]] = {
                "table": lambda: open_table(connection, TABLE, None),
                "blob": lambda: open_blobs(connection, None),
                "queue": lambda: open_queue(connection, QUEUE, None),
            }
            client = openers[site.service]()
            resources.push_async_callback(client.close)
        yield plan, lambda: site.call(client, upstreams)


def _jobs(url: str) -> JobsClient:
    empty = Secret("")
    settings = DatabricksSettings(
        host=url,
        auth_type=AuthType.PAT,
        api_version="2.2",
        token=Secret(TOKEN),
        client_id="",
        client_secret=empty,
        azure_tenant_id="",
        azure_client_id="",
        azure_client_secret=empty,
        rate_percent=10_000,
    )
    http, clock = create_http_client(), SystemClock()
    return JobsClient(http, settings, create_credentials(settings, http, clock), clock)


def in_an_hour() -> str:
    """Return an HTTP date."""
    return (datetime.now(UTC) + timedelta(hours=1)).strftime("%a, %d %b %Y %H:%M:%S GMT")

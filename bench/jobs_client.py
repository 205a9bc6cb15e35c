"""Measure what one run-now costs this process in CPU, for our client and for the others one might take.

The server is another process on loopback that answers at once, so all the time counted here is the client's own.
Each round measures every client once, in a new order; ratios are taken within a round, and medians over rounds.

    python bench/jobs_client.py [--rounds 9] [--calls 400] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import httpx_aiohttp

from bench.jobs_server import JobsServer, Responder
from shared.clock import Deadline, SystemClock
from shared.jobs import JobsClient, create_credentials, create_http_client, frozen_body
from shared.model import RunRequest
from shared.secret import Secret
from shared.settings import AuthType, DatabricksSettings

CONCURRENCIES = (1, 8, 64)
GOAL = 1.15  # our client's CPU, in units of BARE's
BARE = "bare httpx-aiohttp"
OURS = "JobsClient"
PARAMETERS = {
    "file_path": "https://acct.blob.core.windows.net/landing/crm/2026-11-22/orders.csv",
    "run_date": "20261122",
}
PAYLOAD = {"job_id": 7, "idempotency_token": "a" * 64, "notebook_params": PARAMETERS, "queue": {"enabled": True}}
HEADERS = {"Authorization": "Bearer dapi-benchmark"}

# Makes `calls` calls, `concurrency` at once.
Workload = Callable[[int, int], Awaitable[None]]


class _SameRun(Responder):
    """Answers every request with the same run."""

    def reply(self, path: bytes, body: bytes) -> bytes:
        del path, body
        return b'{"run_id":455644833,"number_in_job":455644833}'


async def at_once(call: Callable[[], Awaitable[None]], calls: int, concurrency: int) -> None:
    """Make the calls with as many tasks as the concurrency says."""

    async def some(count: int) -> None:
        for _ in range(count):
            await call()

    await asyncio.gather(*(some(calls // concurrency) for _ in range(concurrency)))


def bare(client: httpx.AsyncClient, url: str) -> Workload:
    """Return what one would write with an httpx client and nothing else."""

    async def call() -> None:
        response = await client.post(url, json=PAYLOAD, headers=HEADERS)
        assert response.json()["run_id"] == 455644833

    return lambda calls, concurrency: at_once(call, calls, concurrency)


def ours(client: JobsClient) -> Workload:
    """Return run_now as the service calls it."""
    clock = SystemClock()
    request = RunRequest(job_id=7, token="a" * 64, body=frozen_body(7, "a" * 64, {"notebook_params": PARAMETERS}))

    async def call() -> None:
        assert await client.run_now(request, Deadline(clock, 10)) == 455644833

    return lambda calls, concurrency: at_once(call, calls, concurrency)


def in_threads(client: httpx.Client, url: str) -> Workload:
    """Return the synchronous client in 8 threads, however many calls there are at once."""

    def call(_: int) -> None:
        assert client.post(url, json=PAYLOAD, headers=HEADERS).json()["run_id"] == 455644833

    def work(calls: int) -> None:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(call, range(calls)))

    async def workload(calls: int, _: int) -> None:
        await asyncio.to_thread(work, calls)

    return workload


def client_per_call(url: str) -> Workload:
    """Return a new client for every call; a twentieth of the calls is enough, for it is that slow."""

    async def call() -> None:
        async with httpx_aiohttp.HttpxAiohttpClient() as client:
            assert (await client.post(url, json=PAYLOAD, headers=HEADERS)).json()["run_id"] == 455644833

    return lambda calls, concurrency: at_once(call, calls, concurrency)


@dataclass(frozen=True, slots=True)
class Contestant:
    """A client under measurement, and what part of the calls it makes."""

    name: str
    workload: Workload
    share: float = 1.0


async def measure(host: str, rounds: int, calls: int) -> list[dict[str, Any]]:
    """Return a row per concurrency and client: CPU microseconds per call, and the ratio to BARE."""
    rows: list[dict[str, Any]] = []
    async with AsyncExitStack() as stack:
        contestants = await _contestants(stack, host)
        for concurrency in CONCURRENCIES:
            costs: dict[str, list[float]] = {contestant.name: [] for contestant in contestants}
            for contestant in contestants:  # connections, and whatever is imported or cached first
                await contestant.workload(concurrency * 2, concurrency)
            for _ in range(rounds):
                for contestant in random.sample(contestants, len(contestants)):
                    count = max(1, round(calls * contestant.share) // concurrency) * concurrency
                    started = time.process_time()
                    await contestant.workload(count, concurrency)
                    costs[contestant.name].append((time.process_time() - started) / count * 1e6)
            rows += [_row(concurrency, name, cost, costs[BARE]) for name, cost in costs.items()]
    return rows


async def _contestants(stack: AsyncExitStack, host: str) -> list[Contestant]:
    url = f"{host}/api/2.2/jobs/run-now"
    limits = httpx.Limits(max_connections=64, keepalive_expiry=30)
    aiohttp_client = await stack.enter_async_context(httpx_aiohttp.HttpxAiohttpClient(limits=limits))
    httpx_client = await stack.enter_async_context(httpx.AsyncClient(limits=limits))
    sync_client = stack.enter_context(httpx.Client(limits=limits))
    http, clock, settings = create_http_client(), SystemClock(), _settings(host)
    jobs = JobsClient(http, settings, create_credentials(settings, http, clock), clock)
    stack.push_async_callback(jobs.aclose)
    return [
        Contestant(BARE, bare(aiohttp_client, url)),
        Contestant(OURS, ours(jobs)),
        Contestant("httpx.AsyncClient", bare(httpx_client, url)),
        Contestant("httpx.Client, 8 threads", in_threads(sync_client, url)),
        Contestant("a client per call", client_per_call(url), share=0.05),
    ]


def _row(concurrency: int, name: str, cost: list[float], bare_cost: list[float]) -> dict[str, Any]:
    ratios = [mine / its for mine, its in zip(cost, bare_cost, strict=True)]
    return {
        "concurrency": concurrency,
        "client": name,
        "cpu_us": round(statistics.median(cost), 1),
        "ratio": round(statistics.median(ratios), 3),
    }


def _settings(host: str) -> DatabricksSettings:
    none = Secret("")
    return DatabricksSettings(
        host=host,
        auth_type=AuthType.PAT,
        api_version="2.2",
        token=Secret("dapi-benchmark"),
        client_id="",
        client_secret=none,
        azure_tenant_id="",
        azure_client_id="",
        azure_client_secret=none,
        rate_percent=1_000_000,  # the server has no limit, and waiting for one would measure nothing
    )


def main() -> None:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9, help="paired rounds; medians are taken over them")
    parser.add_argument("--calls", type=int, default=400, help="calls per client and round")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    with JobsServer(_SameRun) as url:
        rows = asyncio.run(measure(url, options.rounds, options.calls))
    if options.json:
        print(json.dumps({"goal": GOAL, "rows": rows}, indent=2))
        return
    print(f"CPU per run-now in us; ratio to {BARE} (goal of {OURS}: at most {GOAL})")
    for row in rows:
        print(f"{row['concurrency']:>4} at once  {row['client']:<24} {row['cpu_us']:>9.1f}  x{row['ratio']:.2f}")


if __name__ == "__main__":
    main()

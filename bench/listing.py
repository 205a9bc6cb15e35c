"""Listing a container: Landfall, the SDK's bare `list_blobs`, and a bare download of the same pages.

The three run in a process each, side by side, and take turns in every round, so that a drift of the machine meets all
of them; a figure is the median of the ratios of the rounds. The pages come from a server on loopback.

    python bench/listing.py [--blobs 50000] [--rounds 3] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import resource
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection

from bench.listing_server import PAGE_SIZE, ListingServer, blob_name
from shared.secret import Secret
from shared.storage_connection import EMULATOR_ACCOUNT, EMULATOR_KEY, StorageConnection

CONTAINER = "landing"
GOAL_OVER_LIST_CPU = 0.1
GOAL_OVER_DOWNLOAD_WALL = 10.0


@dataclass(frozen=True, slots=True)
class Turn:
    """One listing of the whole container."""

    wall: float  # seconds
    cpu: float  # seconds of this process, all threads
    blobs: int
    last: str  # the last blob's name: the answer is checked
    peak_mb: float


async def _ours(endpoint: str) -> tuple[int, str]:
    from shared.blobs import open_blobs  # noqa: PLC0415 - each process imports its own contender only

    connection = StorageConnection(
        account=EMULATOR_ACCOUNT,
        blob_endpoint=endpoint,
        queue_endpoint="",
        table_endpoint="",
        key=Secret(EMULATOR_KEY),
    )
    blobs = open_blobs(connection, None)
    count, last = 0, ""
    async for page in blobs.pages(CONTAINER, ""):
        count += len(page.arrivals)
        last = page.arrivals[-1].path
    await blobs.close()
    return count, last


async def _sdk(endpoint: str) -> tuple[int, str]:
    from azure.storage.blob.aio import BlobServiceClient  # noqa: PLC0415 - the same

    key = {"account_name": EMULATOR_ACCOUNT, "account_key": EMULATOR_KEY}
    count, last = 0, ""
    async with BlobServiceClient(endpoint, credential=key) as service:
        async for blob in service.get_container_client(CONTAINER).list_blobs(results_per_page=PAGE_SIZE):
            count += 1
            last = blob.name
    return count, last


async def _download(endpoint: str) -> tuple[int, str]:
    """Fetch the pages with what the SDK itself sends its requests with, and look for the marker only."""
    import aiohttp  # noqa: PLC0415 - the same

    count, last, marker = 0, "", ""
    async with aiohttp.ClientSession() as session:
        while True:
            query = {"restype": "container", "comp": "list", "maxresults": str(PAGE_SIZE)}
            answer = await session.get(f"{endpoint}/{CONTAINER}", params=query | ({"marker": marker} if marker else {}))
            page = await answer.read()
            count += page.count(b"<Blob>")
            tail = page[page.rindex(b"<Blob>") :].decode()
            last = tail.partition("<Name>")[2].partition("</Name>")[0]
            marker = tail.partition("<NextMarker>")[2].partition("</NextMarker>")[0]
            if not marker:
                return count, last


OURS, SDK, DOWNLOAD = "Landfall", "bare list_blobs", "bare download"
CONTENDERS: dict[str, Callable[[str], Awaitable[tuple[int, str]]]] = {OURS: _ours, SDK: _sdk, DOWNLOAD: _download}


class Contender:
    """One way of listing, in a process of its own that lists when it is told to."""

    def __init__(self, name: str, endpoint: str) -> None:
        self.name = name
        self.turns: list[Turn] = []
        self._pipe, theirs = multiprocessing.Pipe()
        start = multiprocessing.get_context("spawn").Process
        self._process = start(target=_work, args=[name, endpoint, theirs], daemon=True)
        self._process.start()

    def run(self) -> Turn:
        """List everything once."""
        self._pipe.send("list")
        turn: Turn = self._pipe.recv()
        return turn

    def stop(self) -> None:
        """End the process."""
        self._pipe.send("")
        self._process.join()


def _work(name: str, endpoint: str, orders: Connection) -> None:
    while orders.recv():
        wall, cpu = time.perf_counter(), time.process_time()
        count, last = asyncio.run(_list(name, endpoint))
        turn = Turn(
            time.perf_counter() - wall,
            time.process_time() - cpu,
            count,
            last,
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        )
        orders.send(turn)


async def _list(name: str, endpoint: str) -> tuple[int, str]:
    return await CONTENDERS[name](endpoint)


def measure(blobs: int, rounds: int) -> dict[str, float]:
    """Return the figures; raises AssertionError when somebody's listing is not the container's content."""
    with ListingServer(blobs) as endpoint:
        contenders = [Contender(name, endpoint) for name in CONTENDERS]
        for turn in range(-1, rounds):  # the first round only warms up
            shift = turn % len(contenders)
            for contender in contenders[shift:] + contenders[:shift]:
                done = checked(contender.name, contender.run(), blobs)
                if turn >= 0:
                    contender.turns.append(done)
        for contender in contenders:
            contender.stop()
    return _figures(blobs, *(contender.turns for contender in contenders))


def checked(name: str, turn: Turn, blobs: int) -> Turn:
    """Return the turn; raises AssertionError when its listing is not the container's content."""
    assert (turn.blobs, turn.last) == (blobs, blob_name(blobs - 1)), f"{name} listed something else: {turn}"
    return turn


def _figures(blobs: int, ours: list[Turn], sdk: list[Turn], download: list[Turn]) -> dict[str, float]:
    def over(others: list[Turn], measured: Callable[[Turn], float]) -> float:
        return statistics.median(measured(one) / measured(other) for one, other in zip(ours, others, strict=True))

    def micros(turns: list[Turn]) -> float:
        return 1e6 * statistics.median(turn.cpu for turn in turns) / blobs

    return {
        "blobs": blobs,
        "listing_over_list_wall": over(sdk, lambda turn: turn.wall),
        "listing_over_list_cpu": over(sdk, lambda turn: turn.cpu),
        "listing_over_download_wall": over(download, lambda turn: turn.wall),
        "listing_over_download_cpu": over(download, lambda turn: turn.cpu),
        "listing_cpu_us_per_blob": micros(ours),
        "list_blobs_cpu_us_per_blob": micros(sdk),
        "download_cpu_us_per_blob": micros(download),
        "listing_peak_mb": ours[-1].peak_mb,
        "list_blobs_peak_mb": sdk[-1].peak_mb,
    }


def main() -> None:
    """Measure, print, and exit with 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blobs", type=int, default=50_000, help="in the container (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="in which each lists once (%(default)s)")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    options = parser.parse_args()
    figures = measure(options.blobs, options.rounds)
    met = (
        figures["listing_over_list_cpu"] <= GOAL_OVER_LIST_CPU
        and figures["listing_over_download_wall"] <= GOAL_OVER_DOWNLOAD_WALL
    )
    if options.json:
        print(json.dumps({**figures, "goals_met": met}))
    else:
        for name, value in figures.items():
            print(f"{name:28}{value:12,.3f}")
        print(f"goals: CPU <= {GOAL_OVER_LIST_CPU} of list_blobs, wall time <= {GOAL_OVER_DOWNLOAD_WALL:.0f} downloads")
    sys.exit(not met)


if __name__ == "__main__":
    main()

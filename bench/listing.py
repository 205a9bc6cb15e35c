"""Listing a container: Landfall, the SDK's bare `list_blobs`, and a bare download of the same pages.

The three run in a process each, side by side, and take turns in every round, so that a drift of the machine meets all
of them; a figure is the median of the ratios of the rounds. The pages come from a server on loopback.

    python bench/listing.py [--blobs 50000] [--rounds 3] [--json]
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Awaitable, Callable
from functools import partial

from bench.landed import CONTAINER, Landed
from bench.listing_server import PAGE_SIZE, ListingServer
from bench.turns import Contender, Turn, in_turns
from shared.secret import Secret
from shared.storage_connection import EMULATOR_ACCOUNT, EMULATOR_KEY, StorageConnection

GOAL_OVER_LIST_CPU = 0.1
GOAL_OVER_DOWNLOAD_WALL = 10.0


async def ours(endpoint: str) -> tuple[int, str]:
    """List as Landfall does; return how many blobs there are, and the last one's name."""
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


async def bare_list(endpoint: str, prefix: str = "") -> tuple[int, str]:
    """List as the SDK does; return the same."""
    from azure.storage.blob.aio import BlobServiceClient  # noqa: PLC0415 - the same

    key = {"account_name": EMULATOR_ACCOUNT, "account_key": EMULATOR_KEY}
    count, last = 0, ""
    async with BlobServiceClient(endpoint, credential=key) as service:
        container = service.get_container_client(CONTAINER)
        async for blob in container.list_blobs(name_starts_with=prefix or None, results_per_page=PAGE_SIZE):
            count += 1
            last = blob.name
    return count, last


async def bare_download(endpoint: str) -> tuple[int, str]:
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
CONTENDERS: dict[str, Callable[[str], Awaitable[tuple[int, str]]]] = {
    OURS: ours,
    SDK: bare_list,
    DOWNLOAD: bare_download,
}


def measure(blobs: int, rounds: int) -> dict[str, float]:
    """Return the figures; raises AssertionError when somebody's listing is not the container's content."""
    with ListingServer(blobs) as endpoint:
        contenders = [Contender(name, partial(work, endpoint)) for name, work in CONTENDERS.items()]
        in_turns(rounds, contenders, lambda contender, turn: check(contender.name, turn, Landed(blobs)))
    return _figures(blobs, *(contender.turns for contender in contenders))


def check(name: str, turn: Turn, landed: Landed) -> None:
    """Raise AssertionError when a turn's listing is not the container's content."""
    expected = (landed.count, landed.name(landed.count - 1))
    assert turn.answer == expected, f"{name} listed something else: {turn.answer}"


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

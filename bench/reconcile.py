"""A reconcile pass over many blobs: Landfall's sweep, the SDK's bare `list_blobs`, a bare download of the same pages.

The whole service runs, put together as it is deployed; its landing account, its ledger and its workspace are servers
on loopback in processes of their own. The ledger knows all blobs but one in a hundred. Two passes are measured: one
that finds nothing new, which is what nearly every pass is, and one that finds and claims what is missing. Claimed files
wait, because the breaker of their rule is open: the pace of run-now is the workspace's, about 20 a second.

All take turns in every round, so that a drift of the machine meets all of them; figures are medians of the ratios of
the rounds. A pass includes putting the service together, as a listing includes its client.

    python bench/reconcile.py [--blobs 100000] [--rounds 3] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from bench.jobs_server import JobsServer
from bench.landed import CONTAINER, DAYS, LAST_DAY, NOW, SINCE, Landed
from bench.ledger_of_landed import fill, planted
from bench.listing import bare_download, bare_list
from bench.listing_server import ListingServer
from bench.reconcile_report import Measured, figures_of, goals_met, report_lines
from bench.table_server import TableServer
from bench.turns import Contender, Turn, in_turns
from shared import wiring
from shared.clock import SystemClock
from shared.ledger import Breaker
from shared.storage_connection import EMULATOR_ACCOUNT, EMULATOR_KEY

RULE = "bench"
# One rule at a time, each with a ledger of its own: all blobs by one prefix; the last of 30 days by its date; the same
# day by its name.
PATHS = {
    "everything": f"{CONTAINER}/crm/{{day}}/{{name}}.csv",
    "pruned": f"{CONTAINER}/crm/{{date:%Y-%m-%d}}/{{name}}.csv",
    "direct": f"{CONTAINER}/{LAST_DAY}{{name}}.csv",
}
LOOK_BACK = {"everything": "31d", "pruned": "22h", "direct": "22h"}


class ShiftedClock(SystemClock):
    """The machine's clock, set to the servers' time."""

    def __init__(self, shift: timedelta) -> None:
        self._shift = shift

    def now(self) -> datetime:
        """Return the servers' time."""
        return super().now() + self._shift


@dataclass(frozen=True, slots=True)
class Servers:
    """Where everything is."""

    blobs: str
    tables: str
    jobs: str
    folder: Path
    shift: timedelta

    def environment(self, ledger: str) -> dict[str, str]:
        """Return the app's settings for one of the ledgers."""
        rules = self.folder / f"{ledger}.yaml"
        rules.write_text(
            f"version: 1\nrules:\n  - {{name: {RULE}, path: '{PATHS[ledger]}', job: {{id: 7}}}}\n", encoding="utf-8"
        )
        return {
            "LANDING_STORAGE": _connection_string(self.blobs, self.tables),
            "AzureWebJobsStorage": _connection_string(self.blobs, self.tables),
            "LEDGER_TABLE": ledger,
            "DATABRICKS_HOST": self.jobs,
            "DATABRICKS_TOKEN": "benchmark",
            "RULES_FILE": str(rules),
            "RECONCILE_LOOK_BACK": LOOK_BACK[ledger],
            "RECONCILE_BUDGET": "1h",
            "SWEEP_DEEP_EVERY": "3650d",
            "SWEEP_ZONES": "-0h..+0h",
            "SWEEP_QUEUE_ABOVE": "1000000000",  # all of it in this pass
        }

    def calls(self) -> dict[str, int]:
        """Return how much was read since the last time: pages of blobs, pages of rows, single rows."""
        told: dict[str, int] = json.loads(_get(self.tables, "calls"))
        return {"list_requests": json.loads(_get(self.blobs, "calls")), **told}


async def reconcile(environment: dict[str, str], shift: timedelta) -> dict[str, int]:
    """Run one pass and return what its sweep counted; raises AssertionError when a step of it failed."""
    service = wiring.build(environment, clock=ShiftedClock(shift))
    try:
        done = await service.reconciler.run()
    finally:
        await service.close()
    assert not done.failures, done.failures
    assert all(sweep["complete"] for sweep in done.summary()["sweeps"].values()), done.summary()
    return dict(done.swept())


async def prepare(servers: Servers) -> None:
    """Make the rules active since the first blob, as far as yesterday proven complete, and their files wait."""
    for ledger in PATHS:
        service = wiring.build(servers.environment(ledger), clock=ShiftedClock(servers.shift))
        standing = await service.bookkeeping.activate(RULE, SINCE)
        await service.bookkeeping.save_standings([replace(standing, low_watermark=NOW - timedelta(days=1))])
        waits = Breaker(rule=RULE, reason="a benchmark", until=NOW + timedelta(days=365), trips=1)
        await service.bookkeeping.save_breaker(waits)
        await service.close()


@contextmanager
def served(blobs: int) -> Iterator[Servers]:
    """Serve so many blobs, and ledgers that know them."""
    shift = NOW - datetime.now(UTC)
    with (
        tempfile.TemporaryDirectory() as folder,
        ListingServer(blobs, shift) as landing,
        TableServer(partial(fill, blobs, RULE, "everything", ("pruned", "direct"))) as tables,
        JobsServer() as jobs,
    ):
        servers = Servers(landing, tables, jobs, Path(folder), shift)
        asyncio.run(prepare(servers))
        _get(tables, "begin")
        yield servers


def measure(blobs: int, rounds: int) -> dict[str, float]:
    """Return the figures; raises AssertionError when a sweep found something else than what is there."""
    tenth = _measure(max(blobs // 10, DAYS), 1, only=("sweep",))
    everything = _measure(blobs, rounds)
    return figures_of(blobs, everything, tenth)


def _measure(blobs: int, rounds: int, only: Collection[str] = ()) -> Measured:
    calls: dict[str, dict[str, int]] = {}
    with served(blobs) as servers:

        def before(contender: Contender) -> None:
            if contender.name == "finding":
                _get(servers.tables, "restore")
            servers.calls()  # forget what came before

        def check(contender: Contender, turn: Turn) -> None:
            calls[contender.name] = servers.calls()
            _check(contender.name, turn, blobs)

        contenders = [Contender(name, work) for name, work in _works(servers).items() if not only or name in only]
        in_turns(rounds, contenders, check, before)
    return Measured({each.name: each.turns for each in contenders}, calls)


def _works(servers: Servers) -> dict[str, Callable[[], Awaitable[Any]]]:
    def a_pass(ledger: str) -> Callable[[], Awaitable[Any]]:
        return partial(reconcile, servers.environment(ledger), servers.shift)

    return {
        "sweep": a_pass("everything"),
        "list": partial(bare_list, servers.blobs),
        "download": partial(bare_download, servers.blobs),
        "finding": a_pass("everything"),
        "pruned": a_pass("pruned"),
        "direct": a_pass("direct"),
        "list of the day": partial(bare_list, servers.blobs, LAST_DAY),
    }


def _check(name: str, turn: Turn, blobs: int) -> None:
    """Raise AssertionError when a turn did not see what there is."""
    landed = Landed(blobs)
    of_the_day = len(landed.numbers(LAST_DAY))
    if name in {"list", "download"}:
        assert turn.answer == (blobs, landed.name(blobs - 1)), f"{name} listed something else: {turn.answer}"
    elif name == "list of the day":
        assert turn.answer == (of_the_day, landed.name(blobs - 1)), f"{name} listed something else: {turn.answer}"
    else:
        listed = of_the_day if name in {"pruned", "direct"} else blobs
        missed = planted(blobs) if name == "finding" else 0
        found = turn.answer.get("listed", 0), turn.answer.get("missed", 0)
        assert found == (listed, missed), f"{name} found {turn.answer}"


def _connection_string(blobs: str, tables: str) -> str:
    account = f"AccountName={EMULATOR_ACCOUNT};AccountKey={EMULATOR_KEY}"
    # The queue is not used below SWEEP_QUEUE_ABOVE.
    return f"DefaultEndpointsProtocol=http;{account};BlobEndpoint={blobs};TableEndpoint={tables};QueueEndpoint={blobs};"


def _get(endpoint: str, what: str) -> bytes:
    answer: bytes = httpx.get(f"{endpoint.removesuffix(EMULATOR_ACCOUNT)}{what}", timeout=60).content
    return answer


def main() -> None:
    """Measure, print, and exit with 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blobs", type=int, default=100_000, help="in the container (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="in which each works once (%(default)s)")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    options = parser.parse_args()
    figures = measure(options.blobs, options.rounds)
    met = goals_met(figures)
    print(json.dumps({**figures, "goals_met": met}) if options.json else "\n".join(report_lines(figures)))
    sys.exit(not met)


if __name__ == "__main__":
    main()

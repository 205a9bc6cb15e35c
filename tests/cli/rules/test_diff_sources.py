"""Where the arrivals come from that rules are compared on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from cli.rules.diff import arrival_sources
from cli.rules.diff.arrival_sources import arrivals_listed, arrivals_of_lines, arrivals_recorded
from shared.errors import ConfigurationError
from shared.model import Arrival
from shared.rules_file import parse_rules
from tests.fakes.world import World

FANNED_OUT = """
version: 1
rules:
  - {name: archive, path: "landing/**", also: true, job: {id: 9}}
  - {name: crm, path: "landing/crm/{name}.csv", job: {id: 7}}
  - {name: other, path: "landing/other/**", job: {id: 8}}
"""


async def paths_of(arrivals: AsyncIterator[Arrival]) -> list[str]:
    """Return the full paths of arrivals, in their order."""
    return [arrival.full_path async for arrival in arrivals]


def test_lines_are_paths_and_perhaps_sizes() -> None:
    """A tab separates a size; spaces belong to names, empty lines and Windows' line ends to nobody."""
    lines = ["landing/a b.csv\n", "\n", "landing/c.csv\t10240\r\n", "landing/d.csv\t10KB"]

    found = [*arrivals_of_lines(lines, "paths", "account")]

    assert [(arrival.full_path, arrival.size) for arrival in found] == [
        ("landing/a b.csv", None),
        ("landing/c.csv", 10240),
        ("landing/d.csv", 10_000),
    ]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("landing", "paths:2:1: A line is a container and a blob's path"),
        ("/a.csv", "paths:2:1: A line is a container and a blob's path"),
        ("landing/a\tbig", "paths:2:1: What follows a tab is a size: it must be a whole number"),
    ],
)
def test_line_that_is_no_arrival_is_refused(line: str, says: str) -> None:
    """A line that cannot be read is named by its number."""
    with pytest.raises(ConfigurationError) as refused:
        [*arrivals_of_lines(["landing/a", line], "paths", "")]

    assert says in str(refused.value)


async def test_ledger_gives_each_arrival_once_in_the_order_of_time() -> None:
    """An arrival that two rules have entries of is one arrival; what is older than the window is none."""
    world = World(FANNED_OUT)
    await world.deliver(world.landing.upload("landing/crm/old.csv"))
    world.clock.advance(timedelta(days=8).total_seconds())
    for path in ("landing/crm/b.csv", "landing/a.txt", "landing/other/x", "landing/crm/b.csv"):
        await world.deliver(world.landing.upload(path))
        world.clock.advance(60)

    names = {rule.name for rule in world.rules}
    found = await paths_of(arrivals_recorded(world.entries, names, world.clock.now(), timedelta(days=7)))

    assert found == ["landing/crm/b.csv", "landing/a.txt", "landing/other/x", "landing/crm/b.csv"]


async def test_ledger_forgets_what_it_has_given_long_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    """The memory of arrivals given is bounded, and entries of one arrival lie together, so that this is enough."""
    monkeypatch.setattr(arrival_sources, "REMEMBERED", 1)
    world = World(FANNED_OUT)
    for index in range(5):
        await world.deliver(world.landing.upload(f"landing/crm/{index}.csv"))
        world.clock.advance(1)

    names = {rule.name for rule in world.rules}
    found = await paths_of(arrivals_recorded(world.entries, names, world.clock.now(), timedelta(days=1)))

    assert found == [f"landing/crm/{index}.csv" for index in range(5)]


async def test_listing_reads_only_below_what_rules_fix() -> None:
    """Each blob that an enabled rule of either file may be for is listed once, and no other prefix is read."""
    world = World()
    for path in ("landing/crm/a.csv", "landing/erp/b.csv", "landing/hr/c.csv", "raw-1/d.csv", "results/e.csv"):
        world.landing.upload(path)
    old = parse_rules(_rules('path: "landing/{source:crm|erp}/**"'), "old")
    new = parse_rules(_rules('path: "landing/crm/*.csv"', 'path: "raw-*/**"', 'enabled: false, path: "**"'), "new")

    found = await paths_of(arrivals_listed(world.landing, [old, new]))

    assert found == ["landing/crm/a.csv", "landing/erp/b.csv", "raw-1/d.csv"]
    assert world.landing.listed == ["landing/crm/", "landing/erp/", "raw-1/"]


def _rules(*places: str) -> str:
    lines = [f"  - {{name: r{index}, job: {{id: 1}}, {place}}}" for index, place in enumerate(places)]
    return "\n".join(["version: 1", "rules:", *lines])

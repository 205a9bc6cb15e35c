"""Where `landfall rules diff` takes its arrivals from: a file, the containers, or the ledger."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from cli.rules.diff.arrival_sources import arrivals_listed, arrivals_of_lines, arrivals_recorded
from cli.rules.text_input import text_lines
from cli.target import environment
from shared import wiring
from shared.errors import SettingsError
from shared.model import Arrival
from shared.parameters import Locations
from shared.rules import Rules
from shared.wiring import Service

# Where the blobs of mere paths lie.
SOME_ACCOUNT = Locations.in_azure("account")


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Arrivals, one after the other, and where their blobs can be read."""

    each: AsyncIterator[Arrival]
    locations: Locations
    seen: frozenset[str] | None = None  # the names by which the ledger keeps rules; None where it is not asked


@asynccontextmanager
async def from_paths(name: str) -> AsyncIterator[Arrivals]:
    """Give the arrivals of a file's lines, in no account that a condition could know."""

    async def read() -> AsyncGenerator[Arrival, None]:
        for arrival in arrivals_of_lines(text_lines(name), name, account=""):
            yield arrival

    async with aclosing(read()) as each:
        yield Arrivals(each, SOME_ACCOUNT)


@asynccontextmanager
async def from_listing(old: Rules, new: Rules) -> AsyncIterator[Arrivals]:
    """Give what lies in the containers that the rules watch."""
    async with _service() as service, aclosing(arrivals_listed(service.blobs, [old, new])) as each:
        yield Arrivals(each, wiring.locations(service.settings.landing))


@asynccontextmanager
async def from_ledger(old: Rules, new: Rules, window: timedelta) -> AsyncIterator[Arrivals]:
    """Give the arrivals that have entries of any rule."""
    async with _service() as service:
        seen = frozenset(await service.bookkeeping.standings())
        names = seen.union(rule.ledger_name for rules in (old, new) for rule in rules)
        async with aclosing(arrivals_recorded(service.entries, names, service.clock.now(), window)) as each:
            yield Arrivals(each, wiring.locations(service.settings.landing), seen)


@asynccontextmanager
async def _service() -> AsyncIterator[Service]:
    try:
        service = wiring.build(environment())
    except SettingsError as error:
        hint = "Or give the arrivals to compare: --paths FILE, one container/path a line."
        raise SettingsError(error.source, error.faults, hint=f"{error.hint}\n{hint}") from error
    try:
        yield service
    finally:
        await service.close()

"""Arrivals to try rules on: real ones from the ledger or a listing, or paths of a file. None is kept in memory."""

from __future__ import annotations

import asyncio
import heapq
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain

from cli.options import read_size
from cli.rules.filter.cover import minimal
from cli.rules.filter.fixed_ends import beginnings
from shared.errors import ConfigurationError, Fault
from shared.landing import Landing
from shared.ledger import Entries, Indexed, partitions_of
from shared.model import Arrival, Source
from shared.rules import Rules

CONCURRENCY = 16
# An arrival that several rules wanted has an entry of each. They lie next to each other in time.
REMEMBERED = 10_000
_SOME_TIME = datetime(2000, 1, 1, tzinfo=UTC)


def arrivals_of_lines(lines: Iterable[str], source: str, account: str) -> Iterator[Arrival]:
    """Yield the arrival of each line: `container/path`, and after a tab its size if that is known.

    Raises ConfigurationError for the first line that is none.
    """
    for number, line in enumerate(lines, start=1):
        text = line.removesuffix("\n").removesuffix("\r")
        try:
            arrival = _arrival_of(text, account) if text else None
        except ValueError as error:
            raise ConfigurationError(source, [Fault(f"{error}.", number, 1)]) from error
        if arrival:
            yield arrival


def _arrival_of(text: str, account: str) -> Arrival:
    full_path, tab, written = text.rpartition("\t")
    size = _size(written) if tab else None
    container, _, path = (full_path if tab else text).partition("/")
    if not (container and path):
        raise ValueError("A line is a container and a blob's path, such as landing/orders.csv")
    return Arrival(
        account=account,
        container=container,
        path=path,
        version=None,
        committed_at=_SOME_TIME,
        source=Source.EVENT,
        size=size,
    )


def _size(written: str) -> int:
    try:
        return read_size(written)
    except ValueError as error:
        raise ValueError(f"What follows a tab is a size: it {error}") from error


async def arrivals_listed(landing: Landing, all_rules: Sequence[Rules]) -> AsyncGenerator[Arrival, None]:
    """Yield every blob that one of these rules can be for, by prefixes as narrow as theirs. Raises BlobsUnavailable."""
    patterns = [rule.path for rules in all_rules for rule in rules if rule.enabled]
    for beginning in minimal(chain.from_iterable(map(beginnings, patterns))):
        container, slash, prefix = beginning.partition("/")
        for name in [container] if slash else sorted(await landing.containers(container)):
            async for page in landing.pages(name, prefix):
                for arrival in page.arrivals:
                    yield arrival


async def arrivals_recorded(
    entries: Entries, rule_names: Iterable[str], now: datetime, window: timedelta
) -> AsyncGenerator[Arrival, None]:
    """Yield the arrivals of a time window that have entries of these rules, once each. Raises LedgerError."""
    partitions = [partition for name in sorted(rule_names) for partition in partitions_of(name)]
    seen: OrderedDict[tuple[str, str, str | None], None] = OrderedDict()
    async for batch in _batches(_by_time(entries, partitions, now - window)):
        found = await asyncio.gather(*(entries.read_at(indexed.partition, indexed.key) for indexed in batch))
        for arrival in (entry.arrival for entry in found if entry is not None):
            identity = (arrival.container, arrival.path, arrival.version)
            if identity in seen:
                continue
            seen[identity] = None
            if len(seen) > REMEMBERED:
                seen.popitem(last=False)
            yield arrival


async def _by_time(entries: Entries, partitions: Sequence[str], since: datetime) -> AsyncIterator[Indexed]:
    """Yield the entries of several partitions in the order of time, holding one of each."""
    streams = [entries.between(partition, since) for partition in partitions]
    gate = asyncio.Semaphore(CONCURRENCY)

    async def first(stream: AsyncIterator[Indexed]) -> Indexed | None:
        async with gate:
            return await anext(stream, None)

    firsts = await asyncio.gather(*map(first, streams))
    heads = [(indexed.committed_at, number, indexed) for number, indexed in enumerate(firsts) if indexed is not None]
    heapq.heapify(heads)
    while heads:
        _, number, indexed = heads[0]
        following = await anext(streams[number], None)
        if following is None:
            heapq.heappop(heads)
        else:
            heapq.heapreplace(heads, (following.committed_at, number, following))
        yield indexed


async def _batches(found: AsyncIterator[Indexed]) -> AsyncIterator[list[Indexed]]:
    batch: list[Indexed] = []
    async for indexed in found:
        batch.append(indexed)
        if len(batch) == CONCURRENCY:
            yield batch
            batch = []
    if batch:
        yield batch

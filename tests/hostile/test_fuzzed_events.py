"""Fuzzing of events: whatever is delivered ends as an arrival, a renamed directory, or one reason."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from shared import logs
from shared.dead_letter_file import read_dead_letters
from shared.events import MOST_EVENTS, Ignored, SubtreeMoved, read_events
from shared.ledger.entry_row import entry_from, entry_values
from shared.ledger.table import Row
from shared.model import Arrival, entry_key
from tests.fakes.arrivals import entry
from tests.fakes.world import World, event_body
from tests.hostile import tally
from tests.hostile.fuzzing import fuzzed
from tests.hostile.mutations import bodies, mutated_json

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
RULES = 'version: 1\nrules:\n  - {name: r, path: "*/**", job: {id: 7}, notebook_params: {path: "{blob.path}"}}\n'
# What one event may end as, beside a claim (`arrival.*`): each is one line of the log.
ENDS = frozenset(
    {
        "event.ignored",
        "arrival.unmatched",
        "arrival.vanished",
        "arrival.claimed",
        "arrival.closed",
        "arrival.duplicate",
        "backfill.asked",
    }
)


@fuzzed(250)
@given(bodies())
def test_reading_is_total(body: str) -> None:
    """Reading never raises, and all that it gives can be logged on a line, keyed, and written to a row."""
    tally.count("fuzzed")

    for found in read_events(body, NOW):
        assert isinstance(found, Arrival | SubtreeMoved | Ignored)
        if isinstance(found, Ignored):
            assert found.reason
            assert logs.line("event.ignored", reason=found.reason, subject=found.subject).isprintable()
        else:
            assert found.full_path.encode()
        if isinstance(found, Arrival):
            assert found.committed_at <= NOW
            assert_storable(replace(found, account="ours", version=found.version or "v"))


def assert_storable(arrival: Arrival) -> None:
    """Fail where a ledger could not key an arrival, or would give back another one."""
    written = entry(of=arrival, nonce="n")

    values = entry_values(written)

    assert entry_key("crm", arrival) == written.key
    assert all(len(value.encode("utf-16-le")) <= 2 * 32_768 for value in values.values())
    assert entry_from(Row("crm|0", f"E|{written.key}", values, "")) == written


@fuzzed(150)
@given(bodies())
def test_reading_what_was_read_is_the_same(body: str) -> None:
    """The event that would announce an arrival is read as that arrival."""
    tally.count("fuzzed")

    for found in read_events(body, NOW):
        if isinstance(found, Arrival):
            told = replace(found, account="acct", event_id="e", content_type=None, blob_type=None, sequencer=None)
            told = replace(told, api=told.api or "PutBlob")
            assert list(read_events(event_body(told), NOW)) == [told]


@fuzzed(150)
@given(mutated_json() | st.lists(mutated_json(), max_size=4))
def test_each_event_ends_in_the_ledger_or_in_one_line(payload: object) -> None:
    """Nothing is dropped silently, and nothing that is delivered makes Event Grid deliver it again (invariant 5)."""
    tally.count("fuzzed")
    body = json.dumps(payload)
    lines = _Lines()

    runs, entries = asyncio.run(_received(body, lines))

    events = json.loads(body)
    count = len(events) if isinstance(events, list) else 1
    assert count <= MOST_EVENTS
    assert sum(lines.ends.values()) == count, lines.ends
    assert runs <= entries == lines.ends["arrival.claimed"] + lines.ends["arrival.closed"]


class _Lines(logging.Handler):
    """Counts the lines that tell how an event ended."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.ends: Counter[str] = Counter()

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        assert text.isprintable()
        name = text.partition(" ")[0]
        if name in ENDS:
            self.ends[name] += 1


async def _received(body: str, lines: _Lines) -> tuple[int, int]:
    """Deliver a body to a service of its own; return how many runs and how many entries there are then."""
    world = World(RULES)
    world.landing.upload("landing/crm/a.csv")
    logs.logger.addHandler(lines)
    level = logs.logger.level
    logs.logger.setLevel(logging.INFO)
    try:
        await world.intake.receive(body, world.deadline())
    finally:
        logs.logger.removeHandler(lines)
        logs.logger.setLevel(level)
    return len(world.databricks.runs), len(await world.all_entries())


@fuzzed(200)
@given(bodies().map(lambda body: body.encode("utf-8", "surrogatepass")) | st.binary())
def test_dead_letters_are_read_or_faulted(content: bytes) -> None:
    """A file of dead letters gives events that can be read, or a fault on one line that quotes nothing of it."""
    tally.count("fuzzed")

    read = read_dead_letters(content)

    assert read.letters or read.fault
    assert read.fault.isprintable()
    assert len(read.fault) < 300
    for letter in read.letters:
        assert f"{letter.reason} {letter.outcome}".isprintable()
        assert len(list(read_events(letter.body, NOW))) == 1

"""A whole Landfall over fakes: the real use cases, a table, a Databricks and blobs in memory, a manual clock."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import AsyncIterator
from datetime import datetime

from localdev.memory_table import MemoryTable
from shared import wiring
from shared.clock import Deadline
from shared.events import CREATED, DIRECTORY_RENAMED
from shared.ledger import Backfills, Bookkeeping, Budgets, Claim, Entries, OldRows, Rounds, partitions_of
from shared.model import Arrival, Entry, Source
from shared.rule_book import RuleBook, ShippedRules
from shared.rules_file import parse_rules
from shared.settings import read_settings
from shared.use_cases import Collaborators, compose
from tests.fakes.arrivals import ACCOUNT
from tests.fakes.databricks import FakeDatabricks
from tests.fakes.manual_clock import ManualClock
from tests.fakes.memory_dead_letters import MemoryDeadLetters
from tests.fakes.memory_landing import MemoryLanding
from tests.fakes.memory_queue import MemoryQueue
from tests.fakes.table_faults import FaultyTable

RULES = """
version: 1
rules:
  - name: crm
    path: "landing/crm/{name}.csv"
    job: {name: "ETL"}
  - name: erp
    path: "landing/erp/{name}.csv"
    job: {id: 8}
"""
ENVIRONMENT = {
    "DATABRICKS_HOST": "https://adb-1.2.azuredatabricks.net",
    "DATABRICKS_TOKEN": "token",
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
    "SWEEP_DEEP_EVERY": "24h",  # most tests look at quick rounds, and let hours pass
}


class World:
    """One service instance; `restart` makes another over the same ledger, as after a crash or a deploy."""

    def __init__(self, rules: str = RULES, **settings: str) -> None:
        self.clock = ManualClock()
        self.table = FaultyTable(MemoryTable())
        self.landing = MemoryLanding(self.clock)
        self.queue = MemoryQueue()
        self.dead_letters = MemoryDeadLetters(self.clock)
        self.databricks = FakeDatabricks(self.clock)
        self.settings = read_settings({**ENVIRONMENT, **settings})
        self._nonces = itertools.count()
        self._randomness = random.Random(1)  # no process begins with the same
        self.restart(rules)

    def restart(self, rules: str) -> None:
        """Forget everything that a process keeps in memory; go on with these rules."""
        self.rules = parse_rules(rules, "rules.yaml")
        self.rule_book: RuleBook = ShippedRules(self.rules, "rules.yaml")
        self.entries = Entries(self.table, lambda: f"nonce-{next(self._nonces)}")
        self.bookkeeping = Bookkeeping(self.table)
        self.rounds = Rounds(self.table)
        self.backfills = Backfills(self.table, lambda: f"nonce-{next(self._nonces)}")
        cases = compose(
            Collaborators(
                settings=self.settings,
                rule_book=self.rule_book,
                clock=self.clock,
                entries=self.entries,
                bookkeeping=self.bookkeeping,
                budgets=Budgets(self.table, lambda: f"nonce-{next(self._nonces)}"),
                old_rows=OldRows(self.table),
                rounds=self.rounds,
                backfills=self.backfills,
                queue=self.queue,
                dead_letters=self.dead_letters,
                landing=self.landing,
                databricks=self.databricks,
                locations=wiring.locations(self.settings.landing),
                randomness=self._randomness,
                new_id=lambda: f"id-{next(self._nonces)}",
            )
        )
        self.intake, self.redriver, self.reconciler = cases.intake, cases.redriver, cases.reconciler
        self.sweeper, self.gatherer = cases.sweeper, cases.gatherer
        self.status, self.run_hints = cases.status, cases.run_hints
        self.backfill_orders, self.backfiller = cases.backfill_orders, cases.backfiller
        self.replayer, self.pruner = cases.replayer, cases.pruner

    def use_nonces_of(self, other: World) -> None:
        """Make ids and nonces that another instance over the same ledger never makes."""
        self._nonces = other._nonces

    def deadline(self, seconds: float = 10) -> Deadline:
        """Return a deadline so many seconds from now."""
        return Deadline(self.clock, seconds)

    async def drop(self, full_path: str, content: bytes = b"1,2,3") -> Claim:
        """Upload a blob and deliver its event; return the claim that came of it."""
        (claim,) = await self.deliver(self.landing.upload(full_path, content))
        return claim

    async def deliver(self, arrival: Arrival) -> list[Claim]:
        """Deliver the event of an arrival, once."""
        return await self.intake.receive(event_body(arrival), self.deadline())

    async def all_entries(self) -> list[Entry]:
        """Return every entry of every rule, in the order of their arrivals."""
        found = [entry async for entry in self._entries()]
        return sorted(found, key=lambda entry: (entry.arrival.committed_at, entry.arrival.full_path))

    async def only_entry(self) -> Entry:
        """Return the only entry that there is."""
        (entry,) = await self.all_entries()
        return entry

    async def _entries(self) -> AsyncIterator[Entry]:
        names = {rule.ledger_name for rule in self.rules} | set(await self.bookkeeping.standings())
        for partition in (partition for name in names for partition in partitions_of(name)):
            async for row in self.table.range(partition, "E|", "E|~"):
                entry = await self.entries.read_at(partition, row.key.removeprefix("E|"))
                assert entry is not None
                yield entry


def event_body(arrival: Arrival) -> str:
    """Return the Event Grid payload that announces an arrival."""
    assert arrival.source is Source.EVENT
    data: dict[str, object] = {"api": arrival.api or "PutBlob", "contentLength": arrival.size}
    if arrival.version is not None:
        data["eTag"] = f'"{arrival.version}"'
    event = {
        "id": arrival.event_id or "e",
        "topic": f"/subscriptions/s/providers/Microsoft.Storage/storageAccounts/{arrival.account or ACCOUNT}",
        "subject": f"/blobServices/default/containers/{arrival.container}/blobs/{arrival.path}",
        "eventType": arrival.event_type or CREATED,
        "eventTime": arrival.committed_at.isoformat(),
        "data": data,
    }
    return json.dumps([event])


def directory_renamed_body(full_path: str, at: datetime, event_id: str = "renamed") -> str:
    """Return the Event Grid payload that announces the new name of a directory."""
    container, _, path = full_path.partition("/")
    event = {
        "id": event_id,
        "topic": f"/subscriptions/s/providers/Microsoft.Storage/storageAccounts/{ACCOUNT}",
        "subject": f"/blobServices/default/containers/{container}/blobs/{path}",
        "eventType": DIRECTORY_RENAMED,
        "eventTime": at.isoformat(),
        "data": {"api": "RenameDirectory", "destinationUrl": f"https://{ACCOUNT}.dfs.core.windows.net/{full_path}"},
    }
    return json.dumps([event])

"""What is true outside the workers: rows, runs and manifests, and what each call does to them.

Immutable, so that a search can go on from every state. An ETag names the writer's question and so the row's content:
equal sets of ETags are equal tables, in whatever order they came about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from shared.ledger import partition_of
from shared.ledger.entry_row import entry_from
from shared.ledger.rows import ENTRY
from shared.ledger.table import Create, Delete, Operation, Replace, Row, Values
from shared.model import Entry
from tests.fakes.arrivals import arrival
from tests.search.asking import Repair, RunNow, Transact, WriteManifest

RUNNING, SUCCEEDED, SKIPPED, FAILED = "RUNNING", "TERMINATED/SUCCESS", "TERMINATED/SKIPPED", "TERMINATED/CLUSTER_ERROR"
FIRST_RUN = 101
PARTITION = partition_of("crm", arrival("crm/a.csv"))  # of the only entry


Place = tuple[str, str]  # a partition and a key


class Cell(NamedTuple):
    """A stored row."""

    etag: str
    values: Values


class TrueRun(NamedTuple):
    """A run as Databricks knows it."""

    token: str
    body: str
    state: str
    started: int  # the phase
    ended: int  # the phase, -1 while it is active
    repairs: int


@dataclass(frozen=True)
class Truth:
    """The state of everything but the workers."""

    rows: Mapping[Place, Cell] = field(default_factory=dict)
    runs: tuple[TrueRun, ...] = ()
    sent: frozenset[tuple[str, str]] = frozenset()  # every token and body that reached Databricks
    manifests: frozenset[tuple[str, bytes]] = frozenset()  # path and content
    number: int = field(default=-1, compare=False)  # which truth it is, once a search knows it

    @cached_property
    def key(self) -> tuple[object, ...]:
        """Return what tells this truth from others."""
        rows = frozenset((place, cell.etag) for place, cell in self.rows.items())
        return (rows, self.runs, self.sent, self.manifests)

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """Return the entries that the rows hold."""
        found = [self.row(place) for place in self.rows if place[1].startswith(ENTRY)]
        return tuple(entry_from(row) for row in found if row is not None)

    @property
    def entry(self) -> Entry | None:
        """Return the only entry, None before it is claimed."""
        return self.entries[0] if self.entries else None

    def row(self, place: Place) -> Row | None:
        """Return a row, or None."""
        cell = self.rows.get(place)
        return None if cell is None else Row(*place, cell.values, cell.etag)

    def written(self, asked: Transact, etag: str) -> Truth | None:
        """Return the truth after a transaction, None where a condition does not hold."""
        for operation in asked.operations:
            if _is_refused(operation, self.rows.get((asked.partition, operation.key))):
                return None
        rows = dict(self.rows)
        for operation in asked.operations:
            if isinstance(operation, Delete):
                del rows[asked.partition, operation.key]
            else:
                rows[asked.partition, operation.key] = Cell(etag, operation.values)
        return Truth(rows, self.runs, self.sent, self.manifests)

    def with_manifest(self, asked: WriteManifest) -> Truth:
        """Return the truth after a manifest has been written; one that is there stays."""
        if asked.path in dict(self.manifests):
            return self
        return Truth(self.rows, self.runs, self.sent, self.manifests | {(asked.path, asked.content)})

    def run_of(self, token: str) -> int | None:
        """Return the id of the run that a token has started."""
        for number, run in enumerate(self.runs):
            if run.token == token:
                return FIRST_RUN + number
        return None

    def started(self, asked: RunNow, phase: int) -> Truth:
        """Return the truth after run-now: one token makes one run."""
        runs = self.runs
        if self.run_of(asked.token) is None:
            runs = (*runs, TrueRun(asked.token, asked.body, RUNNING, phase, -1, 0))
        return Truth(self.rows, runs, self.sent | {(asked.token, asked.body)}, self.manifests)

    def ended(self, number: int, state: str, phase: int) -> Truth:
        """Return the truth after a run has ended."""
        return self._with_run(number, self.runs[number]._replace(state=state, ended=phase))

    def repaired(self, asked: Repair) -> Truth | None:
        """Return the truth after a repair, None where it is refused."""
        number = asked.run_id - FIRST_RUN
        run = self.runs[number]
        if run.state == RUNNING or repair_id(run) != asked.latest:
            return None
        return self._with_run(number, run._replace(state=RUNNING, ended=-1, repairs=run.repairs + 1))

    def _with_run(self, number: int, run: TrueRun) -> Truth:
        return Truth(self.rows, (*self.runs[:number], run, *self.runs[number + 1 :]), self.sent, self.manifests)


def repair_id(run: TrueRun) -> int | None:
    """Return the id of a run's last repair, None where it was never repaired."""
    return 9000 + run.repairs if run.repairs else None


def _is_refused(operation: Operation, cell: Cell | None) -> bool:
    if isinstance(operation, Create):
        return cell is not None
    if isinstance(operation, Delete):
        return cell is None or operation.etag not in {"", cell.etag}
    return isinstance(operation, Replace) and (cell is None or cell.etag != operation.etag)

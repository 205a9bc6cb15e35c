"""What a worker asks of the outside, one question at a time, and the gates through which its real code asks it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from localdev.memory_table import MemoryTable
from shared.clock import Clock, Deadline
from shared.errors import JobsUnknown
from shared.jobs import RunOutput
from shared.ledger.rows import DUPLICATE
from shared.ledger.table import Operation, Row
from shared.model import Run, RunRequest
from tests.fakes.memory_landing import MemoryLanding


@dataclass(frozen=True, slots=True)
class Transact:
    """Write rows of a partition, all or none."""

    partition: str
    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class Read:
    """Read one row."""

    partition: str
    key: str


@dataclass(frozen=True, slots=True)
class ReadRange:
    """Read the rows of a range of keys."""

    partition: str
    start: str
    stop: str


@dataclass(frozen=True, slots=True)
class RunNow:
    """Start a run."""

    token: str
    body: str


@dataclass(frozen=True, slots=True)
class GetRun:
    """Read a run back."""

    run_id: int


@dataclass(frozen=True, slots=True)
class ListRuns:
    """List the runs of the job."""


@dataclass(frozen=True, slots=True)
class Repair:
    """Repair a run, if its last repair is the one named."""

    run_id: int
    latest: int | None


@dataclass(frozen=True, slots=True)
class ReadManifest:
    """Read a manifest."""

    path: str


@dataclass(frozen=True, slots=True)
class WriteManifest:
    """Write a manifest unless there is one."""

    path: str
    content: bytes


Ask = Transact | Read | ReadRange | RunNow | GetRun | ListRuns | Repair | ReadManifest | WriteManifest


class Answer(Protocol):
    """What is given back: a value, or an error to raise."""

    def __call__(self) -> Any:
        """Return the value or raise the error."""


class Gate:
    """Holds a worker's question until somebody answers it."""

    def __init__(self) -> None:
        self.asked: list[tuple[Ask, asyncio.Future[Answer]]] = []
        self.is_shut = False

    async def ask(self, question: Ask) -> Any:
        """Wait for the answer to a question, and return it or raise it."""
        if self.is_shut:
            raise asyncio.CancelledError
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.asked.append((question, answered))
        return (await answered)()


class GateTable:
    """A table whose interesting partitions are behind the gate; the others are the worker's own and always work.

    Only `listed` ones are read by ranges: nobody who works on one entry finds anything in the others.
    """

    def __init__(self, gate: Gate, shared: Callable[[str], bool], listed: str) -> None:
        self._gate = gate
        self._is_shared = shared
        self._listed = listed
        self._others = MemoryTable()

    async def transact(self, partition: str, operations: Sequence[Operation]) -> Mapping[str, str]:
        """Apply all operations or none; see Table. Counts of duplicates are nobody's business but the status page's."""
        if not self._is_shared(partition) or all(operation.key.startswith(DUPLICATE) for operation in operations):
            return await self._others.transact(partition, operations)
        etags: Mapping[str, str] = await self._gate.ask(Transact(partition, tuple(operations)))
        return etags

    async def read(self, partition: str, key: str) -> Row | None:
        """Return one row, or None; see Table."""
        if not self._is_shared(partition):
            return await self._others.read(partition, key)
        row: Row | None = await self._gate.ask(Read(partition, key))
        return row

    async def range(
        self, partition: str, start: str, stop: str, *, columns: Sequence[str] | None = None
    ) -> AsyncIterator[Row]:
        """Yield the rows of a range of keys; see Table."""
        if partition != self._listed:
            async for row in self._others.range(partition, start, stop, columns=columns):
                yield row
            return
        for row in await self._gate.ask(ReadRange(partition, start, stop)):
            yield row

    async def column(
        self, partition: str, start: str, stop: str, column: str
    ) -> AsyncIterator[Sequence[tuple[str, str]]]:
        """Yield a range as one page of keys and values; see Table."""
        yield [(row.key, row.values.get(column, "")) async for row in self.range(partition, start, stop)]

    async def close(self) -> None:
        """Do nothing: there is nothing to release."""


class GateLanding(MemoryLanding):
    """A landing account of the worker's own, whose manifests are behind the gate."""

    def __init__(self, clock: Clock, gate: Gate) -> None:
        super().__init__(clock)
        self._gate = gate

    async def write_manifest(self, path: str, content: bytes) -> bool:
        """Write a manifest that is not there yet; see Landing."""
        return bool(await self._gate.ask(WriteManifest(path, content)))

    async def read_manifest(self, path: str) -> bytes | None:
        """Return a manifest's content, or None; see Landing."""
        content: bytes | None = await self._gate.ask(ReadManifest(path))
        return content


class GateDatabricks:
    """A Databricks behind the gate. A request whose deadline has passed is not sent, as the real client does."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    async def run_now(self, request: RunRequest, deadline: Deadline) -> int:
        """Start a run, or return the one that this token has started before."""
        return int(await self._ask(RunNow(request.token, request.body), deadline))

    async def get_run(self, run_id: int, deadline: Deadline, *, history: bool = False) -> Run | None:
        """Return a run, or None when it is not known."""
        del history
        run: Run | None = await self._ask(GetRun(run_id), deadline)
        return run

    async def repair_run(
        self, run_id: int, request: RunRequest, latest_repair_id: int | None, deadline: Deadline
    ) -> int:
        """Repair an ended run, if its last repair is named."""
        del request
        return int(await self._ask(Repair(run_id, latest_repair_id), deadline))

    async def get_output(self, task_run_id: int, deadline: Deadline) -> RunOutput:
        """Return an output that tells nothing; runs of this search have no tasks, so nobody asks."""
        del task_run_id, deadline
        return RunOutput(result="", error="", error_trace="", logs="", truncated=False)

    async def list_runs(
        self, job_id: int, deadline: Deadline, *, started_after: datetime | None = None
    ) -> AsyncIterator[Run]:
        """Yield the job's runs, newest first."""
        async for page in self.list_run_pages(job_id, deadline, started_after=started_after):
            for run in page:
                yield run

    async def list_run_pages(
        self, job_id: int, deadline: Deadline, *, started_after: datetime | None = None
    ) -> AsyncGenerator[Sequence[Run], None]:
        """Yield the job's runs as one page."""
        del job_id
        found: Sequence[Run] = await self._ask(ListRuns(), deadline)
        yield [run for run in found if started_after is None or (run.started_at and run.started_at >= started_after)]

    async def find_job(self, name: str, deadline: Deadline) -> int:
        """Refuse: rules of this search name their job by its id."""
        raise NotImplementedError

    async def _ask(self, question: Ask, deadline: Deadline) -> Any:
        if deadline.passed():
            raise JobsUnknown("There was no time left to ask.")
        return await self._gate.ask(question)


def giving(value: Any) -> Answer:
    """Return the answer that gives a value."""
    return lambda: value


def raising(make: Callable[[], Exception]) -> Answer:
    """Return the answer that raises an error, made anew each time."""

    def answer() -> Any:
        raise make()

    return answer

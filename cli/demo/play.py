"""Plays the demo on a running stack: drops the files, follows them in the ledger, asks Databricks what ran."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from azure.storage.blob import BlobServiceClient

from cli.demo.plan import PLAN, Planned, is_overwrite
from shared import wiring
from shared.clock import Deadline
from shared.errors import LandfallError
from shared.ledger import partition_of
from shared.model import ENTRY_PARAMETER, Arrival, Entry, Source, State, entry_key, normalised_etag
from shared.storage_connection import EMULATOR_ACCOUNT
from shared.wiring import Service

POLL_SECONDS = 0.3
CALL_SECONDS = 30.0
WANTED = len([planned for planned in PLAN if planned.rule])


@dataclass(frozen=True, kw_only=True, slots=True)
class Dropped:
    """One version that was uploaded."""

    planned: Planned
    arrival: Arrival
    at: datetime

    @property
    def key(self) -> str | None:
        """Return the key of the entry that it must get, None when no rule wants it."""
        return entry_key(self.planned.rule, self.arrival) if self.planned.rule else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What a run of the demo left behind."""

    dropped: Sequence[Dropped]
    entries: Mapping[str, Entry]  # by key
    runs: Mapping[str, int]  # how many runs Databricks has of each entry: the truth
    duplicates: int
    missed: int
    missed_rate: float | None  # of all arrivals that were found by event or sweep; None where there were none


class Player:
    """Plays the plan; everything it knows it reads from outside, as a person could."""

    def __init__(self, environment: Mapping[str, str], *, seconds: float) -> None:
        self._environment = environment
        self._until = time.monotonic() + seconds
        self._dropped: list[Dropped] = []
        self._entries: dict[str, Entry] = {}

    def play(self, progress: Callable[[int, int], None]) -> Outcome:
        """Drop everything and follow it to its end, or to the end of the time; `progress(settled, of)` as it goes."""
        return asyncio.run(self._play(progress))

    async def _play(self, progress: Callable[[int, int], None]) -> Outcome:
        service = wiring.build(self._environment)
        try:
            for index, planned in enumerate(PLAN):
                if is_overwrite(index):
                    await self._follow(service, progress, lambda: planned.target in self._claimed())  # noqa: B023 - awaited inside the round
                await asyncio.to_thread(self._drop, planned)
                progress(self._settled(), WANTED)
            await self._follow(service, progress, self._is_settled)
            return await self._outcome(service)
        finally:
            await service.close()

    def _drop(self, planned: Planned) -> None:
        container, _, path = planned.target.partition("/")
        while True:
            try:
                with BlobServiceClient.from_connection_string(self._environment["AzureWebJobsStorage"]) as storage:
                    client = storage.get_blob_client(container, path)
                    answer = client.upload_blob(planned.read(), overwrite=True)
                break
            except Exception:
                if time.monotonic() > self._until:
                    raise
        arrival = Arrival(
            account=EMULATOR_ACCOUNT,
            container=container,
            path=path,
            version=normalised_etag(answer["etag"]),
            committed_at=answer["last_modified"],
            source=Source.EVENT,
        )
        self._dropped.append(Dropped(planned=planned, arrival=arrival, at=datetime.now(UTC)))

    async def _follow(self, service: Service, progress: Callable[[int, int], None], done: Callable[[], bool]) -> None:
        while not done() and time.monotonic() < self._until:
            with suppress(LandfallError):  # an outage is part of some performances: look again
                await self._look(service)
            progress(self._settled(), WANTED)
            await asyncio.sleep(POLL_SECONDS)

    async def _look(self, service: Service) -> None:
        for one in self._dropped:
            known = self._entries.get(one.key or "")
            if one.key is None or (known and not known.is_open):
                continue
            entry = await service.entries.read_at(partition_of(one.planned.rule or "", one.arrival), one.key)
            if entry:
                self._entries[one.key] = entry

    def _claimed(self) -> set[str]:
        return {entry.arrival.full_path for entry in self._entries.values()}

    def _settled(self) -> int:
        return sum(entry.state is State.SETTLED for entry in self._entries.values())

    def _is_settled(self) -> bool:
        return self._settled() == len([one for one in self._dropped if one.key])

    async def _outcome(self, service: Service) -> Outcome:
        await self._look(service)
        status = await service.status.read()
        return Outcome(
            dropped=self._dropped,
            entries=self._entries,
            runs=await self._runs(service),
            duplicates=status.totals.duplicates,
            missed=status.totals.missed,
            missed_rate=status.totals.missed_events["24h"].rate,
        )

    @staticmethod
    async def _runs(service: Service) -> Counter[str]:
        runs: Counter[str] = Counter()
        for name in sorted({rule.job.name for rule in await service.rule_book.current() if rule.job.name}):
            deadline = Deadline(service.clock, CALL_SECONDS)
            job_id = await service.jobs.find_job(name, deadline)
            async for run in service.jobs.list_runs(job_id, deadline):
                runs[run.parameters.get(ENTRY_PARAMETER, "")] += 1
        return runs

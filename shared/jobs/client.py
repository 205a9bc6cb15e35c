"""Databricks' Jobs API, as much of it as Landfall speaks: the only place that does."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, TypedDict, Unpack

from shared.clock import Clock, Deadline
from shared.errors import JobAmbiguous, JobMissing, JobsRefused, JobsUnknown
from shared.jobs.answers import Job, RunOutput, job_of, output_of, run_of
from shared.jobs.api import LONGEST_ANSWER, Call, JobsApi
from shared.jobs.credentials import Credentials
from shared.jobs.failures import RunMissing
from shared.jobs.http_client import LONGEST_EXCHANGE
from shared.jobs.json_values import JsonObject, id_of, milliseconds_of, objects_of, text_of
from shared.jobs.pacing import Pacing
from shared.jobs.request_body import repair_body
from shared.logs import quoted
from shared.model import Run, RunRequest
from shared.settings import DatabricksSettings

if TYPE_CHECKING:
    import httpx

# All attempts of one run-now end within this many seconds, so a lease of settings.SHORTEST_LEASE outlasts them.
LONGEST_RUN_NOW = LONGEST_EXCHANGE
_LONGEST_OUTPUT = 16 * 1024 * 1024  # bytes: a notebook's result may have 5 MB, and the logs as much


class RunFilter(TypedDict, total=False):
    """Which runs of a job a listing is to hold; all of them by default."""

    started_after: datetime | None
    started_before: datetime | None
    active_only: bool
    completed_only: bool


class JobsClient:
    """Databricks' Jobs API for one workspace; share one client per process, for it shares its connections.

    All methods take a Deadline and end by it. What fails is tried again until then as long as it may help: no
    connection, no answer, throttling, 500, 502, 503 and 504. Calls wait for their turn, below the workspace's limits;
    see pacing. All may raise

    * JobsBusy: throttled, not reachable or out of time; nothing was started;
    * JobsUnknown: no usable answer, so a request may have taken effect;
    * JobsUnauthorised: the identity or its permissions are refused, or the answer is a login page;
    * JobMissing: no such job, or no Jobs API at that address at all;
    * JobsRefused: anything else that is wrong with the request.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        settings: DatabricksSettings,
        credentials: Credentials,
        clock: Clock,
        *,
        randomness: random.Random | None = None,
    ) -> None:
        pacing = Pacing(clock, settings.rate_percent)
        self._api = JobsApi(http, settings, credentials, clock, randomness or random.SystemRandom(), pacing)
        self._clock = clock

    async def run_now(self, request: RunRequest, deadline: Deadline) -> int:
        """Start the run that the request's token stands for, and return its id; within LONGEST_RUN_NOW.

        Safe to repeat: one token makes one run. A run id does not prove that the run will do anything, nor that it
        is a new one; read it back. Raises JobsRefused where Databricks gives no run id, as it does for a continuous
        job that is running (https://github.com/databricks/databricks-sdk-py/issues/389).
        """
        within = Deadline(self._clock, min(LONGEST_RUN_NOW, deadline.remaining()))
        answer = await self._api.ask(Call("POST", "jobs/run-now", content=request.body.encode()), within)
        run_id = id_of(answer.get("run_id"))
        if run_id is not None:
            return run_id
        if answer.get("run_id") is None:
            raise JobsRefused(
                f"Databricks answered 200 to jobs/run-now of job {request.job_id} without a run id.",
                hint="A continuous job that is running does so: give the rule a job that is not continuous.",
                status=200,
            )
        raise JobsUnknown("Databricks answered 200 to jobs/run-now with a run id that is none.", status=200)

    async def get_run(self, run_id: int, deadline: Deadline, *, history: bool = False) -> Run | None:
        """Return a run as it stands; None when Databricks does not know it: deleted, or older than 60 days.

        With its `history` it tells its last repair, and is active for as long as that is.
        """
        asked: dict[str, str | int] = {"run_id": run_id}
        asked |= {"include_history": "true"} if history else {}
        try:
            answer = await self._api.ask(Call("GET", "jobs/runs/get", asked), deadline)
        except RunMissing:
            return None
        run = run_of(answer)
        if run is None:
            raise JobsUnknown(f"Databricks answered 200 to jobs/runs/get of run {run_id} with no run.", status=200)
        return run

    async def list_runs(self, job_id: int, deadline: Deadline, **wanted: Unpack[RunFilter]) -> AsyncIterator[Run]:
        """Yield a job's runs, newest first, both ends of the time range included; their task runs are left out.

        The deadline holds for the whole listing. What is not yielded because an error ends it was not seen.
        """
        async for page in self.list_run_pages(job_id, deadline, **wanted):
            for run in page:
                yield run

    async def list_run_pages(
        self,
        job_id: int,
        deadline: Deadline,
        *,
        started_after: datetime | None = None,
        started_before: datetime | None = None,
        active_only: bool = False,
        completed_only: bool = False,
    ) -> AsyncGenerator[Sequence[Run], None]:
        """Yield what list_runs does, a page at a time: each page is one call."""
        if active_only and completed_only:
            raise ValueError("active_only and completed_only exclude each other")
        # "limit" may be at most 25, and pages may be shorter: only the lack of a page token ends the listing.
        parameters: dict[str, str | int] = {"job_id": job_id, "limit": 25}
        parameters |= {"active_only": "true"} if active_only else {}
        parameters |= {"completed_only": "true"} if completed_only else {}
        parameters |= {"start_time_from": milliseconds_of(started_after)} if started_after else {}
        parameters |= {"start_time_to": milliseconds_of(started_before)} if started_before else {}
        async for page in self._pages("jobs/runs/list", parameters, "runs", deadline):
            yield [_listed(item) for item in page]

    async def get_output(self, task_run_id: int, deadline: Deadline) -> RunOutput:
        """Return what a task run left behind; takes one of Run.task_run_ids, for Databricks refuses a job's run id."""
        call = Call("GET", "jobs/runs/get-output", {"run_id": task_run_id}, longest_answer=_LONGEST_OUTPUT)
        return output_of(await self._api.ask(call, deadline))

    async def cancel_run(self, run_id: int, deadline: Deadline) -> None:
        """Ask for a run's end, which comes some time later; safe to repeat."""
        await self._api.ask(Call("POST", "jobs/runs/cancel", content=b'{"run_id":%d}' % run_id), deadline)

    async def repair_run(
        self, run_id: int, request: RunRequest, latest_repair_id: int | None, deadline: Deadline
    ) -> int:
        """Run the failed tasks of an ended run again, with the parameters of its request; return the repair's id.

        There is no idempotency token, yet repeating is safe as long as `latest_repair_id` stays the same: Databricks
        refuses a repair that does not name the run's last one (https://github.com/databricks/databricks-sdk-py/issues/157)
        and that of an active run. So JobsRefused may also mean that an earlier request took effect: read the run.
        """
        body = repair_body(run_id, request.body, latest_repair_id)
        answer = await self._api.ask(Call("POST", "jobs/runs/repair", content=body.encode()), deadline)
        repair_id = id_of(answer.get("repair_id"))
        if repair_id is None:
            raise JobsUnknown(f"Databricks answered 200 to jobs/runs/repair of run {run_id} with no id.", status=200)
        return repair_id

    async def find_job(self, name: str, deadline: Deadline) -> int:
        """Return the id of the one job of exactly this name; raises JobMissing when there is none, or several.

        Databricks' own filter ignores case, and names need not be unique.
        """
        pages = self._pages("jobs/list", {"name": name, "limit": 100}, "jobs", deadline)
        jobs = [job_of(item) async for page in pages for item in page]
        ids = [job.id for job in jobs if job is not None and job.name == name]
        if len(ids) == 1:
            return ids[0]
        if not ids:
            hint = "Check its spelling, upper and lower case included, and that the identity may view it."
            raise JobMissing(f"There is no job named {quoted(name)}.", hint=hint)
        listed = ", ".join(str(found) for found in ids[:5])
        hint = "Rename all but one of them, or give the rule the job's id."
        raise JobAmbiguous(f"{len(ids)} jobs are named {quoted(name)}: {listed}.", hint=hint)

    async def get_job(self, job_id: int, deadline: Deadline) -> Job:
        """Return a job; raises JobMissing when there is none of this id."""
        job = job_of(await self._api.ask(Call("GET", "jobs/get", {"job_id": job_id}), deadline))
        if job is None:
            raise JobsUnknown(f"Databricks answered 200 to jobs/get of job {job_id} with no job.", status=200)
        return job

    async def aclose(self) -> None:
        """Close the connections and the credentials; the client cannot be used any more."""
        await self._api.aclose()

    async def _pages(
        self, path: str, parameters: Mapping[str, str | int], key: str, deadline: Deadline
    ) -> AsyncIterator[Sequence[JsonObject]]:
        """Yield the objects of each page of a listing."""
        page_token, seen = "", set[str]()
        while True:
            page = {"page_token": page_token} if page_token else {}
            answer = await self._api.ask(Call("GET", path, {**parameters, **page}), deadline)
            yield objects_of(answer.get(key))
            page_token = text_of(answer.get("next_page_token"), LONGEST_ANSWER)
            if not page_token:
                return
            if page_token in seen:
                raise JobsUnknown(f"Databricks repeats a page of {path}: its end is never reached.", status=200)
            seen.add(page_token)


def _listed(item: JsonObject) -> Run:
    run = run_of(item)
    if run is None:
        raise JobsUnknown("Databricks answered 200 to jobs/runs/list with a run that has no id.", status=200)
    return run

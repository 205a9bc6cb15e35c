"""The jobs of a workspace, read whole and changed: over the service's own connection to Databricks."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from cli.target import environment
from shared.clock import Clock, Deadline, SystemClock
from shared.errors import JobAmbiguous, JobMissing, JobsUnknown
from shared.jobs import create_credentials, create_http_client
from shared.jobs.api import LONGEST_ANSWER, Call, JobsApi
from shared.jobs.json_values import JsonObject, id_of, object_of, objects_of, text_of
from shared.jobs.pacing import Pacing
from shared.settings import DatabricksSettings, read_settings
from shared.wording import shown

_SECONDS_PER_JOB = 60.0
# What jobs/get tells a hundred of at a time: https://docs.databricks.com/aws/en/reference/jobs-api-2-2-updates
_PAGED = ("tasks", "job_clusters", "parameters", "environments")


def databricks_settings() -> DatabricksSettings:
    """Return the workspace of the stack that runs here, else the one of the environment; raises SettingsError.

    Storage need not be configured.
    """
    return read_settings({"AzureWebJobsStorage": "UseDevelopmentStorage=true", **environment()}).databricks


@dataclass(frozen=True, slots=True)
class KnownJob:
    """A job as a workspace has it."""

    id: int
    settings: Mapping[str, Any]


class JobDefinitions:
    """Reads and changes jobs. Every method may raise JobsError."""

    def __init__(self, api: JobsApi, clock: Clock) -> None:
        self._api = api
        self._clock = clock

    async def named(self, name: str) -> KnownJob | None:
        """Return the job of a name, None when there is none; raises JobAmbiguous when there are several.

        As in Databricks' own list, upper and lower case are the same.
        """
        ids = await self._ids_of(name)
        if len(ids) > 1:
            listed = ", ".join(map(str, ids[:5]))
            message = f"{len(ids)} jobs are named {shown(name)} (upper and lower case are the same here): {listed}."
            raise JobAmbiguous(message, hint="Rename or delete all but one of them.")
        return await self.get(ids[0]) if ids else None

    async def get(self, job_id: int) -> KnownJob:
        """Return a job with all its tasks; raises JobMissing."""
        settings: dict[str, Any] = {}
        page_token = ""
        while True:
            page = {"page_token": page_token} if page_token else {}
            answer = await self._ask(Call("GET", "jobs/get", {"job_id": job_id, **page}))
            found = object_of(answer.get("settings"))
            if id_of(answer.get("job_id")) != job_id or not found:
                raise JobsUnknown(f"Databricks answered 200 to jobs/get of job {job_id} with no job.", status=200)
            more = {name: [*settings[name], *objects_of(found.get(name))] for name in _PAGED if name in settings}
            settings = {**found, **more}
            page_token = _next_page(answer, page_token)
            if not page_token:
                return KnownJob(job_id, settings)

    async def create(self, settings: Mapping[str, Any]) -> int:
        """Create a job and return its id.

        There is no token that would make it safe to repeat (https://docs.databricks.com/api/workspace/jobs/create), so
        it is asked for once; where the answer is lost, the job is looked for by its name.
        """
        try:
            answer = await self._ask(Call("POST", "jobs/create", content=_body(settings), once=True))
        except JobsUnknown as unknown:
            made = await self.named(str(settings.get("name", "")))
            if made is None:
                raise JobsUnknown(unknown.message, hint="No job was made: apply it again.") from unknown
            return made.id
        job_id = id_of(answer.get("job_id"))
        if job_id is None:
            raise JobsUnknown("Databricks answered 200 to jobs/create with no job id.", status=200)
        return job_id

    async def reset(self, job_id: int, settings: Mapping[str, Any]) -> None:
        """Replace all settings of a job; safe to repeat."""
        await self._ask(Call("POST", "jobs/reset", content=_body({"job_id": job_id, "new_settings": settings})))

    async def _ids_of(self, name: str) -> list[int]:
        ids: list[int] = []
        page_token = ""
        while True:
            page = {"page_token": page_token} if page_token else {}
            answer = await self._ask(Call("GET", "jobs/list", {"name": name, "limit": 100, **page}))
            for job in objects_of(answer.get("jobs")):
                job_id, called = id_of(job.get("job_id")), object_of(job.get("settings")).get("name")
                if job_id is not None and isinstance(called, str) and called.casefold() == name.casefold():
                    ids.append(job_id)
            page_token = _next_page(answer, page_token)
            if not page_token:
                return ids

    async def _ask(self, call: Call) -> JsonObject:
        return await self._api.ask(call, Deadline(self._clock, _SECONDS_PER_JOB))


@asynccontextmanager
async def open_jobs(settings: DatabricksSettings, clock: Clock | None = None) -> AsyncIterator[JobDefinitions]:
    """Open a workspace's jobs for as long as the block lasts."""
    clock = clock or SystemClock()
    http = create_http_client()
    credentials = create_credentials(settings, http, clock)
    api = JobsApi(http, settings, credentials, clock, random.SystemRandom(), Pacing(clock, settings.rate_percent))
    try:
        yield JobDefinitions(api, clock)
    finally:
        await api.aclose()


async def job_of(jobs: JobDefinitions, reference: str) -> KnownJob:
    """Return the job that somebody named by its id or its name; raises JobMissing or JobAmbiguous."""
    if reference.isdecimal() and reference.isascii() and (job_id := id_of(reference)):
        try:
            return await jobs.get(job_id)
        except JobMissing as error:
            raise JobMissing(error.message, hint="`landfall jobs` takes a job's id or its name.") from error
    found = await jobs.named(reference)
    if found is None:
        raise JobMissing(f"There is no job named {shown(reference)}.", hint="Check its spelling, or give its id.")
    return found


def _next_page(answer: JsonObject, token: str) -> str:
    found = text_of(answer.get("next_page_token"), LONGEST_ANSWER)
    if found and found == token:
        raise JobsUnknown("Databricks repeats a page: its end is never reached.", status=200)
    return found


def _body(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode("ascii")

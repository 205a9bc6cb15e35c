"""The workspace that is configured, as far as rules are checked against it: its jobs, by id or by name."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from cli.rules.check.job_settings import JobSettings, job_settings_of
from cli.target import environment as target_environment
from shared.clock import Clock, Deadline, SystemClock
from shared.errors import JobsUnknown, SettingsError
from shared.jobs import JobsClient, create_credentials, create_http_client
from shared.jobs.api import Call, JobsApi
from shared.jobs.pacing import Pacing
from shared.model import JobReference
from shared.settings import DatabricksSettings, Settings, read_settings

_STORAGE = ("LANDING_STORAGE", "AzureWebJobsStorage")
_SECONDS_PER_JOB = 20.0


def configured() -> Settings | None:
    """Return the settings of a workspace, None when none is configured. Raises SettingsError for faulty ones.

    Storage need not be configured: CI that checks rules has none.
    """
    try:
        found = target_environment()
    except SettingsError:
        return None
    return read_settings({"AzureWebJobsStorage": "UseDevelopmentStorage=true", **found})


def landing_account(settings: Settings | None, environment: Mapping[str, str]) -> str:
    """Return the landing account's name, "" when only the workspace is configured."""
    is_named = any(name.startswith(_STORAGE) and value for name, value in environment.items())
    return settings.landing.account if settings and is_named else ""


class Workspace:
    """Looks jobs up as the service does."""

    def __init__(self, client: JobsClient, api: JobsApi, clock: Clock) -> None:
        self._client = client
        self._api = api
        self._clock = clock

    async def job(self, reference: JobReference) -> JobSettings:
        """Return the settings of the job that a rule means. Raises JobsError."""
        deadline = Deadline(self._clock, _SECONDS_PER_JOB)
        job_id = reference.id
        if job_id is None:
            job_id = await self._client.find_job(reference.name or "", deadline)
        found = job_settings_of(await self._api.ask(Call("GET", "jobs/get", {"job_id": job_id}), deadline))
        if found is None:
            raise JobsUnknown(f"Databricks answered 200 to jobs/get of job {job_id} with no job.", status=200)
        return found


@asynccontextmanager
async def open_workspace(settings: DatabricksSettings, clock: Clock | None = None) -> AsyncIterator[Workspace]:
    """Open a workspace for as long as the block lasts."""
    clock = clock or SystemClock()
    http = create_http_client()
    credentials = create_credentials(settings, http, clock)
    client = JobsClient(http, settings, credentials, clock)
    try:
        api = JobsApi(http, settings, credentials, clock, random.SystemRandom(), Pacing(clock, settings.rate_percent))
        yield Workspace(client, api, clock)
    finally:
        await client.aclose()

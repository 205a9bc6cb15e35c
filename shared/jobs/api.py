"""One question to the Jobs API, asked until it is answered: tokens, versions of the API, and trying again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import httpx

from shared.clock import Clock, Deadline
from shared.errors import JobsBusy, JobsUnknown
from shared.jobs.credentials import Credentials
from shared.jobs.failures import Failure, Remedy, failure_of, unanswered
from shared.jobs.http_client import LONGEST_EXCHANGE, NO_ANSWER, USER_AGENT, exchange
from shared.jobs.json_values import JsonObject, parse_object
from shared.jobs.pacing import Pacing
from shared.jobs.retry_pace import RetryPace
from shared.settings import DatabricksSettings

OLDEST_VERSION = "2.1"
LONGEST_ANSWER = 4 * 1024 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class Call:
    """One question to the API; `path` is what follows /api/2.2/. It must be safe to ask twice, but for `once`.

    What is asked only `once` is not asked again when it may have taken effect: its JobsUnknown is raised at once.
    """

    method: str
    path: str
    parameters: Mapping[str, str | int] | None = None
    content: bytes | None = None
    longest_answer: int = LONGEST_ANSWER
    once: bool = False


class JobsApi:
    """Asks one workspace, as one identity."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        settings: DatabricksSettings,
        credentials: Credentials,
        clock: Clock,
        randomness: random.Random,
        pacing: Pacing,
    ) -> None:
        self._http = http
        self._host = settings.host
        self._version = settings.api_version
        self._credentials = credentials
        self._clock = clock
        self._randomness = randomness
        self._pacing = pacing
        self._urls: dict[tuple[str, str], httpx.URL] = {}
        self._headers = httpx.Headers()
        self._headers_token = ""

    async def aclose(self) -> None:
        """Close the credentials and the HTTP client."""
        try:
            await self._credentials.aclose()
        finally:
            await self._http.aclose()

    async def ask(self, call: Call, deadline: Deadline) -> JsonObject:
        """Return the answer to a call, after as many attempts as help and as the deadline allows.

        Raises JobsError as JobsClient describes.
        """
        doubts: list[JobsUnknown] = []
        try:
            return await self._persist(call, deadline, doubts)
        except JobsBusy as busy:
            if not doubts or call.method == "GET":
                raise
            # The last attempt started nothing, but an earlier one may have.
            last = doubts[-1]
            raise JobsUnknown(last.message, hint=last.hint, status=last.status, error_code=last.error_code) from busy

    async def _persist(self, call: Call, deadline: Deadline, doubts: list[JobsUnknown]) -> JsonObject:
        pace, version, may_refresh = RetryPace(self._randomness), self._version, True
        fetch_token = self._credentials.token
        while True:
            token = await self._in_time(fetch_token, call, deadline)
            await self._pacing.take(call.path, deadline)
            outcome = await self._attempt(call, version, token, deadline)
            if not isinstance(outcome, Failure):
                self._version = version
                return outcome
            if isinstance(outcome.error, JobsUnknown):
                doubts.append(outcome.error)
            elif isinstance(outcome.error, JobsBusy) and outcome.error.status:  # throttled, and not out of reach
                self._pacing.pause(call.path, outcome.error.retry_after)
            if outcome.remedy is Remedy.OLDER_API and version != OLDEST_VERSION:
                # https://github.com/databricks/databricks-sdk-py/issues/922
                version = OLDEST_VERSION
            elif outcome.remedy is Remedy.REFRESH and may_refresh:
                may_refresh, fetch_token = False, partial(self._other_token, token, outcome)
            elif outcome.remedy is Remedy.WAIT and not (call.once and isinstance(outcome.error, JobsUnknown)):
                await self._wait(pace, outcome, deadline)
            else:
                raise outcome.error

    async def _wait(self, pace: RetryPace, failure: Failure, deadline: Deadline) -> None:
        """Wait for the next attempt; raises the failure's error when the deadline would pass meanwhile."""
        seconds = pace.next_wait(failure.error.retry_after if isinstance(failure.error, JobsBusy) else 0)
        if seconds >= deadline.remaining():
            raise failure.error
        await self._clock.sleep(seconds)

    async def _other_token(self, rejected: str, failure: Failure) -> str:
        """Return a new access token; raises the failure's error when there is none but the rejected one."""
        await self._credentials.refresh(rejected)
        token = await self._credentials.token()
        if token == rejected:
            raise failure.error
        return token

    async def _in_time(self, fetch: Callable[[], Awaitable[str]], call: Call, deadline: Deadline) -> str:
        """Return the access token that `fetch` gives; raises JobsBusy when the deadline passes first."""
        if not deadline.passed():
            with suppress(TimeoutError):
                async with asyncio.timeout(deadline.remaining()):
                    return await fetch()
        raise JobsBusy(f"There was no time left to ask Databricks for {call.path}.", hint="Nothing was started.")

    async def _attempt(self, call: Call, version: str, token: str, deadline: Deadline) -> JsonObject | Failure:
        """Ask once. Failures are returned and not raised: an exception of aiohttp's holds the request's headers."""
        request = httpx.Request(
            call.method,
            self._url(version, call.path),
            params=call.parameters,
            headers=self._headers_with(token),
            content=call.content,
        )
        try:
            async with asyncio.timeout(min(LONGEST_EXCHANGE, deadline.remaining())):
                answer = await exchange(self._http, request, call.longest_answer)
        except NO_ANSWER as error:
            return unanswered(error, call.path, token)
        if 200 <= answer.status < 300 and answer.complete and (found := parse_object(answer.body)) is not None:
            return found
        return failure_of(answer, call.path, token, self._clock.now())

    def _url(self, version: str, path: str) -> httpx.URL:
        if (url := self._urls.get((version, path))) is None:
            url = self._urls[version, path] = httpx.URL(f"{self._host}/api/{version}/{path}")
        return url

    def _headers_with(self, token: str) -> httpx.Headers:
        """Return the headers of every request, made once per access token."""
        if token != self._headers_token:
            self._headers = httpx.Headers(
                {
                    "Accept": "application/json",
                    "Accept-Encoding": "identity",  # answers are small, and bounded before they are unpacked
                    "Authorization": f"Bearer {token}",
                    "Content-Type": "application/json",
                    "User-Agent": USER_AGENT,
                }
            )
            self._headers_token = token
        return self._headers

"""HTTP towards Databricks: the one client of the process, and one bounded exchange over it."""

from __future__ import annotations

from dataclasses import dataclass

import aiohttp
import httpx
import httpx_aiohttp

VERSION = "0.1.0"  # as in pyproject.toml, which is not deployed
USER_AGENT = f"landfall/{VERSION}"

# One exchange, connecting included, ends after this many seconds: before any lease does (settings.SHORTEST_LEASE).
LONGEST_EXCHANGE = 20.0

# aiohttp knows no write time-out; LONGEST_EXCHANGE bounds a write as well.
_TIMEOUT = httpx.Timeout(connect=5, read=LONGEST_EXCHANGE, write=10, pool=5)
_LIMITS = httpx.Limits(max_connections=64, keepalive_expiry=30)

# What an exchange raises when no usable answer came. httpx-aiohttp lets a few of aiohttp's own errors through.
NO_ANSWER = (httpx.HTTPError, aiohttp.ClientError, OSError)


def create_http_client() -> httpx.AsyncClient:
    """Return the client to share for the life of the process; close it with JobsClient.aclose.

    httpx on aiohttp's transport: its own pool costs three to six times the CPU at 8 to 64 calls at once, see
    https://github.com/encode/httpx/issues/3215 and bench/jobs_client.py.
    """
    return httpx_aiohttp.HttpxAiohttpClient(
        timeout=_TIMEOUT,
        limits=_LIMITS,
        follow_redirects=False,
        headers={"User-Agent": USER_AGENT},
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said; `complete` is False when the body was longer than wanted and its rest was not read."""

    status: int
    headers: httpx.Headers
    body: bytes
    complete: bool


async def exchange(
    http: httpx.AsyncClient, request: httpx.Request, longest_body: int, *, auth: httpx.Auth | None = None
) -> Answer:
    """Send a request and return its answer, reading little more than `longest_body` bytes; raises NO_ANSWER."""
    response = await http.send(request, stream=True, auth=auth, follow_redirects=False)
    chunks: list[bytes] = []
    length = 0
    try:
        async for chunk in response.aiter_bytes():
            chunks.append(chunk)
            length += len(chunk)
            if length > longest_body:
                break
    finally:
        await response.aclose()
    body = b"".join(chunks)
    return Answer(response.status_code, response.headers, body[:longest_body], complete=length <= longest_body)


def cause_of(error: BaseException) -> BaseException:
    """Return the error below an error of NO_ANSWER: what really happened.

    httpx-aiohttp reports a connection that broke half way as httpx.ConnectTimeout, because the errors of aiohttp
    share a base class: https://github.com/karpetrosyan/httpx-aiohttp (transport.py, AIOHTTP_EXC_MAP).
    """
    return error.__cause__ or error if isinstance(error, httpx.HTTPError) else error


def never_opened(error: BaseException) -> bool:
    """Tell whether an error of NO_ANSWER means that no connection was made, so that nothing was sent."""
    cause = cause_of(error)
    if isinstance(cause, aiohttp.ClientError):
        return isinstance(cause, (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError))
    return isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout))

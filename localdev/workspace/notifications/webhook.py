"""Posting to webhooks: five seconds, no redirects, and no more of the answer than its status."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import httpx

from localdev.workspace.json_fields import Document
from localdev.workspace.notifications.destinations import Destination, is_loopback, leads_astray
from localdev.workspace.notifications.undelivered import NeverAgain, TryLater

SECONDS = 5.0  # for all of it
DELIVERY_HEADER = "X-Landfall-Delivery"  # ours: the same id means the same notification
_LATER = frozenset({408, 425, 429})


class WebhookCarrier:
    """Posts JSON to the urls of destinations."""

    def __init__(self, *, allow_http: bool, seconds: float = SECONDS) -> None:
        self._allow_http = allow_http
        self._seconds = seconds
        self._clients: dict[bool, httpx.AsyncClient] = {}  # by whether they reach this machine itself

    async def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            await client.aclose()

    async def post(self, destination: Destination, body: Document, delivery_id: str) -> None:
        """Post a body; raises TryLater for silence, 408, 425, 429 and 5xx, and NeverAgain for any other refusal."""
        url = "" if destination.url is None else destination.url.reveal()
        host = urlsplit(url).hostname or ""
        if leads_astray(host) and not self._allow_http:  # it was made by a workspace that allowed it
            raise NeverAgain("Its url is an address that leads to no receiver")
        if not (url.startswith("https://") or is_loopback(host) or self._allow_http):
            raise NeverAgain("Its url has no TLS, and the workspace runs without --allow-http-webhooks now")
        try:
            async with asyncio.timeout(self._seconds):
                status = await self._status(url, host, destination, body, delivery_id)
        except (TimeoutError, httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise TryLater(f"The receiver could not be reached: {type(error).__name__}") from error
        if 200 <= status < 300:
            return
        if status in _LATER or status >= 500:
            raise TryLater(f"The receiver answered {status}")
        raise NeverAgain(f"The receiver answered {status}")

    async def _status(self, url: str, host: str, destination: Destination, body: Document, delivery_id: str) -> int:
        client = self._client(near=is_loopback(host))
        headers = {"User-Agent": "Landfall", DELIVERY_HEADER: delivery_id}
        async with client.stream("POST", url, json=body, headers=headers, auth=_auth(destination)) as answer:
            return answer.status_code

    def _client(self, *, near: bool) -> httpx.AsyncClient:
        """Return a client, made when it is needed first; a proxy of the environment is for other machines only."""
        if near not in self._clients:
            self._clients[near] = httpx.AsyncClient(timeout=self._seconds, follow_redirects=False, trust_env=not near)
        return self._clients[near]


def _auth(destination: Destination) -> httpx.BasicAuth | None:
    if destination.username is None and destination.password is None:
        return None
    password = "" if destination.password is None else destination.password.reveal()
    return httpx.BasicAuth(destination.username or "", password)

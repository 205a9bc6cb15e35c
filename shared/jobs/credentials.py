"""Access tokens for Databricks: kept, renewed in time, and fetched once however many ask at once."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from shared.clock import Clock
from shared.errors import JobsUnauthorised
from shared.jobs.access_token import AccessToken, SignIn
from shared.jobs.sign_in_databricks import DatabricksSignIn
from shared.jobs.sign_in_entra import EntraSignIn
from shared.secret import Secret
from shared.settings import AuthType, DatabricksSettings

if TYPE_CHECKING:
    import httpx

LONGEST_SIGN_IN = 20.0  # seconds
_RENEW_BEFORE = timedelta(seconds=120)
# Azure Databricks refuses tokens that expire within 30 s, says its SDK's comment on its own margin of 40 s:
# https://github.com/databricks/databricks-sdk-py/blob/main/databricks/sdk/oauth.py
_USELESS_BEFORE = timedelta(seconds=40)
_ASK_AGAIN_AFTER = timedelta(seconds=10)


class Credentials(Protocol):
    """Where the access token comes from. Nothing secret is in anything's repr or in any error."""

    async def token(self) -> str:
        """Return an access token that has time left; at once when one is kept. Raises JobsUnauthorised."""

    async def refresh(self, rejected: str) -> None:
        """Fetch a new token, unless the kept one is another than the rejected already. Raises JobsUnauthorised."""

    async def aclose(self) -> None:
        """Close what is open; safe to repeat."""


def create_credentials(settings: DatabricksSettings, http: httpx.AsyncClient, clock: Clock) -> Credentials:
    """Return the credentials that the settings ask for; nothing is fetched, nor azure-identity imported, before use.

    `http` is used, and not closed, where the workspace itself gives the tokens.
    """
    match settings.auth_type:
        case AuthType.PAT:
            return PersonalAccessToken(settings.token)
        case AuthType.OAUTH_M2M:
            return RenewedCredentials(DatabricksSignIn(settings, http, clock), clock)
        case _:
            return RenewedCredentials(EntraSignIn(settings, clock), clock)


class PersonalAccessToken:
    """The token that the settings hold; nobody can renew it but a person."""

    def __init__(self, secret: Secret) -> None:
        self._secret = secret

    async def token(self) -> str:
        """Return the token."""
        return self._secret.reveal()

    async def refresh(self, rejected: str) -> None:
        """Do nothing: there is no other token."""

    async def aclose(self) -> None:
        """Do nothing: nothing is open."""


class RenewedCredentials:
    """Keeps one access token and renews it 120 s before it expires, or half way through a life under 240 s."""

    def __init__(self, sign_in: SignIn, clock: Clock) -> None:
        self._sign_in = sign_in
        self._clock = clock
        self._kept: AccessToken | None = None
        self._renew_at: datetime | None = None
        self._flight: asyncio.Task[AccessToken] | None = None

    async def token(self) -> str:
        """Return the kept token, or a new one when it is about to expire."""
        if self._kept is not None and self._renew_at is not None and self._clock.now() < self._renew_at:
            return self._kept.secret.reveal()
        return (await self._renewed()).secret.reveal()

    async def refresh(self, rejected: str) -> None:
        """Fetch another token; who asks while one is on its way waits for that one."""
        if self._kept is not None and self._kept.secret.reveal() == rejected:
            self._kept = None
            if self._flight is None:
                await self._sign_in.forget()
        if self._kept is None:
            await self._renewed()

    async def aclose(self) -> None:
        """Stop a sign-in on its way and close what it uses."""
        if self._flight is not None:
            self._flight.cancel()
            await asyncio.wait([self._flight])
        await self._sign_in.aclose()

    async def _renewed(self) -> AccessToken:
        """Wait for the one sign-in on its way. It outlives a caller who gives up, for others wait for it too."""
        if self._flight is None:
            self._flight = asyncio.create_task(self._fly(), name="sign in to Databricks")
            self._flight.add_done_callback(self._land)
        return await asyncio.shield(self._flight)

    def _land(self, flight: asyncio.Task[AccessToken]) -> None:
        self._flight = None
        if not flight.cancelled():
            flight.exception()  # asked for, or asyncio complains when every caller has given up

    async def _fly(self) -> AccessToken:
        now = self._clock.now()
        try:
            async with asyncio.timeout(LONGEST_SIGN_IN):
                fresh = await self._sign_in.sign_in()
        except TimeoutError:
            failure = JobsUnauthorised(f"Signing in to Databricks took longer than {LONGEST_SIGN_IN:.0f} s.")
        except JobsUnauthorised as refused:
            failure = refused
        else:
            self._kept = fresh
            self._renew_at = fresh.expires_at - min(_RENEW_BEFORE, (fresh.expires_at - now) / 2)
            return fresh
        if self._kept is not None and now < self._kept.expires_at - _USELESS_BEFORE:
            self._renew_at = now + _ASK_AGAIN_AFTER  # the old one is good for a while yet
            return self._kept
        raise failure

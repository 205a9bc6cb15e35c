"""Sign in as a Databricks service principal: OAuth client credentials, "M2M".

https://learn.microsoft.com/azure/databricks/dev-tools/auth/oauth-m2m
"""

from __future__ import annotations

import base64
import random
from datetime import timedelta

import httpx

from shared.clock import Clock
from shared.errors import JobsUnauthorised
from shared.jobs.access_token import ASSUMED_LIFETIME, AccessToken
from shared.jobs.http_client import NO_ANSWER, Answer, cause_of, exchange
from shared.jobs.json_values import id_of, parse_object
from shared.jobs.retry_pace import RetryPace
from shared.logs import printable
from shared.redaction import redacted
from shared.secret import Secret
from shared.settings import DatabricksSettings

_LONGEST_ANSWER = 64 * 1024
_ATTEMPTS = 3
_HINT = "Check DATABRICKS_HOST, DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET; secrets expire."


class DatabricksSignIn:
    """Fetches tokens from the workspace's own token endpoint."""

    def __init__(self, settings: DatabricksSettings, http: httpx.AsyncClient, clock: Clock) -> None:
        self._url = f"{settings.host}/oidc/v1/token"
        self._client_id = settings.client_id
        self._client_secret = settings.client_secret
        self._http = http
        self._clock = clock

    async def sign_in(self) -> AccessToken:
        """Return a new access token; asks again, at most twice, where nothing but an answer is missing."""
        pace = RetryPace(random.SystemRandom())
        for attempt in range(1, _ATTEMPTS + 1):
            answer = await self._ask()
            if isinstance(answer, AccessToken):
                return answer
            message, may_repeat = answer
            if not may_repeat or attempt == _ATTEMPTS:
                break
            await self._clock.sleep(pace.next_wait(0))
        raise JobsUnauthorised(f"Signing in to Databricks with a client secret failed: {message}", hint=_HINT)

    async def forget(self) -> None:
        """Do nothing: every sign_in asks anew."""

    async def aclose(self) -> None:
        """Do nothing: the HTTP client is the caller's."""

    async def _ask(self) -> AccessToken | tuple[str, bool]:
        """Return a token, or why there is none and whether asking again may help."""
        request = self._http.build_request(
            "POST", self._url, data={"grant_type": "client_credentials", "scope": "all-apis"}
        )
        basic = httpx.BasicAuth(self._client_id, self._client_secret.reveal())
        try:
            answer = await exchange(self._http, request, _LONGEST_ANSWER, auth=basic)
        except NO_ANSWER as error:
            return f"no answer ({type(cause_of(error)).__name__}).", True
        return self._read(answer)

    def _read(self, answer: Answer) -> AccessToken | tuple[str, bool]:
        found = parse_object(answer.body) or {}
        token = found.get("access_token")
        if answer.status == 200 and isinstance(token, str) and token.isascii() and token.isprintable() and token:
            lifetime = id_of(found.get("expires_in"))
            kept = ASSUMED_LIFETIME if lifetime is None else timedelta(seconds=min(lifetime, 86_400))
            return AccessToken(Secret(token), self._clock.now() + kept)
        reason = f"{found.get('error', '')} {found.get('error_description', '')}"
        # A server may repeat what it was sent, and the secret was sent in the form of Basic authentication.
        for secret in (self._client_secret.reveal(), _basic(self._client_id, self._client_secret)):
            reason = reason.replace(secret, "***")
        reason = redacted(reason)[:300].strip()
        return f"{answer.status} {printable(reason)}".rstrip() + ".", answer.status == 429 or answer.status >= 500


def _basic(client_id: str, client_secret: Secret) -> str:
    """Return the credentials as the Authorization header has them."""
    return base64.b64encode(f"{client_id}:{client_secret.reveal()}".encode()).decode("ascii")

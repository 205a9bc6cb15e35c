"""Sign in with Microsoft Entra ID: a managed identity, a service principal, or the developer's own login.

azure-identity is imported by the first sign-in only: the import takes 230 ms, which a token from the settings
need not pay for.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shared.clock import Clock
from shared.errors import JobsUnauthorised
from shared.jobs.access_token import ASSUMED_LIFETIME, AccessToken
from shared.jobs.json_values import id_of
from shared.logs import printable
from shared.redaction import redacted
from shared.secret import Secret
from shared.settings import AuthType, DatabricksSettings

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

# Azure Databricks is this application in every tenant and cloud.
# https://learn.microsoft.com/azure/databricks/dev-tools/auth/aad-token-manual
SCOPE = "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d/.default"

_HINTS = {
    AuthType.AZURE_MSI: "Give the function app a managed identity (AZURE_CLIENT_ID names a user-assigned one).",
    AuthType.AZURE_CLIENT_SECRET: "Check AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET; secrets expire.",
    AuthType.AZURE_CLI: "Run `az login` or `azd auth login`, or set DATABRICKS_TOKEN.",
}


class EntraSignIn:
    """Fetches tokens through azure-identity."""

    def __init__(
        self,
        settings: DatabricksSettings,
        clock: Clock,
        *,
        create: Callable[[DatabricksSettings], AsyncTokenCredential] | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._create = create or create_credential
        self._credential: AsyncTokenCredential | None = None

    async def sign_in(self) -> AccessToken:
        """Return an access token; azure-identity repeats by itself what is worth repeating."""
        try:
            if self._credential is None:
                self._credential = self._create(self._settings)
            token = await self._credential.get_token(SCOPE)
        except Exception as error:  # noqa: BLE001 - its credentials raise far more than AzureError, all meaning "no token"
            reason = self._shown(error)
        else:
            return AccessToken(Secret(token.token), self._expiry(token.expires_on))
        # Raised out here, for the error above may hold the request, and that the client secret.
        auth_type = self._settings.auth_type
        raise JobsUnauthorised(f"Signing in to Entra ID ({auth_type}) failed: {reason}", hint=_HINTS[auth_type])

    async def forget(self) -> None:
        """Drop the credential, for it keeps its tokens."""
        await self.aclose()

    async def aclose(self) -> None:
        """Close the credential's connections."""
        credential, self._credential = self._credential, None
        if credential is not None:
            await credential.close()

    def _expiry(self, expires_on: object) -> datetime:
        # App Service gives the epoch seconds as a string.
        seconds = id_of(expires_on)
        try:
            return datetime.fromtimestamp(seconds, UTC) if seconds else self._clock.now() + ASSUMED_LIFETIME
        except (ValueError, OverflowError, OSError):
            return self._clock.now() + ASSUMED_LIFETIME

    def _shown(self, error: Exception) -> str:
        text = " ".join(str(error).split())
        if secret := self._settings.azure_client_secret.reveal():
            text = text.replace(secret, "***")
        return printable(f"{type(error).__name__}: {redacted(text)[:500]}")


def create_credential(settings: DatabricksSettings) -> AsyncTokenCredential:
    """Return azure-identity's credential for the settings' way to sign in."""
    from azure.identity import aio  # noqa: PLC0415 - the reason is in the module's docstring

    match settings.auth_type:
        case AuthType.AZURE_MSI:
            return aio.ManagedIdentityCredential(client_id=settings.azure_client_id or None)
        case AuthType.AZURE_CLIENT_SECRET:
            return aio.ClientSecretCredential(
                settings.azure_tenant_id, settings.azure_client_id, settings.azure_client_secret.reveal()
            )
        case _:
            tenant = settings.azure_tenant_id
            return aio.ChainedTokenCredential(
                aio.AzureCliCredential(tenant_id=tenant), aio.AzureDeveloperCliCredential(tenant_id=tenant)
            )

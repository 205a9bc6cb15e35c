from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from shared.errors import JobsUnauthorised
from shared.jobs import Credentials, create_credentials
from shared.jobs.sign_in_entra import EntraSignIn, create_credential
from shared.secret import Secret
from shared.settings import AuthType, DatabricksSettings
from tests.fakes.manual_clock import START, ManualClock
from tests.shared.jobs.scripted_server import Action, ScriptedServer, drops, html, says

if TYPE_CHECKING:
    import httpx

ROOT = Path(__file__).resolve().parents[3]
SECRET = "canary-client-secret"
RESOURCE = "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d"
EPOCH = int(START.timestamp())


@pytest.fixture
def m2m(settings: DatabricksSettings) -> DatabricksSettings:
    """Return settings for a Databricks service principal."""
    return replace(settings, auth_type=AuthType.OAUTH_M2M, client_id="spn", client_secret=Secret(SECRET))


@pytest.fixture
async def credentials(
    m2m: DatabricksSettings, http: httpx.AsyncClient, clock: ManualClock
) -> AsyncIterator[Credentials]:
    """Return that principal's credentials."""
    made = create_credentials(m2m, http, clock)
    yield made
    await made.aclose()


async def test_client_secret_is_exchanged_for_a_token(server: ScriptedServer, credentials: Credentials) -> None:
    """OAuth client credentials, as Databricks documents them: HTTP Basic and a form."""
    server.will(says(200, {"access_token": "t-1", "token_type": "Bearer", "expires_in": 3600}))

    assert await credentials.token() == "t-1"

    (received,) = server.received
    assert (received.method, received.target) == ("POST", "/oidc/v1/token")
    assert received.body == b"grant_type=client_credentials&scope=all-apis"
    assert received.headers["content-type"] == "application/x-www-form-urlencoded"
    assert base64.b64decode(received.headers["authorization"].removeprefix("Basic ")) == f"spn:{SECRET}".encode()


@pytest.mark.parametrize(
    ("lifetime", "kept_for"),
    [(3600, 3480), ("3600", 3480), (None, 480), ("soon", 480), (-1, 480), (10**12, 86_400 - 120)],
)
async def test_token_is_kept_as_long_as_it_says(
    server: ScriptedServer, credentials: Credentials, clock: ManualClock, lifetime: object, kept_for: int
) -> None:
    """A lifetime may be text, odd or absent; then ten minutes are assumed."""
    server.will(says(200, {"access_token": "t-1", "expires_in": lifetime}), says(200, {"access_token": "t-2"}))
    await credentials.token()
    clock.advance(kept_for - 1)
    kept = await credentials.token()
    clock.advance(1)

    assert (kept, await credentials.token()) == ("t-1", "t-2")


@pytest.mark.parametrize("trouble", [drops, says(503), says(429)])
async def test_passing_trouble_does_not_fail_a_sign_in(
    server: ScriptedServer, credentials: Credentials, clock: ManualClock, trouble: Action
) -> None:
    """Signing in is tried three times where only an answer is missing."""
    server.will(trouble, trouble, says(200, {"access_token": "t-1"}))

    assert await credentials.token() == "t-1"

    assert len(clock.slept) == 2


@pytest.mark.parametrize(
    ("answer", "words", "attempts"),
    [
        pytest.param(
            says(401, {"error": "invalid_client", "error_description": f"Client {SECRET} failed\n"}),
            r"401 invalid_client Client \*\*\* failed",
            1,
            id="refused",
        ),
        pytest.param(says(400, b"nonsense"), "400", 1, id="no JSON"),
        pytest.param(html(200, "<title>Sign in</title>"), "200", 1, id="login page"),
        pytest.param(says(302, location="/login.html"), "302", 1, id="redirect"),
        pytest.param(says(200, {"access_token": ""}), "200", 1, id="empty token"),
        pytest.param(says(200, {"access_token": ["t"]}), "200", 1, id="odd token"),
        pytest.param(drops, "ServerDisconnectedError", 3, id="no answer"),
        pytest.param(says(500), "500", 3, id="server error"),
    ],
)
async def test_failed_sign_in_says_why(
    server: ScriptedServer, credentials: Credentials, answer: Action, words: str, attempts: int
) -> None:
    """The reason and the settings to look at; never the secret, even when the server repeats it."""
    server.always(answer)

    with pytest.raises(JobsUnauthorised, match=words) as caught:
        await credentials.token()

    assert "DATABRICKS_CLIENT_SECRET" in caught.value.hint
    assert SECRET not in str(caught.value)
    assert len(server.received) == attempts


def in_an_hour() -> str:
    """Return an expiry as App Service writes it, by the machine's clock, for azure-identity has no other."""
    return str(int(time.time()) + 3600)


@pytest.fixture
def managed(
    settings: DatabricksSettings, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> DatabricksSettings:
    """Return settings for a managed identity, in what looks like App Service."""
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{server.url}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", "canary-identity-header")
    return replace(settings, auth_type=AuthType.AZURE_MSI)


async def test_managed_identity_asks_app_service(
    server: ScriptedServer, managed: DatabricksSettings, http: httpx.AsyncClient, clock: ManualClock
) -> None:
    """App Service's own endpoint, for Databricks' resource and a user-assigned identity; expires_on is a string."""
    server.always(
        says(200, {"access_token": "mi-1", "expires_on": in_an_hour(), "resource": RESOURCE, "token_type": "Bearer"})
    )
    credentials = create_credentials(replace(managed, azure_client_id="user-assigned"), http, clock)

    token = await credentials.token()
    await credentials.aclose()

    assert token == "mi-1"
    (received,) = server.received
    assert received.path == "/msi/token"
    assert received.query["resource"] == RESOURCE
    assert received.query["client_id"] == "user-assigned"
    assert received.headers["x-identity-header"] == "canary-identity-header"


async def test_refreshed_managed_identity_asks_again(
    server: ScriptedServer, managed: DatabricksSettings, http: httpx.AsyncClient, clock: ManualClock
) -> None:
    """azure-identity keeps tokens itself; one that Databricks refuses must not come back from there."""
    server.will(
        *(
            says(
                200,
                {"access_token": f"mi-{n}", "expires_on": in_an_hour(), "resource": RESOURCE, "token_type": "Bearer"},
            )
            for n in (1, 2)
        )
    )
    credentials = create_credentials(managed, http, clock)

    first = await credentials.token()
    await credentials.refresh(first)
    second = await credentials.token()
    await credentials.aclose()

    assert (first, second) == ("mi-1", "mi-2")


async def test_missing_managed_identity_says_what_to_do(
    server: ScriptedServer, managed: DatabricksSettings, http: httpx.AsyncClient, clock: ManualClock
) -> None:
    """App Service without an identity answers 400; the operator is told to give it one."""
    server.always(says(400, {"statusCode": 400, "message": "No User Assigned or Delegated Managed Identity found"}))
    credentials = create_credentials(managed, http, clock)

    with pytest.raises(JobsUnauthorised, match="azure-msi") as caught:
        await credentials.token()
    await credentials.aclose()

    assert "managed identity" in caught.value.hint
    assert "canary" not in str(caught.value)


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for az is a shell script")
async def test_developer_login_asks_the_azure_cli(
    settings: DatabricksSettings,
    http: httpx.AsyncClient,
    clock: ManualClock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On a laptop the token is that of `az login`."""
    az = tmp_path / "az"
    answer = json.dumps({"accessToken": "cli-1", "expires_on": EPOCH + 3600, "tokenType": "Bearer"})
    az.write_text(f"#!/bin/sh\necho \"$@\" > '{tmp_path}/asked'\necho '{answer}'\n")
    az.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    credentials = create_credentials(replace(settings, auth_type=AuthType.AZURE_CLI), http, clock)

    token = await credentials.token()
    await credentials.aclose()

    assert token == "cli-1"
    assert RESOURCE in (tmp_path / "asked").read_text()


async def test_laptop_without_login_says_what_to_do(
    settings: DatabricksSettings,
    http: httpx.AsyncClient,
    clock: ManualClock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither az nor azd: one error with both commands in its hint."""
    monkeypatch.setenv("PATH", str(tmp_path))
    credentials = create_credentials(replace(settings, auth_type=AuthType.AZURE_CLI), http, clock)

    with pytest.raises(JobsUnauthorised, match=r"az login.*azd auth login"):
        await credentials.token()
    await credentials.aclose()


class FakeCredential(AbstractAsyncContextManager[Any]):
    """Stands in for a credential of azure-identity: the token's expiry, or an error, is the test's."""

    def __init__(self, outcome: Any) -> None:
        self._outcome = outcome
        self.closed = False

    async def get_token(self, *scopes: str, **_: Any) -> Any:
        """Return the token or raise the error."""
        assert scopes == (f"{RESOURCE}/.default",)
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return self._outcome

    async def close(self) -> None:
        """Remember it."""
        self.closed = True

    async def __aexit__(self, *_: object) -> None:
        await self.close()


@pytest.mark.parametrize(
    ("expires_on", "lifetime"),
    [
        (EPOCH + 3600, timedelta(hours=1)),
        (str(EPOCH + 3600), timedelta(hours=1)),
        ("11/22/2026 13:00:00 +00:00", timedelta(minutes=10)),
        (None, timedelta(minutes=10)),
        (10**18, timedelta(minutes=10)),
    ],
)
async def test_entra_expiry_may_be_text(
    settings: DatabricksSettings, clock: ManualClock, expires_on: object, lifetime: timedelta
) -> None:
    """Epoch seconds as a number or as text; ten minutes are assumed for anything else."""
    token = type("Token", (), {"token": "t", "expires_on": expires_on})()
    credential = FakeCredential(token)
    sign_in = EntraSignIn(settings, clock, create=lambda _: credential)

    access = await sign_in.sign_in()
    await sign_in.aclose()

    assert access.expires_at - START == lifetime
    assert credential.closed


@pytest.mark.parametrize("error", [ValueError, KeyError, OSError, RuntimeError])
async def test_entra_errors_hide_the_client_secret(
    settings: DatabricksSettings, clock: ManualClock, error: type[Exception]
) -> None:
    """Whatever azure-identity raises means "no token"; its text is passed on without the secret."""
    secretive = replace(settings, auth_type=AuthType.AZURE_CLIENT_SECRET, azure_client_secret=Secret(SECRET))
    credential = FakeCredential(error(f"AADSTS7000222: {SECRET}\nexpired"))
    sign_in = EntraSignIn(secretive, clock, create=lambda _: credential)

    with pytest.raises(JobsUnauthorised, match="AADSTS7000222") as caught:
        await sign_in.sign_in()

    assert SECRET not in str(caught.value)
    assert "AZURE_CLIENT_SECRET" in caught.value.hint
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


async def test_service_principal_signs_in_with_entra(settings: DatabricksSettings) -> None:
    """AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET make azure-identity's own credential."""
    from azure.identity.aio import ClientSecretCredential  # noqa: PLC0415 - as late as the service imports it

    principal = replace(
        settings,
        auth_type=AuthType.AZURE_CLIENT_SECRET,
        azure_tenant_id="tenant",
        azure_client_id="client",
        azure_client_secret=Secret(SECRET),
    )

    credential = create_credential(principal)

    assert isinstance(credential, ClientSecretCredential)
    await credential.close()


def test_azure_identity_is_imported_late() -> None:
    """Its import takes 230 ms of a cold start, so importing us, and any credentials not of Entra, goes without."""
    program = """
import asyncio, sys
from shared.clock import SystemClock
from shared.jobs import JobsClient, create_credentials, create_http_client
from shared.secret import Secret
from shared.settings import AuthType, DatabricksSettings

def settings(auth_type):
    none = Secret("")
    return DatabricksSettings(host="http://127.0.0.1", auth_type=auth_type, api_version="2.2", token=Secret("t"),
        client_id="", client_secret=none, azure_tenant_id="", azure_client_id="", azure_client_secret=none)

async def main():
    clock, http = SystemClock(), create_http_client()
    assert await create_credentials(settings(AuthType.PAT), http, clock).token() == "t"
    for auth_type in AuthType:
        JobsClient(http, settings(auth_type), create_credentials(settings(auth_type), http, clock), clock)
    await http.aclose()

asyncio.run(main())
print(sorted(name for name in sys.modules if name == "msal" or name.startswith("azure.")))
"""

    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"

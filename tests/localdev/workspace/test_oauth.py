"""OAuth for machines: the token endpoint, tokens that expire, and Landfall's own way to sign in."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from localdev.workspace.access.oauth import TokenIssuer
from localdev.workspace.scripted_runner import ScriptedRunner
from shared.jobs import create_credentials
from shared.secret import Secret
from shared.settings import AuthType, DatabricksSettings
from tests.localdev.workspace.kit import (
    TOKEN,
    StandingClock,
    Workspace,
    open_workspace,
    sign_in,
    task,
    workspace_settings,
)

CLIENT, SECRET = "3b1c-application", "dose-canary"
FORM = {"grant_type": "client_credentials", "scope": "all-apis"}


@pytest.fixture
async def machines(tmp_path: Path, clock: StandingClock) -> AsyncIterator[Workspace]:
    """Serve a workspace that knows one client."""
    settings = workspace_settings(tmp_path, clients={CLIENT: Secret(SECRET)}, faults=True)
    async with open_workspace(settings, clock=clock, runner=ScriptedRunner()) as workspace:
        yield workspace


async def token_for(workspace: Workspace, client: str = CLIENT, secret: str = SECRET, **form: str) -> httpx.Response:
    """Return the answer to a request for a token."""
    async with httpx.AsyncClient(base_url=workspace.url) as http:
        return await http.post("/oidc/v1/token", data={**FORM, **form}, auth=(client, secret))


async def test_secret_is_exchanged_for_a_token(machines: Workspace) -> None:
    """HTTP Basic and a form; the token is good for an hour, and nobody may keep the answer."""
    answer = await token_for(machines)

    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    said = answer.json()
    assert (said["token_type"], said["expires_in"], said["scope"]) == ("Bearer", 3600, "all-apis")
    listed = await machines.client.get("/api/2.2/jobs/list", headers=sign_in(said["access_token"]))
    assert listed.status_code == 200


async def test_secret_may_stand_in_the_form(machines: Workspace) -> None:
    """The other way of RFC 6749, section 2.3.1."""
    form = {**FORM, "client_id": CLIENT, "client_secret": SECRET}

    answer = await machines.client.post("/oidc/v1/token", data=form, headers={"Authorization": ""})

    assert answer.status_code == 200


@pytest.mark.parametrize(("client", "secret"), [(CLIENT, "wrong"), ("nobody", SECRET), (CLIENT, ""), ("", "")])
async def test_wrong_secrets_are_a_401(machines: Workspace, client: str, secret: str) -> None:
    """As OAuth words it, and without a hint which of both was wrong."""
    answer = await token_for(machines, client, secret)

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert answer.headers["www-authenticate"].startswith("Basic")
    assert SECRET not in answer.text


@pytest.mark.parametrize(
    ("form", "error"),
    [({"grant_type": "password"}, "unsupported_grant_type"), ({"scope": "offline_access"}, "invalid_scope")],
)
async def test_other_requests_are_a_400(machines: Workspace, form: dict[str, str], error: str) -> None:
    """https://www.rfc-editor.org/rfc/rfc6749#section-5.2."""
    answer = await token_for(machines, **form)

    assert (answer.status_code, answer.json()["error"]) == (400, error)


async def test_expired_token_is_a_403(machines: Workspace, clock: StandingClock) -> None:
    """https://github.com/databricks/databricks-sdk-go/issues/1061: with a number for a code, and no 401."""
    token = (await token_for(machines)).json()["access_token"]
    clock.advance(seconds=3599)
    before = await machines.client.get("/api/2.2/jobs/list", headers=sign_in(token))
    clock.advance(seconds=1)

    after = await machines.client.get("/api/2.2/jobs/list", headers=sign_in(token))

    assert (before.status_code, after.status_code) == (200, 403)
    assert (after.json()["error_code"], after.json()["message"]) == (403, "JWT has expired")


async def test_tokens_can_be_made_to_expire_now(machines: Workspace) -> None:
    """A fault on request: what was given is expired, what is given afterwards is not."""
    old = (await token_for(machines)).json()["access_token"]
    await machines.client.post("/__workspace/faults", json={"expire_tokens": True})
    new = (await token_for(machines)).json()["access_token"]

    answers = [await machines.client.get("/api/2.2/jobs/list", headers=sign_in(token)) for token in (old, new)]

    assert [each.status_code for each in answers] == [403, 200]
    assert answers[0].json()["message"] == "JWT has expired"


async def test_token_outlives_a_restart(tmp_path: Path, clock: StandingClock) -> None:
    """A client need not notice that the server was away, unless its secret is gone."""
    known = workspace_settings(tmp_path, clients={CLIENT: Secret(SECRET)})
    async with open_workspace(known, clock=clock, runner=ScriptedRunner()) as before:
        token = (await token_for(before)).json()["access_token"]
    async with open_workspace(known, clock=clock, runner=ScriptedRunner()) as after:
        same = await after.client.get("/api/2.2/jobs/list", headers=sign_in(token))
    async with open_workspace(workspace_settings(tmp_path), clock=clock, runner=ScriptedRunner()) as without:
        gone = await without.client.get("/api/2.2/jobs/list", headers=sign_in(token))

    assert (same.status_code, gone.status_code) == (200, 403)
    assert gone.json()["message"] == "Invalid access token."


async def test_service_principal_needs_permissions(machines: Workspace) -> None:
    """It is no admin: a job must be granted to it by its application id."""
    job_id = await machines.create(task("quick"))
    token = (await token_for(machines)).json()["access_token"]
    before = await machines.client.post("/api/2.2/jobs/run-now", json={"job_id": job_id}, headers=sign_in(token))
    acl = [{"service_principal_name": CLIENT, "permission_level": "CAN_MANAGE_RUN"}]
    await machines.client.patch(f"/api/2.0/permissions/jobs/{job_id}", json={"access_control_list": acl})

    after = await machines.client.post("/api/2.2/jobs/run-now", json={"job_id": job_id}, headers=sign_in(token))

    assert (before.status_code, after.status_code) == (403, 200)
    assert f'User "{CLIENT}" does not have' in before.json()["message"]


async def test_discovery_names_the_token_endpoint(machines: Workspace) -> None:
    """The SDK asks for it before it signs in, without a token."""
    async with httpx.AsyncClient(base_url=machines.url) as stranger:
        answer = await stranger.get("/oidc/.well-known/oauth-authorization-server")

    assert answer.json()["token_endpoint"] == f"{machines.url}/oidc/v1/token"


async def test_landfall_signs_in_with_its_own_credentials(machines: Workspace, clock: StandingClock) -> None:
    """The deployed app's client fetches a token here as it does in the cloud, and a new one when it is refused."""
    settings = DatabricksSettings(
        host=machines.url,
        api_version="2.2",
        auth_type=AuthType.OAUTH_M2M,
        token=Secret(""),
        client_id=CLIENT,
        client_secret=Secret(SECRET),
        azure_tenant_id="",
        azure_client_id="",
        azure_client_secret=Secret(""),
    )
    async with httpx.AsyncClient() as http:
        credentials = create_credentials(settings, http, clock)
        first = await credentials.token()
        await machines.client.post("/__workspace/faults", json={"expire_tokens": True})
        refused = await http.get(f"{machines.url}/api/2.2/jobs/list", headers=sign_in(first))
        await credentials.refresh(first)
        second = await credentials.token()
        accepted = await http.get(f"{machines.url}/api/2.2/jobs/list", headers=sign_in(second))

    assert (refused.status_code, accepted.status_code) == (403, 200)


@given(st.text(), st.binary(), st.integers(min_value=0, max_value=500))
def test_forged_tokens_are_nobodys(text: str, junk: bytes, place: int) -> None:
    """Any text, and a real token with any part of it changed, is refused and never a crash."""
    issuer = TokenIssuer({CLIENT: Secret(SECRET)}, Secret(TOKEN), StandingClock())
    other = TokenIssuer({CLIENT: Secret(SECRET)}, Secret("another workspace"), StandingClock())
    token = issuer.issue(CLIENT)
    header, _, signature = token.split(".")
    at = place % len(token)
    changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
    unsigned = f"{header}.{base64.urlsafe_b64encode(junk).decode()}.{signature}"

    assert issuer.client_of(token) == CLIENT
    assert [issuer.client_of(each) for each in (text, changed, unsigned, other.issue(CLIENT))] == [None] * 4

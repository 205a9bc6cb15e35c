"""Who is let in, what is answered to what is not an endpoint, and how errors are worded; over real HTTP."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from localdev.workspace.api.api_table import ENDPOINTS
from localdev.workspace.scripted_runner import ScriptedRunner
from tests.localdev.workspace.kit import TOKEN, Workspace, job, open_workspace, sign_in, workspace_settings


async def test_missing_credential_is_a_401(served: Workspace) -> None:
    """The error code is a number, as the cloud's is."""
    async with httpx.AsyncClient(base_url=served.url) as stranger:
        answer = await stranger.get("/api/2.2/jobs/list")

    assert answer.status_code == 401
    assert answer.json()["error_code"] == 401
    assert answer.json()["message"] == "Credential was not sent or was of an unsupported type for this API."


@pytest.mark.parametrize("header", [f"Basic {TOKEN}", "Bearer", TOKEN])
async def test_other_credentials_are_a_401(scripted: Workspace, header: str) -> None:
    """Only a bearer token is a credential here."""
    answer = await scripted.client.get("/api/2.2/jobs/list", headers={"Authorization": header})

    assert answer.status_code == 401


@pytest.mark.parametrize("token", ["dapi-other", f"{TOKEN}x", TOKEN[:-1], "é"])
async def test_wrong_token_is_a_403(scripted: Workspace, token: str) -> None:
    """https://github.com/databricks/databricks-sdk-go/issues/1061."""
    answer = await scripted.client.get("/api/2.2/jobs/list", headers={b"Authorization": f"Bearer {token}".encode()})

    assert answer.status_code == 403
    assert (answer.json()["error_code"], answer.json()["message"]) == (403, "Invalid access token.")


async def test_every_answer_names_workspace_and_request(served: Workspace) -> None:
    """Both headers are there on success and on failure, and the request's id is another one each time."""
    good = await served.get("list")
    bad = await served.get("get", job_id=1)

    assert good.headers["x-databricks-org-id"] == bad.headers["x-databricks-org-id"] == "1234567890123456"
    assert good.headers["x-request-id"] != bad.headers["x-request-id"]
    assert bad.json()["details"][0]["request_id"] == bad.headers["x-request-id"]


@pytest.mark.parametrize("path", ["/api/2.3/jobs/list", "/api/1.2/jobs/list", "/api/2.2/sql/endpoints", "/api/x"])
async def test_unknown_apis_are_bad_targets(scripted: Workspace, path: str) -> None:
    """https://github.com/apache/airflow/issues/60444: a 404 without an error code."""
    answer = await scripted.client.get(path)

    assert (answer.status_code, answer.json()) == (404, {"error": f"Bad Target: {path}"})


async def test_version_can_be_left_out(tmp_path: Path) -> None:
    """A workspace without API 2.2 lets a client prove its way back to 2.1."""
    settings = workspace_settings(tmp_path, api_versions=("2.1",))
    async with open_workspace(settings, runner=ScriptedRunner()) as old:
        new = await old.post("create", job())
        former = await old.post("create", job(), version="2.1")

    assert (new.status_code, new.json()) == (404, {"error": "Bad Target: /api/2.2/jobs/create"})
    assert former.status_code == 200


@pytest.mark.parametrize(("method", "path"), [("GET", "jobs/nothing"), ("GET", "jobs/run-now"), ("POST", "jobs/get")])
async def test_unknown_endpoints_have_their_own_404(scripted: Workspace, method: str, path: str) -> None:
    """This one has an error code, so that a client can tell it from a missing version."""
    answer = await scripted.client.request(method, f"/api/2.2/{path}")

    assert answer.status_code == 404
    assert answer.json()["error_code"] == "ENDPOINT_NOT_FOUND"
    assert answer.json()["message"] == f"No API found for '{method} /{path}'"


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b'"x"', b'{"job_id": NaN}', b"\xff", b'{"job_id": "\\ud800"}', b"[" * 100_000, b'{"job_id": 1e999}'],
    ids=lambda body: body[:12].decode("latin-1"),
)
async def test_unreadable_bodies_are_malformed(scripted: Workspace, body: bytes) -> None:
    """What is no JSON object is a 400 and never a crash."""
    answer = await scripted.client.post("/api/2.2/jobs/run-now", content=body)

    assert (answer.status_code, answer.json()["error_code"]) == (400, "MALFORMED_REQUEST")
    assert answer.json()["message"].startswith("Could not parse request object: ")


async def test_requests_have_a_size_limit(served: Workspace) -> None:
    """https://docs.databricks.com/aws/en/reference/jobs-2.0-api: 10 MB."""
    answer = await served.client.post("/api/2.2/jobs/create", content=b" " * (10 * 1024 * 1024 + 1))

    assert answer.status_code == 400
    assert "larger than" in answer.json()["message"]


async def test_fault_of_ours_is_a_500(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug is answered in the usual envelope, and tells nothing of our insides."""

    def broken(*_: object) -> dict[str, str]:
        raise ZeroDivisionError("secret details")

    monkeypatch.setitem(ENDPOINTS, ("GET", "jobs/list"), broken)
    async with open_workspace(workspace_settings(tmp_path), runner=ScriptedRunner()) as workspace:
        answer = await workspace.get("list")

    assert (answer.status_code, answer.json()["error_code"]) == (500, "INTERNAL_ERROR")
    assert "secret" not in answer.text


async def test_host_metadata_needs_no_token(served: Workspace) -> None:
    """The SDK asks for it before it signs in."""
    async with httpx.AsyncClient(base_url=served.url) as stranger:
        answer = await stranger.get("/.well-known/databricks-config")

    assert answer.json() == {"oidc_endpoint": f"{served.url}/oidc", "workspace_id": "1234567890123456"}


async def test_fault_requests_are_off_by_default(served: Workspace) -> None:
    """Nobody can plan faults unless the owner asked for it."""
    answer = await served.client.post("/__workspace/faults", json={"pattern": "*"}, headers=sign_in(TOKEN))

    assert answer.status_code == 404


async def test_oldest_version_is_still_answered(scripted: Workspace) -> None:
    """API 2.0 has the same endpoints, with the defaults and the paging of 2.1."""
    job_id = await scripted.create(version="2.0")
    run = await scripted.post("run-now", {"job_id": job_id}, version="2.0")

    view = (await scripted.get("get", job_id=job_id, version="2.0")).json()
    runs = (await scripted.get("runs/list", version="2.0")).json()

    assert "queue" not in view["settings"]
    assert ([each["run_id"] for each in runs["runs"]], runs["has_more"]) == ([run.json()["run_id"]], False)

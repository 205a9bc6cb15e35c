"""From HTTP to endpoints and back: who may come in, which endpoint is meant, and how errors are worded."""

from __future__ import annotations

import hmac
import json
import logging
import uuid
from typing import TYPE_CHECKING, Any, NoReturn

from starlette.responses import JSONResponse

from localdev.workspace import errors, faults, job_endpoints, repair_endpoint, run_endpoints
from localdev.workspace.endpoint import Call, Core, Endpoint
from localdev.workspace.errors import ApiError
from localdev.workspace.faults import FaultPlan
from localdev.workspace.json_fields import Document
from localdev.workspace.settings import WorkspaceSettings
from localdev.workspace.views import Workspace

if TYPE_CHECKING:
    from starlette.requests import Request

LARGEST_REQUEST = 10 * 1024 * 1024  # bytes. https://docs.databricks.com/aws/en/reference/jobs-2.0-api

ENDPOINTS: dict[tuple[str, str], Endpoint] = {
    ("POST", "jobs/create"): job_endpoints.create,
    ("GET", "jobs/get"): job_endpoints.get,
    ("GET", "jobs/list"): job_endpoints.list_all,
    ("POST", "jobs/reset"): job_endpoints.reset,
    ("POST", "jobs/delete"): job_endpoints.delete,
    ("POST", "jobs/run-now"): run_endpoints.run_now,
    ("GET", "jobs/runs/get"): run_endpoints.get,
    ("GET", "jobs/runs/list"): run_endpoints.list_all,
    ("GET", "jobs/runs/get-output"): run_endpoints.get_output,
    ("POST", "jobs/runs/cancel"): run_endpoints.cancel,
    ("POST", "jobs/runs/delete"): run_endpoints.delete,
    ("POST", "jobs/runs/repair"): repair_endpoint.repair,
}
NOT_HERE_YET = frozenset(
    {
        ("POST", "jobs/update"),
        ("POST", "jobs/runs/submit"),
        ("POST", "jobs/runs/cancel-all"),
        ("GET", "jobs/runs/export"),
    }
)


class Door:
    """Answers every request to /api."""

    def __init__(self, core: Core, settings: WorkspaceSettings, plan: FaultPlan) -> None:
        self._core = core
        self._plan = plan
        self._settings = settings

    async def api(self, request: Request) -> JSONResponse:
        """Answer a request to the Jobs API."""
        request_id = str(uuid.uuid4())
        try:
            self._let_in(request)
            answer, status = await self._answer(request), 200
        except ApiError as error:
            answer, status = _envelope(error, request_id), error.status
        except Exception:
            logging.getLogger("landfall").exception("workspace.request_failed")
            fault = ApiError(500, "INTERNAL_ERROR", "The local workspace failed: its log says why.")
            answer, status = _envelope(fault, request_id), fault.status
        headers = {"X-Databricks-Org-Id": str(self._settings.organisation), "X-Request-Id": request_id}
        return JSONResponse(answer, status, headers)

    async def host_metadata(self, request: Request) -> JSONResponse:
        """Tell an SDK about the host; asked before it signs in.

        https://github.com/databricks/databricks-sdk-py, databricks/sdk/oauth.py (get_host_metadata)
        """
        base_url = _base_url(request)
        return JSONResponse({"oidc_endpoint": f"{base_url}/oidc", "workspace_id": str(self._settings.organisation)})

    async def faults(self, request: Request) -> JSONResponse:
        """Plan a fault (POST) or drop all planned ones (DELETE); only there when the owner asked for faults."""
        try:
            self._let_in(request)
            if request.method == "DELETE":
                self._plan.clear()
            else:
                self._plan.add(faults.read(await read_body(request)))
        except ApiError as error:
            return JSONResponse(_envelope(error, str(uuid.uuid4())), error.status)
        return JSONResponse({})

    def _let_in(self, request: Request) -> None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise errors.no_credential()
        if not hmac.compare_digest(token.strip().encode(), self._settings.token.reveal().encode()):
            raise errors.wrong_credential()

    async def _answer(self, request: Request) -> Document:
        version, _, path = request.url.path.removeprefix("/api/").partition("/")
        if version not in self._settings.api_versions or not path.startswith("jobs/"):
            raise errors.bad_target(request.url.path)
        if (request.method, path) in NOT_HERE_YET:
            raise errors.endpoint_not_supported(request.method, request.url.path)
        endpoint = ENDPOINTS.get((request.method, path))
        if endpoint is None:
            raise errors.no_endpoint(request.method, f"/{path}")
        workspace = Workspace(base_url=_base_url(request), organisation=self._settings.organisation)
        body = await read_body(request) if request.method == "POST" else {}
        return endpoint(self._core, Call(version=version, query=request.query_params, body=body, workspace=workspace))


async def read_body(request: Request) -> Document:
    """Return a request's JSON object, empty when there is no body; raises ApiError."""
    parts = []
    size = 0
    async for part in request.stream():
        parts.append(part)
        size += len(part)
        if size > LARGEST_REQUEST:
            raise errors.invalid(f"The request is larger than {LARGEST_REQUEST} bytes.")
    text = b"".join(parts)
    return _parsed(text) if text.strip() else {}


def _parsed(text: bytes) -> Document:
    try:
        body = json.loads(text, parse_constant=_no_constant)
        json.dumps(body, ensure_ascii=False).encode()  # half a surrogate pair has no place in a file
    except (ValueError, RecursionError) as error:
        raise errors.malformed(f"invalid JSON given in the body of the request: {error}") from error
    if not isinstance(body, dict):
        raise errors.malformed("Expected object for the body of the request")
    return body


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _base_url(request: Request) -> str:
    return str(request.base_url).rstrip("/")


def _envelope(error: ApiError, request_id: str) -> Document:
    if error.error_code is None:
        return {"error": error.message}
    detail: dict[str, Any] = {
        "@type": "type.googleapis.com/google.rpc.RequestInfo",
        "request_id": request_id,
        "serving_data": "",
    }
    return {"error_code": error.error_code, "message": error.message, "details": [detail]}

"""From HTTP to endpoints and back: who may come in, which endpoint is meant, and how errors are worded."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Mapping
from http import HTTPStatus
from itertools import chain
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from starlette.responses import JSONResponse, Response

from localdev.workspace import errors, faults
from localdev.workspace.access import oauth
from localdev.workspace.access.identity import Identity
from localdev.workspace.access.sign_in import SignIn
from localdev.workspace.api import api_table, multipart
from localdev.workspace.api.endpoint import Call, Download, Endpoint
from localdev.workspace.api.rate_limits import RETRY_AFTER, RateLimits
from localdev.workspace.api.views import Workspace
from localdev.workspace.core import Core
from localdev.workspace.errors import ApiError, OAuthError
from localdev.workspace.faults import FaultPlan
from localdev.workspace.json_fields import Document, Fields, finite
from localdev.workspace.runners import planned_outcomes
from localdev.workspace.settings import WorkspaceSettings

if TYPE_CHECKING:
    from starlette.requests import Request

LARGEST_REQUEST = 10 * 1024 * 1024  # bytes. https://docs.databricks.com/aws/en/reference/jobs-2.0-api
LARGEST_IMPORT = 2 * LARGEST_REQUEST  # bytes: a file of 10 MB as Base64, which is larger by a third
DEEPEST = 100  # ours: what is kept has to be read again, wherever Python's own limit is by then
LONGEST_MESSAGE = 4096  # characters: an error repeats what was sent, and that may be megabytes


class Door:
    """Answers every request to /api and /oidc."""

    def __init__(self, core: Core, settings: WorkspaceSettings, plan: FaultPlan) -> None:
        self._core = core
        self._plan = plan
        self._settings = settings
        self._issuer = oauth.TokenIssuer(settings.clients, settings.token, core.clock)
        self._sign_in = SignIn(settings, self._issuer)
        self._rates = RateLimits(core.clock) if settings.rate_limits else None

    async def api(self, request: Request) -> Response:
        """Answer a request to one of the APIs."""
        request_id = str(uuid.uuid4())
        headers = {"X-Databricks-Org-Id": str(self._settings.organisation), "X-Request-Id": request_id}
        try:
            answer = await self._answer(request, self._caller(request))
            return _download(answer, headers) if isinstance(answer, Download) else JSONResponse(answer, 200, headers)
        except ApiError as error:
            if error.status == HTTPStatus.TOO_MANY_REQUESTS:
                headers["Retry-After"] = RETRY_AFTER
            return JSONResponse(_envelope(error, request_id), error.status, headers)
        except Exception:
            logging.getLogger("landfall").exception("workspace.request_failed")
            fault = ApiError(500, "INTERNAL_ERROR", "The local workspace failed: its log says why.")
            return JSONResponse(_envelope(fault, request_id), fault.status, headers)

    async def host_metadata(self, request: Request) -> JSONResponse:
        """Tell an SDK about the host; asked before it signs in.

        https://github.com/databricks/databricks-sdk-py, databricks/sdk/oauth.py (get_host_metadata)
        """
        base_url = _base_url(request)
        return JSONResponse({"oidc_endpoint": f"{base_url}/oidc", "workspace_id": str(self._settings.organisation)})

    async def oauth_metadata(self, request: Request) -> JSONResponse:
        """Tell a client where it gets its tokens."""
        return JSONResponse(oauth.metadata(_base_url(request)))

    async def token(self, request: Request) -> JSONResponse:
        """Give a client an access token for its secret."""
        headers = {"Cache-Control": "no-store"}
        try:
            body = await _read(request, LARGEST_REQUEST)
            return JSONResponse(self._issuer.answer(_authorization(request), body), 200, headers)
        except OAuthError as error:
            if error.status == HTTPStatus.UNAUTHORIZED:
                headers["WWW-Authenticate"] = 'Basic realm="oidc"'
            said = {"error": error.error, "error_description": error.description}
            return JSONResponse(said, error.status, headers)
        except ApiError as error:
            return JSONResponse({"error": "invalid_request", "error_description": str(error)}, error.status, headers)

    async def faults(self, request: Request) -> JSONResponse:
        """Plan a fault (POST) or drop all planned ones (DELETE); only there when the owner asked for faults."""
        try:
            if not self._caller(request).is_admin:
                raise errors.wrong_credential()
            if request.method == "DELETE":
                self._plan.clear()
            else:
                self._plan_fault(await read_body(request))
        except ApiError as error:
            return JSONResponse(_envelope(error, str(uuid.uuid4())), error.status)
        return JSONResponse({})

    def _plan_fault(self, document: Document) -> None:
        if Fields(document).flag("expire_tokens"):
            self._issuer.expire_all()
        elif "outcome" in document:
            self._plan.outcomes.add(planned_outcomes.read(document))
        else:
            self._plan.add(faults.read(document))

    def _caller(self, request: Request) -> Identity:
        return self._sign_in.of(_authorization(request))

    async def _answer(self, request: Request, caller: Identity) -> Document | Download:
        version, _, path = request.url.path.removeprefix("/api/").partition("/")
        name, endpoint, in_path = self._endpoint(request.method, version, path)
        if self._rates is not None:
            self._rates.take(name)
        workspace = Workspace(base_url=_base_url(request), organisation=self._settings.organisation)
        self._core.scheduler.reached_at(workspace.base_url)
        largest = LARGEST_IMPORT if path == "workspace/import" else LARGEST_REQUEST
        call = Call(
            version=version,
            query=request.query_params,
            body={} if request.method == "GET" else await read_body(request, largest),
            workspace=workspace,
            caller=caller,
            path=in_path,
        )
        return endpoint(self._core, call)

    def _endpoint(self, method: str, version: str, path: str) -> tuple[api_table.Name, Endpoint, Mapping[str, str]]:
        """Return an endpoint's name, itself and what stands in its path; raises ApiError where there is none."""
        if path.startswith("jobs/") and version in self._settings.api_versions:
            endpoint = api_table.ENDPOINTS.get((method, path))
            if endpoint is None:
                raise errors.no_endpoint(method, f"/{path}")
            return (method, path), endpoint, {}
        found = api_table.find(method, path) if version == api_table.OTHERS_VERSION else None
        if found is None:
            raise errors.bad_target(f"/api/{version}/{path}" if path else f"/api/{version}")
        return found[0], api_table.OTHER_ENDPOINTS[found[0]], found[1]


async def read_body(request: Request, largest: int = LARGEST_REQUEST) -> Document:
    """Return a request's JSON object or the fields of its form, empty when there is no body; raises ApiError."""
    text = await _read(request, largest)
    content_type = request.headers.get("content-type", "")
    if content_type.lower().startswith("multipart/form-data"):
        return multipart.read(content_type, text)
    return _parsed(text) if text.strip() else {}


async def _read(request: Request, largest: int) -> bytes:
    parts = []
    size = 0
    async for part in request.stream():
        parts.append(part)
        size += len(part)
        if size > largest:
            raise errors.invalid(f"The request is larger than {largest} bytes.")
    return b"".join(parts)


def _parsed(text: bytes) -> Document:
    try:
        body = json.loads(text, parse_constant=finite, parse_float=finite)
        json.dumps(body, ensure_ascii=False).encode()  # half a surrogate pair has no place in a file
    except (ValueError, RecursionError) as error:
        raise errors.malformed(f"invalid JSON given in the body of the request: {error}") from error
    if not isinstance(body, dict):
        raise errors.malformed("Expected object for the body of the request")
    if _is_too_deep(body):
        raise errors.malformed(f"the body of the request is nested more than {DEEPEST} deep")
    return body


def _is_too_deep(body: Document) -> bool:
    level: list[Any] = [body]
    for _ in range(DEEPEST):
        inner = (each.values() if isinstance(each, dict) else each for each in level if isinstance(each, dict | list))
        level = list(chain.from_iterable(inner))
    return bool(level)


def _authorization(request: Request) -> str:
    return request.headers.get("authorization", "")


def _download(answer: Download, headers: Mapping[str, str]) -> Response:
    disposition = f"attachment; filename*=UTF-8''{quote(answer.name)}"
    return Response(
        answer.content, 200, {**headers, "Content-Disposition": disposition}, media_type="application/octet-stream"
    )


def _base_url(request: Request) -> str:
    return str(request.base_url).rstrip("/")


def _envelope(error: ApiError, request_id: str) -> Document:
    message = error.message
    if len(message) > LONGEST_MESSAGE:
        message = f"{message[:LONGEST_MESSAGE]}…"
    if error.error_code is None:
        return {"error": message}
    detail: dict[str, Any] = {
        "@type": "type.googleapis.com/google.rpc.RequestInfo",
        "request_id": request_id,
        "serving_data": "",
    }
    return {"error_code": error.error_code, "message": message, "details": [detail]}

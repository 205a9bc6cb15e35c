"""Between HTTP and the worker: a request as its trigger's datum, and an answer from what the function returned."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from localdev.functions_host.datums import http_datum

if TYPE_CHECKING:
    from azure.functions.meta import Datum
    from starlette.requests import Request

# https://github.com/Azure/azure-functions-host, WebJobs.Script/ScriptConstants.cs
DEFAULT_BODY_LIMIT = 104_857_600
_BODILESS = frozenset({204, 205, 304})


class BodyTooLarge(ValueError):
    """The request's body is longer than FUNCTIONS_REQUEST_BODY_SIZE_LIMIT, or the host's own limit."""


class AnswerUnusable(ValueError):
    """What the function returned cannot be sent as an HTTP answer."""


def body_limit(setting: str | None) -> int:
    """Return how many bytes FUNCTIONS_REQUEST_BODY_SIZE_LIMIT allows a body to have, 100 MiB when it is no number."""
    try:
        return max(0, int(setting or "")) or DEFAULT_BODY_LIMIT
    except ValueError:
        return DEFAULT_BODY_LIMIT


async def read_body(request: Request, limit: int) -> bytes:
    """Return a request's body; raises BodyTooLarge as soon as it proves longer than `limit` bytes."""
    if int(request.headers.get("content-length", "0")) > limit:
        raise BodyTooLarge
    parts, length = [], 0
    async for part in request.stream():
        length += len(part)
        if length > limit:
            raise BodyTooLarge
        parts.append(part)
    return b"".join(parts)


def request_datum(request: Request, parameters: Mapping[str, str], body: bytes) -> Datum:
    """Return the datum of a request: a header or query name given twice has its values joined by commas.

    A body without a Content-Length is not passed on, as the host's ToRpcHttp has it.
    """
    return http_datum(
        request.method,
        str(request.url),
        headers=_joined(request.headers.items()),
        query=_joined(request.query_params.multi_items()),
        parameters=parameters,
        body=body if "content-length" in request.headers else b"",
    )


def answer(returned: Datum | None) -> Response:
    """Return the HTTP answer for what a function returned; raises AnswerUnusable."""
    if returned is None or returned.type is None:
        return Response()
    if returned.type == "http":
        return _http_answer(returned.value)
    return _plain_answer(returned)


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return one value per name, whatever its case, under the name as it came first."""
    names: dict[str, str] = {}
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(names.setdefault(name.lower(), name), []).append(value)
    return {name: ",".join(each) for name, each in values.items()}


def _http_answer(value: Mapping[str, Any]) -> Response:
    status = int(value["status_code"].value)
    if not 200 <= status <= 999:
        raise AnswerUnusable(f"{status} is no status that an answer can have")
    body = b"" if status in _BODILESS else value["body"].value
    response = Response(body, status_code=status)
    for name, header in value["headers"].items():
        if name.lower() != "content-length":  # ours to reckon
            response.headers[_clean(name)] = _clean(str(header.value))
    for cookie in value.get("cookies") or ():
        _add_cookies(response, cookie)
    return response


def _plain_answer(returned: Datum) -> Response:
    if returned.type == "bytes":
        return Response(returned.value, media_type="application/octet-stream")
    text = str(returned.value)
    try:
        is_json = isinstance(json.loads(text), dict | list)
    except ValueError:
        is_json = False
    return Response(text, media_type="application/json" if is_json else "text/plain")


def _add_cookies(response: Response, cookie: SimpleCookie) -> None:
    for morsel in cookie.values():
        response.headers.append("set-cookie", _clean(morsel.OutputString()))


def _clean(text: str) -> str:
    if any(ord(character) < 32 and character != "\t" for character in text) or not text.isascii():
        raise AnswerUnusable("a header holds a control character or one outside ASCII")
    return text

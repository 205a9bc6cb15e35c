"""Answers of Azure Storage that we fetch through the pipelines of the SDK's clients and decode by ourselves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http.client import HTTPException
from typing import Any

from azure.core.exceptions import AzureError, HttpResponseError, IncompleteReadError, ServiceResponseError

# What the decoders of the SDKs raise at a body that is not the service's, such as an empty one, half of one or a login
# page: what the standard library's parsers raise (a ParseError of XML is a SyntaxError), assertions, and plain slips.
UNREADABLE = (HTTPException, SyntaxError, AssertionError, ValueError, LookupError, AttributeError, TypeError)
UNREADABLE_HINT = "If a proxy stands between us and the storage account, look at what it does to answers."
# The SDK's retries end where the body begins; a connection that breaks in a body costs another request.
_BODY_TRIES = 3


async def whole_answer(ask: Callable[[], Awaitable[Any]]) -> Any:
    """Return an answer with its whole body, whatever its status; `ask` sends the request and streams the answer.

    Raises what the SDK raises, also when the body breaks off each time.
    """
    for left in reversed(range(_BODY_TRIES)):
        response = await ask()
        try:
            async with response:
                await response.read()
            break
        except IncompleteReadError as error:  # an HttpResponseError without a response: not what happened
            failure: AzureError = ServiceResponseError("the answer ended too early", error=error)
        except AzureError as error:
            failure = error
        if not left:
            raise failure
    return response


def refusal(response: Any, code_in_body: str | None) -> HttpResponseError:
    """Return an answer that refuses as the error that the SDK would make of it."""
    error = HttpResponseError(response=response)
    error.error_code = response.headers.get("x-ms-error-code") or code_in_body  # type: ignore[attr-defined]  # where the SDK's own storage errors have it
    return error


def told(service: str, error: HttpResponseError) -> str:
    """Return what a service answered, for people; the kind of error where nothing was asked."""
    if error.status_code is None:  # our identity gave no token
        return type(error).__name__
    code = getattr(error, "error_code", None) or error.reason
    return f"{service} answered {error.status_code} {getattr(code, 'value', code)}"  # some codes are an Enum

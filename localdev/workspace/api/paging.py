"""Page tokens: opaque to clients, and the place where the next page begins, so that new rows move nothing."""

from __future__ import annotations

import base64
import json
import zlib

from localdev.workspace.errors import ApiError, invalid
from localdev.workspace.json_fields import LARGEST_ID, Document

FROM_THE_START = (LARGEST_ID, LARGEST_ID)


def token_of(place: tuple[int, ...]) -> str:
    """Return the token for the page after `place`."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


def place_of(token: str, length: int) -> tuple[int, ...]:
    """Return the place of a token that `token_of` made of that many numbers; raises ApiError for anything else."""
    try:
        place = json.loads(base64.b64decode(token.encode(), altchars=b"-_", validate=True))
    except (ValueError, RecursionError) as error:
        raise _unknown(token) from error
    if not isinstance(place, list) or len(place) != length:
        raise _unknown(token)
    if not all(type(number) is int and 0 <= number <= LARGEST_ID for number in place):
        raise _unknown(token)
    return tuple(place)


def size_of(limit: int, token: str, *, short: bool) -> int:
    """Return how many elements the page of a token holds: `limit`, or where pages come short any number up to that.

    The cloud's do, 21 runs where 25 were asked for and more were there: only a missing next_page_token ends a list.
    The same page always has the same size.
    """
    return limit - zlib.crc32(f"{limit} {token}".encode()) % limit if short else limit


def page_view(name: str, shown: list[Document], place: tuple[int, ...] | None, version: str) -> Document:
    """Return a page of a list: without its array when that is empty; `has_more` ended with API 2.1.

    https://github.com/databricks/databricks-cli/issues/172, https://github.com/apache/airflow/issues/59189
    """
    view: Document = {name: shown} if shown else {}
    if version != "2.2":
        view["has_more"] = place is not None
    return view if place is None else {**view, "next_page_token": token_of(place)}


def _unknown(token: str) -> ApiError:
    return invalid(f"page_token {token[:100]!r} is none that this workspace gave.")

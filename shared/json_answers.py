"""What the doors of HTTP answer as JSON: what was asked for, or what is wrong with it, or with us."""

from __future__ import annotations

import json
from collections.abc import Awaitable

from shared.errors import LandfallError, RequestError


async def json_answer(work: Awaitable[tuple[object, int]]) -> tuple[str, int]:
    """Return the text and the status of an answer: 400 with every fault of a request, 503 for what is not its fault."""
    try:
        body, status = await work
    except RequestError as error:
        body, status = {"errors": error.faults, "hint": error.hint}, 400
    except LandfallError as error:
        body, status = {"error": error.message, "hint": error.hint}, 503
    return json.dumps(body), status

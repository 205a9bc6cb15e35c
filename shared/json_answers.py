"""What the doors of HTTP answer as JSON: what was asked for, or what is wrong with it, or with us."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Mapping

from shared.door_failures import unexpected
from shared.errors import LandfallError, RequestError, RequestForeign, RequestTooLarge
from shared.redaction import redacted

# Answers are about one moment and for one reader: nobody keeps them, and no browser takes them for a page.
HEADERS: Mapping[str, str] = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


async def json_answer(door: str, work: Awaitable[tuple[object, int]]) -> tuple[str, int]:
    """Return the text and the status of an answer; HEADERS belong to each.

    400 with every fault of a request (403 for one of another site, 413 for one that is too long), 503 for what is not
    its fault, and 500 for a defect, of which the log alone tells more. Never raises.
    """
    try:
        body, status = await work
    except RequestError as error:
        body, status = {"errors": error.faults, "hint": error.hint}, _status(error)
    except LandfallError as error:
        body, status = _told(error), 503
    except Exception as error:  # noqa: BLE001 - whatever it is, its text is not for everybody
        body, status = _told(unexpected(door, error)), 500
    return json.dumps(body), status


def _status(error: RequestError) -> int:
    match error:
        case RequestForeign():
            return 403
        case RequestTooLarge():
            return 413
    return 400


def _told(error: LandfallError) -> dict[str, str]:
    return {"error": redacted(error.message), "hint": redacted(error.hint)}

"""Door: GET /api/status -> status. For people, dashboards and monitors; wants a function key."""

from __future__ import annotations

import azure.functions as func

from shared import wiring
from shared.durations import parse_duration
from shared.json_answers import HEADERS, json_answer

http_status_door = func.Blueprint()


@http_status_door.route(route="status", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
async def http_status(req: func.HttpRequest) -> func.HttpResponse:
    """Answer what the ledger holds, as JSON; `?window=48h` counts closed entries of that long (24h)."""
    text, code = await json_answer("http_status", _status(req.params.get("window", "24h")))
    return func.HttpResponse(text, status_code=code, mimetype="application/json", headers=HEADERS)


async def _status(window: str) -> tuple[object, int]:
    try:
        length = parse_duration(window)
    except ValueError as error:
        return {"error": f"window: {error}"}, 400
    return (await wiring.service().status.read(length)).as_json(), 200

"""Door: GET and DELETE /api/backfills/{id} -> backfill. For the dashboard and for scripts; wants a function key."""

from __future__ import annotations

import azure.functions as func

from shared import wiring
from shared.json_answers import json_answer

http_backfill_door = func.Blueprint()


@http_backfill_door.route(route="backfills/{id}", methods=["GET", "DELETE"], auth_level=func.AuthLevel.FUNCTION)
async def http_backfill(req: func.HttpRequest) -> func.HttpResponse:
    """Answer one backfill, or call it off; what it has claimed stays claimed, and to call it off twice is harmless."""
    text, code = await json_answer(_answer(req.route_params.get("id", ""), cancels=req.method == "DELETE"))
    return func.HttpResponse(text, status_code=code, mimetype="application/json")


async def _answer(identity: str, *, cancels: bool) -> tuple[object, int]:
    orders = wiring.service().backfill_orders
    found = await (orders.cancel(identity) if cancels else orders.read(identity))
    if found is None:
        return {"error": "There is no backfill of this id.", "hint": "GET /api/backfills lists them."}, 404
    return found.as_json(), 200

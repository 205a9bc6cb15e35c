"""Door: GET and DELETE /api/backfills/{id} -> backfill. For the dashboard and for scripts; wants a function key."""

from __future__ import annotations

import azure.functions as func

from shared import wiring
from shared.json_answers import HEADERS, json_answer
from shared.request_origin import refuse_other_sites

http_backfill_door = func.Blueprint()


@http_backfill_door.route(route="backfills/{id}", methods=["GET", "DELETE"], auth_level=func.AuthLevel.FUNCTION)
async def http_backfill(req: func.HttpRequest) -> func.HttpResponse:
    """Answer one backfill, or call it off; what it has claimed stays claimed, and to call it off twice is harmless."""
    text, code = await json_answer("http_backfill", _answer(req))
    return func.HttpResponse(text, status_code=code, mimetype="application/json", headers=HEADERS)


async def _answer(req: func.HttpRequest) -> tuple[object, int]:
    identity, cancels = req.route_params.get("id", ""), req.method == "DELETE"
    if cancels:
        refuse_other_sites(req.headers)
    orders = wiring.service().backfill_orders
    found = await (orders.cancel(identity) if cancels else orders.read(identity))
    if found is None:
        return {"error": "There is no backfill of this id.", "hint": "GET /api/backfills lists them."}, 404
    return found.as_json(), 200

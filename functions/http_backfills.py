"""Door: GET and POST /api/backfills -> backfill. For the dashboard and for scripts; wants a function key."""

from __future__ import annotations

from datetime import timedelta

import azure.functions as func

from shared import wiring
from shared.backfill_request import read_request
from shared.clock import Deadline
from shared.json_answers import HEADERS, json_answer
from shared.request_origin import refuse_other_sites

http_backfills_door = func.Blueprint()
WINDOW = timedelta(days=30)
# Azure's load balancer gives up after 230 s: https://learn.microsoft.com/azure/azure-functions/functions-scale
SECONDS = 120


@http_backfills_door.route(route="backfills", methods=["GET", "POST"], auth_level=func.AuthLevel.FUNCTION)
async def http_backfills(req: func.HttpRequest) -> func.HttpResponse:
    """Ask for a backfill (202; a dry run answers 200), or list those of 30 days, the newest first."""
    text, code = await json_answer("http_backfills", _asked(req) if req.method == "POST" else _listed())
    return func.HttpResponse(text, status_code=code, mimetype="application/json", headers=HEADERS)


async def _asked(req: func.HttpRequest) -> tuple[object, int]:
    refuse_other_sites(req.headers)
    service = wiring.service()
    request = read_request(req.get_body(), service.clock.now(), "POST /api/backfills")
    if not request.dry_run:
        return (await service.backfill_orders.ask(request)).as_json(), 202
    draft = await service.backfill_orders.draft(request)
    return (await service.backfiller.work(draft, Deadline(service.clock, SECONDS), dry_run=True)).as_json(), 200


async def _listed() -> tuple[object, int]:
    return {"backfills": [each.as_json() for each in await wiring.service().backfill_orders.recent(WINDOW)]}, 200

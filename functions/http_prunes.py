"""Door: POST /api/prunes -> prune. For the dashboard and for scripts; wants a function key."""

from __future__ import annotations

import azure.functions as func

from shared import wiring
from shared.clock import Deadline
from shared.json_answers import HEADERS, json_answer
from shared.prune_request import read_prune_request
from shared.request_origin import refuse_other_sites

http_prunes_door = func.Blueprint()

# Azure's load balancer gives up after 230 s: https://learn.microsoft.com/azure/azure-functions/functions-scale
SECONDS = 120


@http_prunes_door.route(route="prunes", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
async def http_prunes(req: func.HttpRequest) -> func.HttpResponse:
    """Remove what is old and answer what is gone; `complete` is false when there is more than there was time for."""
    text, code = await json_answer("http_prunes", _prunes(req))
    return func.HttpResponse(text, status_code=code, mimetype="application/json", headers=HEADERS)


async def _prunes(req: func.HttpRequest) -> tuple[object, int]:
    refuse_other_sites(req.headers)
    service = wiring.service()
    request = read_prune_request(req.get_body())
    standings = await service.bookkeeping.standings()
    deadline = Deadline(service.clock, SECONDS)
    pruned = await service.pruner.prune(standings, deadline, older_than=request.older_than, dry_run=request.dry_run)
    return pruned.as_json(), 200

"""Door: POST /api/prunes -> prune. For the dashboard and for scripts; wants a function key."""

from __future__ import annotations

import json

import azure.functions as func

from shared import wiring
from shared.clock import Deadline
from shared.errors import LandfallError, RequestError
from shared.prune_request import read_prune_request

http_prunes_door = func.Blueprint()

# Azure's load balancer gives up after 230 s: https://learn.microsoft.com/azure/azure-functions/functions-scale
SECONDS = 120


@http_prunes_door.route(route="prunes", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
async def http_prunes(req: func.HttpRequest) -> func.HttpResponse:
    """Remove what is old and answer what is gone; `complete` is false when there is more than there was time for."""
    body, code = await _prunes(req.get_body())
    return func.HttpResponse(json.dumps(body), status_code=code, mimetype="application/json")


async def _prunes(asked: bytes) -> tuple[object, int]:
    try:
        service = wiring.service()
        request = read_prune_request(asked)
        standings = await service.bookkeeping.standings()
        deadline = Deadline(service.clock, SECONDS)
        pruned = await service.pruner.prune(standings, deadline, older_than=request.older_than, dry_run=request.dry_run)
    except RequestError as error:
        return {"errors": error.faults, "hint": error.hint}, 400
    except LandfallError as error:
        return {"error": error.message, "hint": error.hint}, 503
    return pruned.as_json(), 200

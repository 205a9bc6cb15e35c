"""Door: POST /api/replays -> replay. For the dashboard and for scripts; wants a function key."""

from __future__ import annotations

import azure.functions as func

from shared import wiring
from shared.json_answers import HEADERS, json_answer
from shared.replay_request import read_replay_request
from shared.request_origin import refuse_other_sites

http_replays_door = func.Blueprint()


@http_replays_door.route(route="replays", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
async def http_replays(req: func.HttpRequest) -> func.HttpResponse:
    """Open entries again and start them: 202 when there are any, 200 when not, 400 with all that is wrong."""
    text, code = await json_answer("http_replays", _replays(req))
    return func.HttpResponse(text, status_code=code, mimetype="application/json", headers=HEADERS)


async def _replays(req: func.HttpRequest) -> tuple[object, int]:
    refuse_other_sites(req.headers)
    service = wiring.service()
    request = read_replay_request(req.get_body(), service.clock.now(), "POST /api/replays")
    replayed = await service.replayer.replay(request, service.dispatch_deadline())
    # What there is no time for is due, and the next pass starts it.
    started = await service.redriver.redrive(replayed.markers, service.dispatch_deadline())
    return {**replayed.as_json(), "started": dict(started)}, 202 if replayed.markers else 200

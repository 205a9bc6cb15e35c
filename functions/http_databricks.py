"""Door: POST /api/databricks -> run hints. Opened by Databricks' job notifications, which carry a password.

Anonymous for the host, because a notification destination sends no function key but Basic authentication; the
password is DATABRICKS_WEBHOOK_SECRET, and without one the door is shut.
"""

from __future__ import annotations

import azure.functions as func

from shared import logs, wiring
from shared.door_failures import unexpected
from shared.errors import LandfallError
from shared.json_answers import HEADERS

http_databricks_door = func.Blueprint()

# By shared.settle.Received, which is not imported: the app's start would pay for the Jobs client.
_STATUS = {"shut": 404, "stranger": 401, "too-large": 413, "ignored": 200, "looked": 200}


@http_databricks_door.route(route="databricks", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
async def http_databricks(req: func.HttpRequest) -> func.HttpResponse:
    """Settle the run that a notification names; answers 200 to all that show the password, theirs or not."""
    try:
        service = wiring.service()
        received = await service.run_hints.receive(
            req.headers.get("authorization", ""), req.get_body(), service.dispatch_deadline()
        )
    except LandfallError as error:
        logs.warning("hint.failed", reason=error)
        return func.HttpResponse(status_code=503, headers=HEADERS)
    except Exception as error:  # noqa: BLE001 - whatever it is, its text is not for whoever knocks at an open door
        unexpected("http_databricks", error)
        return func.HttpResponse(status_code=500, headers=HEADERS)
    asks = {"WWW-Authenticate": 'Basic realm="landfall"'} if received == "stranger" else {}
    return func.HttpResponse(status_code=_STATUS[received], headers={**HEADERS, **asks})

"""Door: Event Grid -> intake. Opened by each event about a blob, in either schema."""

from __future__ import annotations

import azure.functions as func

from shared import wiring
from shared.door_failures import failing_discreetly

on_blob_event_door = func.Blueprint()


# `str` and not EventGridEvent: a malformed event must reach our code, not a converter's exception, which Event Grid
# would take for a reason to deliver it for 24 hours.
@on_blob_event_door.event_grid_trigger(arg_name="event")
async def on_blob_event(event: str) -> None:
    """Claim the event's arrivals and start their runs; raising asks Event Grid to deliver it again (rule R7)."""
    with failing_discreetly("on_blob_event"):
        service = wiring.service()
        deadline = service.dispatch_deadline()
        claims = await service.intake.receive(event, deadline)
        await service.redriver.lend_a_hand(claims, deadline)
        await service.gatherer.lend_a_hand(claims, deadline)
        await service.backfiller.lend_a_hand(deadline)

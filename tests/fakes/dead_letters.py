"""Dead letters as tests want them, and passes over them."""

from __future__ import annotations

import json
import random
from datetime import timedelta

from shared.dead_letter_store import DeadLetterStore
from shared.dead_letters import OPENED, DeadLetterPass, DeadLetters, Receive
from shared.model import Arrival
from tests.fakes.world import World, event_body

FOLDER = "CRM-EVENTS/2026/11/22/5"
OLD = timedelta(hours=1).total_seconds()  # of a letter that nobody is still writing
_DELIVERY = {
    "deadLetterReason": "MaxDeliveryAttemptsExceeded",
    "deliveryAttempts": 3,
    "lastDeliveryOutcome": "NotFound",
}


def dead(arrival: Arrival, **changes: object) -> dict[str, object]:
    """Return the event of an arrival as Event Grid gives up on it."""
    (event,) = json.loads(event_body(arrival))
    return {**event, **_DELIVERY, **changes}


def use_case(
    world: World, store: DeadLetterStore, receive: Receive | None = None, opened_at_most: int = OPENED
) -> DeadLetters:
    """Return the use case over a world's own intake, or over another receiver."""
    return DeadLetters(
        store=store,
        receive=receive or world.intake.receive,
        clock=world.clock,
        randomness=random.Random(1),
        opened_at_most=opened_at_most,
    )


async def take_in(world: World, store: DeadLetterStore, seconds: float = 60) -> DeadLetterPass:
    """Run one pass."""
    return await use_case(world, store).take_in(world.deadline(seconds))

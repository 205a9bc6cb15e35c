"""Door: timer -> reconcile. Opened by the clock, late, twice or not at all."""

from __future__ import annotations

import azure.functions as func

from shared import logs, wiring
from shared.door_failures import failing_discreetly

on_reconcile_timer_door = func.Blueprint()


@on_reconcile_timer_door.timer_trigger(arg_name="timer", schedule="%RECONCILE_SCHEDULE%")
async def on_reconcile_timer(timer: func.TimerRequest) -> None:
    """Run one reconcile pass."""
    if timer.past_due:
        logs.warning("timer.past_due")
    with failing_discreetly("on_reconcile_timer"):
        await wiring.service().reconciler.run()

"""Door: Storage Queue -> the sweep's shards. Opened by each message of a large sweep, on whichever instance is free."""

from __future__ import annotations

import azure.functions as func

from shared import wiring
from shared.door_failures import failing_discreetly

on_sweep_shard_door = func.Blueprint()


@on_sweep_shard_door.queue_trigger(arg_name="message", queue_name="%SWEEP_QUEUE%", connection="AzureWebJobsStorage")
async def on_sweep_shard(message: str) -> None:
    """Sweep the shard that the message names; raising lets the host receive it again, a few times."""
    with failing_discreetly("on_sweep_shard"):
        await wiring.service().sweeper.work_on(message)

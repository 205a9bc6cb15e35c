"""Entry point: one FunctionApp, one line per door. The Python worker looks for it here."""

from __future__ import annotations

import azure.functions as func

from functions.http_backfill import http_backfill_door
from functions.http_backfills import http_backfills_door
from functions.http_databricks import http_databricks_door
from functions.http_prunes import http_prunes_door
from functions.http_replays import http_replays_door
from functions.http_status import http_status_door
from functions.on_blob_event import on_blob_event_door
from functions.on_reconcile_timer import on_reconcile_timer_door
from functions.on_sweep_shard import on_sweep_shard_door

app = func.FunctionApp()
app.register_functions(on_blob_event_door)
app.register_functions(on_reconcile_timer_door)
app.register_functions(on_sweep_shard_door)
app.register_functions(http_status_door)
app.register_functions(http_databricks_door)
app.register_functions(http_replays_door)
app.register_functions(http_prunes_door)
app.register_functions(http_backfills_door)
app.register_functions(http_backfill_door)

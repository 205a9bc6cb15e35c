"""Entry point: one FunctionApp, one line per door. The Python worker looks for it here."""

from __future__ import annotations

import azure.functions as func

from functions.http_status import http_status_door
from functions.on_blob_event import on_blob_event_door
from functions.on_reconcile_timer import on_reconcile_timer_door

app = func.FunctionApp()
app.register_functions(on_blob_event_door)
app.register_functions(on_reconcile_timer_door)
app.register_functions(http_status_door)

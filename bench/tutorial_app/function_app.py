"""The tutorial's own way, as a peer to measure against: an event comes, a request goes, and nothing is remembered."""

import os

import azure.functions as func
import requests

app = func.FunctionApp()


@app.event_grid_trigger(arg_name="event")
def on_blob_event(event: func.EventGridEvent) -> None:
    """Start the job of the file that the event names."""
    requests.post(
        f"{os.environ['DATABRICKS_HOST']}/api/2.1/jobs/run-now",
        headers={"Authorization": f"Bearer {os.environ['DATABRICKS_TOKEN']}"},
        json={
            "job_id": 7,
            "notebook_params": {"file_path": event.get_json()["url"], "triggered_by": "event"},
        },
        timeout=30,
    ).json()["run_id"]

"""An app with a function of each kind; what a function was given comes out in what it gives."""

from __future__ import annotations

import json
import logging
import os
import threading

import azure.functions as func

logger = logging.getLogger("sample")
app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
blueprint = func.Blueprint()  # type: ignore[no-untyped-call]  # the package's own gap


def describe(event: func.EventGridEvent | func.CloudEvent) -> str:
    """Return all that an event says, as JSON."""
    names = ("id", "topic", "subject", "event_type", "event_time", "data_version", "source", "type", "time")
    said = {name: str(getattr(event, name)) for name in names if hasattr(event, name)}
    return json.dumps({"class": type(event).__name__, "data": event.get_json(), **said})


@app.event_grid_trigger(arg_name="event")
@app.queue_output(arg_name="seen", queue_name="seen", connection="SampleStorage")
async def on_text(event: str, seen: func.Out[str]) -> None:
    """Give the event's text as it came."""
    logger.info("got %s", event)
    if "fail" in event:
        raise ValueError(f"refused: {event}")
    seen.set(event)


@app.event_grid_trigger(arg_name="event")
@app.queue_output(arg_name="seen", queue_name="seen", connection="SampleStorage")
def on_event(event: func.EventGridEvent, seen: func.Out[str], context: func.Context) -> None:
    """Give what the converter made of the event, from a thread."""
    assert context.function_name == "on_event"
    assert threading.current_thread() is not threading.main_thread()
    seen.set(describe(event))


@app.event_grid_trigger(arg_name="event")
@app.queue_output(arg_name="$return", queue_name="seen", connection="SampleStorage")
async def on_cloud_event(event: func.CloudEvent) -> str:
    """Return what the converter made of the event."""
    return describe(event)


@app.event_grid_trigger(arg_name="event")
def on_anything(event):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201 - a parameter without an annotation is the case
    """Return something although nobody takes it, when asked to."""
    return event.get_json().get("give") if isinstance(event.get_json(), dict) else None


@app.timer_trigger(arg_name="timer", schedule="%SAMPLE_SCHEDULE%")
@app.queue_output(arg_name="seen", queue_name="ticks", connection="SampleStorage")
async def on_timer(timer: func.TimerRequest, seen: func.Out[str]) -> None:
    """Give what the timer says."""
    seen.set(json.dumps([timer.past_due, timer.schedule_status, timer.schedule]))  # type: ignore[attr-defined]  # the class has them, its base has not


@blueprint.queue_trigger(arg_name="message", queue_name="%SAMPLE_QUEUE%", connection="SampleStorage")
@blueprint.queue_output(arg_name="copies", queue_name="copies", connection="SampleStorage")
@blueprint.retry(strategy="fixed_delay", max_retry_count="2", delay_interval="00:00:01")
def on_message(message: func.QueueMessage, copies: func.Out[bytes]) -> None:
    """Give what the message says; fail when it says so."""
    body = message.get_body().decode()
    if body.startswith("fail"):
        raise RuntimeError(body)
    said = [body, message.id, message.dequeue_count, message.pop_receipt]
    times = [message.insertion_time, message.expiration_time, message.time_next_visible]
    copies.set(json.dumps([*said, *map(str, times)]).encode())


@blueprint.queue_trigger(arg_name="message", queue_name="texts", connection="SampleStorage")
@blueprint.queue_output(arg_name="$return", queue_name="copies", connection="SampleStorage")
async def on_message_text(message: str) -> str:
    """Return the message doubled."""
    return message * 2


@app.route(route="hello/{name:alpha}/{count:int?}", methods=["GET", "POST"])
def hello(req: func.HttpRequest) -> func.HttpResponse:
    """Answer with all that the request says."""
    said = {
        "method": req.method,
        "url": req.url,
        "headers": {name: value for name, value in req.headers.items() if name.startswith("x-")},
        "query": dict(req.params),
        "route": dict(req.route_params),
        "body": req.get_body().decode("utf-8", "replace"),
    }
    return func.HttpResponse(json.dumps(said), status_code=201, mimetype="application/json", headers={"x-sample": "1"})


@app.route(route="text", auth_level=func.AuthLevel.ANONYMOUS)
async def text(req: func.HttpRequest) -> str:
    """Answer with text, of this setting or that which the request names."""
    return os.environ.get(req.params.get("setting", ""), "plain")


@app.route(route="files/{*rest}", auth_level=func.AuthLevel.ADMIN)
async def files(req: func.HttpRequest) -> func.HttpResponse:
    """Answer with the rest of the path, and a cookie."""
    return func.HttpResponse(req.route_params.get("rest", "none"), headers={"Set-Cookie": "a=1; Path=/; HttpOnly"})


@app.route(route="give/{what}")
async def give(req: func.HttpRequest):  # type: ignore[no-untyped-def]  # noqa: ANN201 - what it returns is the case
    """Return what the path asks for, usable or not."""
    gifts = {"none": None, "object": {"a": 1}, "number": 7, "bytes": b"raw", "json": '{"a": 1}', "list": ["a"]}
    if (what := req.route_params["what"]) == "error":
        raise LookupError("nothing\nto give")
    return gifts[what]


@app.route(route="quiet")
async def quiet(req: func.HttpRequest) -> func.HttpResponse:
    """Log what host.json leaves out."""
    logger.info("nobody hears %s", req.method)
    return func.HttpResponse(b"", status_code=204)


app.register_functions(blueprint)

"""Invocations: what a function is given, what comes back, and what becomes of failures and time."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.functions.meta import Datum

from localdev.functions_host import EmbeddedHost, datums
from localdev.functions_host.app_functions import AppFunction
from localdev.functions_host.errors import FunctionInError, FunctionNotFound
from localdev.functions_host.invocation import FunctionTimeout, Invocation, Invoker, thread_count
from localdev.functions_host.schedules import parse_schedule
from shared.clock import SystemClock
from tests.fakes.manual_clock import START
from tests.localdev.functions_host.sample import FOLDER, SETTINGS, event
from tests.localdev.functions_host.signature_apps import EVENT, HEADER

BLOB_CREATED = event("eg_BlobCreated_PutBlockList")


def seen(invocation: Invocation, name: str = "seen") -> Any:
    """Return the JSON that a function gave to an output."""
    assert invocation.error is None
    return json.loads(invocation.outputs[name].value)


@contextmanager
def app_with(
    folder: Path, source: str, settings: Mapping[str, str] = SETTINGS, **names: object
) -> Iterator[EmbeddedHost]:
    """Yield a host of an app with this source, whose function `f` finds `names` among its globals."""
    (folder / "function_app.py").write_text(HEADER + source, "utf-8")
    with EmbeddedHost(folder, settings) as embedded:
        vars(sys.modules["function_app"]).update(names)
        yield embedded


async def run_source(folder: Path, source: str, datum: Datum) -> Invocation:
    """Run the function `f` of an app with this source."""
    with app_with(folder, source) as embedded:
        return await embedded.invoke("f", datum)


async def within(seconds: float, embedded: EmbeddedHost) -> Invocation:
    """Run the function `f` with a time-out shorter than host.json can have."""
    invoker = Invoker(timeout=timedelta(seconds=seconds), threads=1, clock=SystemClock(), deliver=_nowhere)
    try:
        return await invoker.run(embedded.functions["f"], datums.event_grid_datum({}))
    finally:
        invoker.close()


async def _nowhere(_: AppFunction, __: object) -> None:
    pass


async def test_text_event_arrives_as_it_was_sent(host: EmbeddedHost) -> None:
    """A function annotated `str` gets the event's own JSON, without blanks."""
    invocation = await host.invoke("on_text", datums.event_grid_datum(BLOB_CREATED))

    assert invocation.outputs["seen"].value == json.dumps(BLOB_CREATED, separators=(",", ":"), ensure_ascii=False)


async def test_event_grid_event_is_genuine(host: EmbeddedHost) -> None:
    """A function annotated EventGridEvent gets the library's own object."""
    given = seen(await host.invoke("on_event", datums.event_grid_datum(BLOB_CREATED)))

    assert given["class"] == "EventGridEvent"
    assert (given["id"], given["subject"], given["event_type"]) == (
        BLOB_CREATED["id"],
        BLOB_CREATED["subject"],
        BLOB_CREATED["eventType"],
    )


async def test_cloud_event_is_told_by_its_body(host: EmbeddedHost) -> None:
    """A body with `specversion` becomes a CloudEvent, whatever the annotation: that is the library's own rule."""
    cloud_event = event("ce_BlobCreated_PutBlockList")

    invocation = await host.invoke("on_cloud_event", datums.event_grid_datum(cloud_event))
    surprise = seen(await host.invoke("on_event", datums.event_grid_datum(cloud_event)))

    assert invocation.returned is not None
    assert json.loads(invocation.returned.value)["class"] == "CloudEvent"
    assert surprise["class"] == "CloudEvent"


async def test_half_a_surrogate_pair_becomes_a_replacement(host: EmbeddedHost) -> None:
    """Text that is no Unicode reaches the function as the host's UTF-8 would carry it."""
    invocation = await host.invoke("on_text", datums.event_grid_datum({"subject": "a\ud800b", "ok": "\U0001f600"}))

    assert json.loads(invocation.outputs["seen"].value) == {"subject": "a\ufffdb", "ok": "\U0001f600"}


async def test_timer_says_when_it_ran_and_is_due(host: EmbeddedHost) -> None:
    """A timer request holds past_due, the schedule's status, and the schedule."""
    status = datums.ScheduleStatus(last=START, next=START + timedelta(minutes=5), last_updated=START)
    datum = datums.timer_datum(parse_schedule("0 */5 * * * *"), status, past_due=True)

    past_due, told, schedule = seen(await host.invoke("on_timer", datum))

    assert past_due is True
    assert told == {
        "Last": "2026-11-22T12:00:00+00:00",
        "Next": "2026-11-22T12:05:00+00:00",
        "LastUpdated": "2026-11-22T12:00:00+00:00",
    }
    assert schedule == {"AdjustForDST": True}


async def test_queue_message_holds_its_metadata(host: EmbeddedHost) -> None:
    """A queue message holds its body, id, pop receipt, dequeue count and three times."""
    metadata = datums.queue_metadata(
        message_id="m1",
        dequeue_count=3,
        pop_receipt="p1",
        inserted=datetime(2026, 11, 22, 9, 0, 0, 120_000, UTC),
        expires=START,
        next_visible=START,
    )

    given = seen(await host.invoke("on_message", datums.queue_datum("héllo"), metadata), "copies")

    assert given[:4] == ["héllo", "m1", 3, "p1"]
    assert given[4:] == ["2026-11-22 09:00:00.120000+00:00", *["2026-11-22 12:00:00+00:00"] * 2]


async def test_return_value_goes_to_its_binding(host: EmbeddedHost) -> None:
    """What a function returns is the datum of its $return binding."""
    invocation = await host.invoke("on_message_text", datums.queue_datum("ab"), datums.queue_metadata())

    assert invocation.returned == Datum("abab", "string")


async def test_failure_is_in_the_result(host: EmbeddedHost) -> None:
    """What a function raises is the invocation's error, and its outputs do not count."""
    invocation = await host.invoke("on_text", datums.event_grid_datum({"subject": "fail"}))

    assert not invocation.succeeded
    assert isinstance(invocation.error, ValueError)
    assert invocation.outputs == {}


async def test_value_that_nobody_takes_is_a_failure(host: EmbeddedHost) -> None:
    """Returning something without a $return binding fails, as in the worker."""
    invocation = await host.invoke("on_anything", datums.event_grid_datum({"data": {"give": "x"}}))

    assert repr(invocation.error) == (
        "RuntimeError(\"function 'on_anything' without a $return binding returned a non-None value\")"
    )


async def test_exit_does_not_end_the_host(tmp_path: Path) -> None:
    """A function that calls sys.exit fails like any other."""
    source = EVENT + "async def f(event: str): raise SystemExit(1)"

    invocation = await run_source(tmp_path, source, datums.event_grid_datum({}))

    assert isinstance(invocation.error, SystemExit)


async def test_cancelled_by_itself_is_a_failure(tmp_path: Path) -> None:
    """A function that raises CancelledError without being cancelled fails like any other."""
    source = "import asyncio\n" + EVENT + "async def f(event: str): raise asyncio.CancelledError"

    invocation = await run_source(tmp_path, source, datums.event_grid_datum({}))

    assert isinstance(invocation.error, asyncio.CancelledError)


async def test_cancellation_from_outside_goes_through(tmp_path: Path) -> None:
    """A host that is told to stop can cancel a run."""
    source = EVENT + "async def f(event: str):\n    started.set()\n    await forever.wait()"
    started = asyncio.Event()
    with app_with(tmp_path, source, started=started, forever=asyncio.Event()) as embedded:
        run = asyncio.create_task(embedded.invoke("f", datums.event_grid_datum({})))
        await started.wait()

        run.cancel()

        with pytest.raises(asyncio.CancelledError):
            await run


async def test_async_function_is_cancelled_when_its_time_is_over(tmp_path: Path) -> None:
    """An async function that runs longer than functionTimeout is cancelled, and fails as timed out."""
    source = EVENT + (
        "async def f(event: str):\n    try: await forever.wait()\n    except BaseException as e: seen.append(e); raise"
    )
    cancelled: list[BaseException] = []
    with app_with(tmp_path, source, forever=asyncio.Event(), seen=cancelled) as embedded:
        invocation = await within(0.02, embedded)

    assert isinstance(invocation.error, FunctionTimeout)
    assert "functionTimeout" in str(invocation.error)
    assert [type(each) for each in cancelled] == [asyncio.CancelledError]


async def test_sync_function_past_its_time_is_reported(tmp_path: Path) -> None:
    """A sync function cannot be stopped, but the invocation ends as timed out when its time is over."""
    gate = threading.Event()
    with app_with(tmp_path, EVENT + "def f(event: str): gate.wait(30)", gate=gate) as embedded:
        invocation = await within(0.02, embedded)
        gate.set()

    assert isinstance(invocation.error, FunctionTimeout)


async def test_time_out_of_its_own_is_no_time_out_of_ours(tmp_path: Path) -> None:
    """A TimeoutError that a function raises stays what it is."""
    with app_with(tmp_path, EVENT + "async def f(event: str): raise TimeoutError('its own')") as embedded:
        invocation = await within(30, embedded)

    assert type(invocation.error) is TimeoutError


async def test_context_tells_the_invocation(tmp_path: Path) -> None:
    """`context` holds the function's name and folder, the invocation's id and a trace of its own."""
    source = (
        EVENT + '@app.queue_output(arg_name="$return", queue_name="q", connection="SampleStorage")\n'
        "async def f(event: str, context: func.Context) -> str:\n"
        "    c = context\n"
        "    return '|'.join([c.function_name, c.function_directory, c.invocation_id, c.trace_context.trace_parent,\n"
        "        c.trace_context.trace_state, str(c.retry_context.retry_count), str(c.retry_context.exception)])"
    )

    invocation = await run_source(tmp_path, source, datums.event_grid_datum({}))

    assert invocation.returned is not None
    name, folder, identity, trace, state, retries, exception = invocation.returned.value.split("|")
    assert (name, folder, identity) == ("f", str(tmp_path), invocation.invocation_id)
    assert len(trace.split("-")) == 4
    assert (state, retries, exception) == ("", "0", "None")


async def test_sync_functions_share_the_pool(tmp_path: Path) -> None:
    """PYTHON_THREADPOOL_THREAD_COUNT threads run sync functions at the same time: with two, two can meet."""
    barrier = threading.Barrier(2)
    settings = {"PYTHON_THREADPOOL_THREAD_COUNT": "2"}
    with app_with(tmp_path, EVENT + "def f(event: str): barrier.wait(5)", settings, barrier=barrier) as embedded:
        datum = datums.event_grid_datum({})
        both = await asyncio.gather(embedded.invoke("f", datum), embedded.invoke("f", datum))

    assert [invocation.error for invocation in both] == [None, None]


@pytest.mark.parametrize(("setting", "threads"), [("3", 3), ("0", None), ("-1", None), ("many", None), (None, None)])
def test_thread_count_is_a_number_or_left_to_python(setting: str | None, threads: int | None) -> None:
    """PYTHON_THREADPOOL_THREAD_COUNT counts when it is a number above nought."""
    assert thread_count(setting) == threads


async def test_unknown_function_is_not_found(host: EmbeddedHost) -> None:
    """A name that the app does not have is refused with those it has."""
    with pytest.raises(FunctionNotFound, match="on_text"):
        await host.invoke("nowhere", datums.event_grid_datum({}))


async def test_function_in_error_is_not_run() -> None:
    """A function that cannot run is refused with its problem."""
    settings = {name: value for name, value in SETTINGS.items() if name != "SAMPLE_SCHEDULE"}

    with EmbeddedHost(FOLDER, settings) as embedded, pytest.raises(FunctionInError, match="SAMPLE_SCHEDULE"):
        await embedded.invoke("on_timer", datums.event_grid_datum({}))

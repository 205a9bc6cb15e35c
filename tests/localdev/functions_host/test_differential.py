"""The embedded host against Microsoft's own worker: the same app, the same data, the same outcome.

azure-functions-runtime, which the worker consists of, exists for Python 3.13 and later only.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from azure.functions.meta import Datum
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localdev.functions_host import EmbeddedHost, datums
from localdev.functions_host.errors import AppNotLoadable
from localdev.functions_host.schedules import parse_schedule
from shared.wiring import APP_ROOT
from tests.localdev.functions_host.microsoft_worker import MicrosoftWorker
from tests.localdev.functions_host.sample import EVENTS, FOLDER, SETTINGS
from tests.localdev.functions_host.signature_apps import APPS, SignatureApp

if find_spec("azure_functions_runtime") is None and (sys.version_info < (3, 13) or not os.environ.get("CI")):
    pytest.skip("Microsoft's azure-functions-runtime, for Python 3.13, is not here", allow_module_level=True)

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
EVENT_FUNCTIONS = ("on_text", "on_event", "on_cloud_event", "on_anything")
GOOD_EVENT = {
    "id": "1",
    "topic": "/t",
    "subject": "/blobServices/default/containers/c/blobs/ä\u202e\n",
    "eventType": "Microsoft.Storage.BlobCreated",
    "eventTime": "2026-11-22T12:00:00.1234567Z",
    "data": {"give": None, "api": "PutBlob"},
    "dataVersion": "",
}
CLOUD_EVENT = {
    "specversion": "1.0",
    "id": "1",
    "source": "/s",
    "type": "Microsoft.Storage.BlobCreated",
    "time": "2026-11-22T12:00:00Z",
    "extra": 1,
    "data": {},
}


@dataclass(frozen=True)
class Pair:
    """The two hosts, both with the sample app, each with a module of its own."""

    ours: EmbeddedHost
    theirs: MicrosoftWorker

    async def compare(self, function: str, datum: Datum | None, metadata: Mapping[str, Datum] | None = None) -> None:
        """Run the same function with the same data in both, and check that nothing differs."""
        known = metadata or {}
        parameter = next(iter(self.ours.function(function).signature.inputs))
        invocation = await self.ours.run(self.ours.function(function), datum, known)  # type: ignore[arg-type]  # None is no data
        outcome = await self.theirs.invoke(function, {parameter: datum}, known)

        ours = (
            invocation.succeeded,
            invocation.error and repr(invocation.error),
            plain(invocation.returned),
            {name: plain(output) for name, output in invocation.outputs.items()},
        )
        theirs = (
            outcome.succeeded,
            outcome.error,
            plain(outcome.returned),
            {name: plain(output) for name, output in outcome.outputs},
        )
        assert ours == theirs


def plain(value: Any) -> Any:
    """Return a datum, whichever package's, as values that compare."""
    if isinstance(value, SimpleCookie):
        return value.output()
    if isinstance(value, Mapping):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    if hasattr(value, "type") and hasattr(value, "value"):
        return (value.type, plain(value.value))
    return value


@pytest_asyncio.fixture
async def pair() -> AsyncIterator[Pair]:
    """Yield both hosts, the sample app loaded."""
    with EmbeddedHost(FOLDER, SETTINGS) as ours:
        theirs = MicrosoftWorker()
        loaded = await theirs.load(FOLDER)
        assert not loaded.refused
        yield Pair(ours, theirs)
        theirs.close()


def test_the_worker_is_there() -> None:
    """Where the worker can be installed it is: these tests do not pass for want of it."""
    theirs = MicrosoftWorker()
    theirs.close()


async def test_landfall_itself_loads_in_both() -> None:
    """Microsoft's worker finds the same functions in our own app as our host does, none of them in error."""
    sample = json.loads((APP_ROOT / "local.settings.sample.json").read_text("utf-8"))["Values"]
    theirs = MicrosoftWorker()

    loaded = await theirs.load(APP_ROOT)
    theirs.close()

    with EmbeddedHost(APP_ROOT, sample) as ours:
        names = {name for name, function in ours.functions.items() if function.runs}
    assert not loaded.refused
    assert names == set(loaded.bindings)
    assert json.loads(loaded.bindings["on_sweep_shard"][0])["queueName"] == "%SWEEP_QUEUE%"


@pytest.mark.parametrize("app", [pytest.param(app, id=app.name) for app in APPS])
async def test_same_apps_load_with_the_same_bindings(app: SignatureApp, tmp_path: Path) -> None:
    """Both load an app, or neither does; and then they see the same functions with the same bindings."""
    (tmp_path / "function_app.py").write_text(app.text, "utf-8")
    theirs = MicrosoftWorker()

    loaded = await theirs.load(tmp_path)
    theirs.close()

    try:
        with EmbeddedHost(tmp_path, {"C": "UseDevelopmentStorage=true"}) as ours:
            bindings = {
                name: sorted(json.dumps(binding, sort_keys=True) for binding in function.bindings)
                for name, function in ours.functions.items()
            }
    except AppNotLoadable:
        assert loaded.refused
    else:
        assert not loaded.refused
        assert bindings == {
            name: sorted(json.dumps(json.loads(text), sort_keys=True) for text in texts)
            for name, texts in loaded.bindings.items()
        }


@pytest.mark.parametrize("name", sorted(path.stem for path in EVENTS.glob("*.json")))
@pytest.mark.parametrize("function", EVENT_FUNCTIONS)
async def test_stored_events(pair: Pair, function: str, name: str) -> None:
    """A real event has the same outcome in both, whatever the function's annotation."""
    document = json.loads((EVENTS / f"{name}.json").read_text("utf-8"))

    for event in document if isinstance(document, list) else [document]:
        await pair.compare(function, datums.event_grid_datum(event))


EVENT_DATUMS = {
    "good": datums.event_grid_datum(GOOD_EVENT),
    "cloud event": datums.event_grid_datum(CLOUD_EVENT),
    "empty": datums.event_grid_datum({}),
    "fails": datums.event_grid_datum({"subject": "fail"}),
    "gives": datums.event_grid_datum({"data": {"give": "something"}}),
    "without fraction": datums.event_grid_datum({**GOOD_EVENT, "eventTime": "2026-11-22T12:00:00Z"}),
    "without zone": datums.event_grid_datum({**GOOD_EVENT, "eventTime": "2026-11-22T12:00:00"}),
    "with offset": datums.event_grid_datum({**GOOD_EVENT, "eventTime": "2026-11-22T12:00:00+02:00"}),
    "malformed time": datums.event_grid_datum({**GOOD_EVENT, "eventTime": "yesterday"}),
    "time as number": datums.event_grid_datum({**GOOD_EVENT, "eventTime": 5}),
    "list": datums.event_grid_datum([GOOD_EVENT]),
    "text": datums.event_grid_datum("text"),
    "number": datums.event_grid_datum(7),
    "null": datums.event_grid_datum(None),
    "no JSON": Datum(type="json", value="{"),
    "string datum": Datum(type="string", value="{}"),
    "bytes datum": Datum(type="bytes", value=b"{}"),
    "int datum": Datum(type="int", value=1),
    "empty datum": Datum(type=None, value=None),
    "no datum": None,
}


@pytest.mark.parametrize("datum", EVENT_DATUMS)
@pytest.mark.parametrize("function", EVENT_FUNCTIONS)
async def test_event_payloads(pair: Pair, function: str, datum: str) -> None:
    """Good and bad event data have the same outcome in both."""
    await pair.compare(function, EVENT_DATUMS[datum])


STATUS = datums.ScheduleStatus(last=NOON, next=NOON + timedelta(minutes=5), last_updated=NOON)
TIMER_DATUMS = {
    "on time": datums.timer_datum(parse_schedule("0 */5 * * * *"), STATUS, past_due=False),
    "past due": datums.timer_datum(parse_schedule("0 */5 * * * *"), STATUS, past_due=True),
    "not monitored": datums.timer_datum(parse_schedule("00:00:10"), None, past_due=False),
    "empty": Datum(type="json", value="{}"),
    "list": Datum(type="json", value="[]"),
    "no JSON": Datum(type="json", value="tick"),
    "string datum": Datum(type="string", value="{}"),
    "no datum": None,
}


@pytest.mark.parametrize("datum", TIMER_DATUMS)
async def test_timer_payloads(pair: Pair, datum: str) -> None:
    """Good and bad timer data have the same outcome in both."""
    await pair.compare("on_timer", TIMER_DATUMS[datum])


METADATA = datums.queue_metadata(
    message_id="m", dequeue_count=2, pop_receipt="p", inserted=NOON, expires=NOON, next_visible=NOON
)
QUEUE_CASES: dict[str, tuple[Datum | None, dict[str, Datum]]] = {
    "good": (datums.queue_datum("hello"), METADATA),
    "not ASCII": (datums.queue_datum("ä\u202e"), METADATA),
    "fails": (datums.queue_datum("fail"), METADATA),
    "bytes": (Datum(type="bytes", value=b"raw"), METADATA),
    "not UTF-8": (Datum(type="bytes", value=b"\xff"), METADATA),
    "json datum": (Datum(type="json", value="{}"), METADATA),
    "no metadata": (datums.queue_datum("hello"), {}),
    "bad count": (datums.queue_datum("hello"), {**METADATA, "DequeueCount": Datum(type="json", value='"many"')}),
    "bad time": (datums.queue_datum("hello"), {**METADATA, "InsertionTime": Datum(type="json", value='"soon"')}),
    "latest time": (datums.queue_datum("hello"), datums.queue_metadata(message_id="m", inserted=NOON)),
    "fraction": (
        datums.queue_datum("hello"),
        datums.queue_metadata(message_id="m", inserted=NOON + timedelta(microseconds=5)),
    ),
    "bad id": (datums.queue_datum("hello"), {**METADATA, "Id": Datum(type="bytes", value=b"m")}),
    "no datum": (None, METADATA),
}


@pytest.mark.parametrize("case", QUEUE_CASES)
@pytest.mark.parametrize("function", ["on_message", "on_message_text"])
async def test_queue_payloads(pair: Pair, function: str, case: str) -> None:
    """Good and bad queue messages have the same outcome in both."""
    datum, metadata = QUEUE_CASES[case]

    await pair.compare(function, datum, metadata)


def request(body: bytes = b"", **parameters: str) -> Datum:
    """Return a request with these route parameters."""
    return datums.http_datum(
        "POST",
        "http://127.0.0.1:7071/api/x?a=1&setting=SAMPLE_GREETING",
        headers={"X-One": "1", "Accept": "*/*"},
        query={"a": "1", "setting": "SAMPLE_GREETING"},
        parameters=parameters,
        body=body,
    )


HTTP_CASES = {
    "hello": ("hello", request(b"body", name="bob")),
    "hello, body not UTF-8": ("hello", request(b"\xff", name="bob")),
    "hello, body as text": ("hello", Datum(type="http", value={**request().value, "body": Datum("text", "string")})),
    "hello, body as JSON": ("hello", Datum(type="http", value={**request().value, "body": Datum("{}", "json")})),
    "hello, no body": ("hello", Datum(type="http", value={**request().value, "body": Datum(None, None)})),
    "hello, string datum": ("hello", Datum(type="string", value="x")),
    "hello, no datum": ("hello", None),
    "text": ("text", request()),
    "cookie": ("files", request(rest="a/b")),
    "quiet": ("quiet", request()),
    **{
        what: ("give", request(what=what))
        for what in ("none", "object", "number", "bytes", "json", "list", "error", "unknown")
    },
    "no route parameter": ("give", request()),
}


@pytest.mark.parametrize("case", HTTP_CASES)
async def test_requests(pair: Pair, case: str) -> None:
    """Good and bad requests, and all kinds of answers, have the same outcome in both."""
    function, datum = HTTP_CASES[case]

    await pair.compare(function, datum)


TIMES = st.one_of(st.none(), st.text(max_size=30), st.datetimes().map(lambda moment: f"{moment.isoformat()}Z"))
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=20)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=10), inner, max_size=3)),
    max_leaves=8,
)
GENERATED_EVENTS = st.fixed_dictionaries(
    {},
    optional={
        "id": JSON,
        "topic": st.text(max_size=10),
        "subject": st.text(max_size=30),
        "eventType": st.text(max_size=10),
        "eventTime": TIMES,
        "time": TIMES,
        "specversion": st.sampled_from(["1.0", "0.3"]),
        "type": st.text(max_size=10),
        "data": JSON,
    },
)


@given(event=GENERATED_EVENTS, function=st.sampled_from(EVENT_FUNCTIONS))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
async def test_generated_events(pair: Pair, event: dict[str, Any], function: str) -> None:
    """Any event at all has the same outcome in both."""
    await pair.compare(function, datums.event_grid_datum(event))

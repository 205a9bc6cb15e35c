"""Hostile requests at every HTTP door: JSON or nothing comes back, bounded, and never a word of what is inside."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from typing import Any

import azure.functions as func
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared import backfill_request, prune_request, replay_request
from tests.fakes.doors import Door, behind_the_doors, http_doors
from tests.fakes.world import World
from tests.hostile.tally import count

DOORS = http_doors()
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "60"))  # of each door
LONGEST_ANSWER = 256 * 1024
EXPECTED = {200, 202, 400, 401, 403, 404, 413}
FIELDS = sorted({*backfill_request.FIELDS, *prune_request.FIELDS, *replay_request.FIELDS, "event_type", "run", "id"})

words = st.sampled_from(
    ["crm", "erp", "dead", "failed", "7d", "999999d", "0s", "2026-11-22", "landing/crm/", "true", "a" * 64, "0" * 12]
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | words
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5), max_leaves=20
)
objects = st.dictionaries(st.sampled_from(FIELDS) | st.text(), values, max_size=8)
bodies = (
    st.binary(max_size=2_000)
    | (objects | values).map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass"))
    | objects.map(lambda value: json.dumps(value).encode()[:-1])
    | st.sampled_from(
        [b"[" * 100_000, b'{"a":' * 100_000, b"9" * 5_000, b" " * 70_000, b"\xef\xbb\xbf{}", b"\xff\xfe{\x00}\x00"]
    )
)
headers = st.dictionaries(
    st.sampled_from(["authorization", "content-type", "origin", "sec-fetch-site", "host", "x-ms-client-principal"])
    | st.text(min_size=1, max_size=20),
    st.text(max_size=100) | st.sampled_from(["Basic OnB3", "Basic ====", "null", "https://[", "cross-site"]),
    max_size=4,
)
params = st.dictionaries(
    st.sampled_from(["window", "code"]) | st.text(max_size=10), st.text(max_size=50) | words, max_size=3
)


def read(response: func.HttpResponse) -> Any:
    """Return what an answer holds, None for an empty one, after checking all that holds for every answer."""
    content = response.get_body()
    assert len(content) <= LONGEST_ANSWER
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "no-store"
    for secret in (b"Traceback", b".py", b"/work", b"site-packages", b"object at 0x"):
        assert secret not in content
    if not content:
        return None
    assert response.mimetype == "application/json"
    return json.loads(content)


async def ask(door: Door, method: str, body: bytes, given: Mapping[str, Mapping[str, str]]) -> tuple[int, Any]:
    """Open a door of a fresh world and return the status and what came back."""
    with behind_the_doors(World(DATABRICKS_WEBHOOK_SECRET="the password")) as world:
        await world.drop("landing/crm/a.csv")
        response = await door.open(method, body, **given)
    return response.status_code, read(response)


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_request_breaks_a_door(door: Door, data: st.DataObject) -> None:
    """Whatever comes is answered with what was asked for or with what is wrong: no defect, nothing from inside."""
    method, body = data.draw(st.sampled_from(door.methods)), data.draw(bodies)
    given = {"headers": data.draw(headers), "params": data.draw(params), "route_params": {"id": data.draw(st.text())}}

    status, _ = asyncio.run(ask(door, method, body, given))

    count("fuzzed")
    assert status in EXPECTED


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
async def test_defect_is_told_without_its_text(
    door: Door, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """500, in our own words; the log says where, on one line."""

    def fail() -> object:
        raise RuntimeError("the password is\nhunter2-hunter2")

    monkeypatch.setattr("shared.wiring.service", fail)

    for method in door.methods:
        response = await door.open(method, b"")
        assert response.status_code == 500
        assert b"hunter2" not in response.get_body()
        read(response)
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == len(door.methods)
    assert all(line.startswith(f"door.failed door={door.name} why=RuntimeError at=") for line in lines)
    assert not any("\n" in line for line in lines)


@pytest.mark.parametrize("door", [door for door in DOORS if "POST" in door.methods], ids=lambda door: door.name)
async def test_too_long_a_body_is_refused_unread(door: Door) -> None:
    """No request needs more than 64 KiB; 413 says so, and nothing is parsed."""
    headers = {"authorization": "Basic OnRoZSBwYXNzd29yZA=="}

    status, _ = await ask(door, "POST", b'{"a": 1}' * 10_000, {"headers": headers})

    assert status == 413


@pytest.mark.parametrize("body", [b'{"rule": "crm", "rule": "erp"}', b'{"rule": {"a": 1, "a": 2}}'])
@pytest.mark.parametrize("name", ["http_replays", "http_backfills", "http_prunes"])
async def test_field_given_twice_is_refused(name: str, body: bytes) -> None:
    """Two parsers would understand two things: nothing is guessed."""
    (door,) = [door for door in DOORS if door.name == name]

    status, answer = await ask(door, "POST", body, {})

    assert status == 400
    assert "more than once" in answer["errors"][0]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
async def test_what_is_no_json_number_is_refused(number: str) -> None:
    """Python would read it; JSON has no such thing."""
    (door,) = [door for door in DOORS if door.name == "http_backfills"]

    status, answer = await ask(door, "POST", f'{{"rule": "crm", "rate": {number}}}'.encode(), {})

    assert (status, len(answer["errors"])) == (400, 1)


async def test_a_thousand_wrong_states_are_not_all_explained() -> None:
    """An answer is no longer than a person reads, and costs no more than that."""
    (door,) = [door for door in DOORS if door.name == "http_replays"]
    states = [f"state-{number}" for number in range(4_000)]

    status, answer = await ask(door, "POST", json.dumps({"rule": "crm", "states": states}).encode(), {})

    assert status == 400
    assert len(answer["errors"]) <= 20


@pytest.mark.parametrize(
    ("name", "method", "body", "window"),
    [
        ("http_status", "GET", {}, "999999d"),
        ("http_status", "GET", {}, "0s"),
        ("http_prunes", "POST", {"older_than": "999999d"}, ""),
        ("http_prunes", "POST", {"older_than": "999999d", "dry_run": True}, ""),
        ("http_backfills", "POST", {"rule": "crm", "since": "999999d"}, ""),
        ("http_backfills", "POST", {"rule": "crm", "since": "0001-01-01", "until": "9999-12-31", "dry_run": True}, ""),
        ("http_replays", "POST", {"rule": "crm", "since": "0001-01-01T00:00+14:00"}, ""),
        ("http_replays", "POST", {"rule": "crm", "until": "9999-12-31T23:59-12:00"}, ""),
    ],
)
async def test_length_of_time_off_the_calendar_is_no_defect(
    name: str, method: str, body: dict[str, Any], window: str
) -> None:
    """2,700 years ago there is no date: that is refused, or means all there is."""
    (door,) = [door for door in DOORS if door.name == name]

    status, _ = await ask(door, method, json.dumps(body).encode(), {"params": {"window": window} if window else {}})

    assert status in {200, 202, 400}


async def test_requests_that_are_right_get_in() -> None:
    """The fuzzer's own door: were everything refused before it is read, no input above would prove anything."""
    doors = {door.name: door for door in DOORS}

    for name, method, body, expected in (
        ("http_status", "GET", b"", 200),
        ("http_prunes", "POST", b"", 200),
        ("http_replays", "POST", b'{"rule": "crm"}', 200),
        ("http_backfills", "POST", b'{"rule": "crm", "since": "7d"}', 202),
        ("http_backfills", "GET", b"", 200),
    ):
        status, answer = await ask(doors[name], method, body, {})

        assert (name, status) == (name, expected)
        assert answer

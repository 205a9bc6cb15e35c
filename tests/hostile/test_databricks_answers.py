"""Hostile answers of Databricks, over real HTTP, through the real client into a ledger: nothing lost or doubled."""

from __future__ import annotations

import json
import tracemalloc
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from shared.jobs import JobsClient, create_credentials, create_http_client
from shared.ledger import Marker, partitions_of
from shared.model import Entry, Result, State
from tests.fakes.world import RULES, World
from tests.hostile.tally import count
from tests.shared.jobs.scripted_server import (
    Action,
    Received,
    RunBook,
    ScriptedServer,
    answers_half,
    drips,
    floods,
    hangs,
    says,
    serving,
    speaks_no_http,
)

if TYPE_CHECKING:
    import asyncio

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "databricks_answers.json").read_text("utf-8"))
TOKEN = "dapi-canary-0123456789"
MEGABYTE = 1024 * 1024
# What one answer may cost at its worst: 4 MiB are kept of it, and one packed piece is unpacked at a time.
MOST_MEMORY = 64 * MEGABYTE
_BEHAVIOURS = {"answers_half": answers_half, "drips": drips, "hangs": hangs, "speaks_no_http": speaks_no_http}


def case(answer: dict[str, Any], elsewhere: str) -> Action:
    """Return how the server answers in a case."""
    if behaviour := answer.get("behaviour"):
        return floods([]) if behaviour == "floods" else _BEHAVIOURS[behaviour]
    headers = {
        name.replace("-", "_"): text.replace("ELSEWHERE", elsewhere).replace("LONG", "x" * 100_000)
        for name, text in answer.get("headers", {}).items()
    }
    return says(answer["status"], body_of(answer), **headers)


def body_of(answer: dict[str, Any]) -> Any:
    """Return the body of an answer: JSON as it is, all else as bytes."""
    if "digits" in answer:
        return b'{"run_id": ' + b"7" * answer["digits"] + b"}"
    if "depth" in answer:
        return b'{"run_id":' + b"[" * answer["depth"]
    if "megabytes" in answer:
        return b" " * (answer["megabytes"] * MEGABYTE) + b'{"run_id": 1000}'
    if "bomb" in answer:
        return bomb(answer["bomb"])
    return answer["text"].encode() if "text" in answer else answer.get("json", b"")


@cache
def bomb(megabytes: int) -> bytes:
    """Return spaces, packed as gzip."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(b" " * MEGABYTE) for _ in range(megabytes)) + packer.flush()


def by_path(**actions: Action) -> Action:
    """Answer by the last part of the path; what else is asked for is not there."""

    async def action(request: Received, writer: asyncio.StreamWriter) -> bool:
        name = request.path.rpartition("/")[2].replace("-", "_")
        return await actions.get(name, says(404, {"error_code": "ENDPOINT_NOT_FOUND", "message": ""}))(request, writer)

    return action


@asynccontextmanager
async def service(server: ScriptedServer) -> AsyncIterator[World]:
    """Yield a world whose Databricks is the real client, speaking to the server."""
    world = World(DATABRICKS_HOST=server.url, DATABRICKS_TOKEN=TOKEN, DISPATCH_BUDGET="1s")
    settings = world.settings.databricks
    http = create_http_client()
    jobs = JobsClient(http, settings, create_credentials(settings, http, world.clock), world.clock)
    world.databricks = jobs  # type: ignore[assignment]  # the real one, in the place of the fake
    world.restart(RULES)
    try:
        yield world
    finally:
        await jobs.aclose()


async def drop(world: World) -> Entry:
    """Drop the file of a rule that names its job by id; return what became of it."""
    return (await world.drop("landing/erp/a.csv")).entry


async def redrive(world: World, times: int) -> Entry:
    """Let what is due be tried again so many times, and return the entry."""
    for _ in range(times):
        entry = await world.only_entry()
        if entry.due_at is None or entry.state is State.SUBMITTED:
            break
        world.clock.advance(max(0.0, (entry.due_at - world.clock.now()).total_seconds()) + 1)
        await world.redriver.redrive(await due(world, entry), world.deadline())
    return await world.only_entry()


async def due(world: World, entry: Entry) -> list[Marker]:
    """Return the markers of an entry's rule."""
    return [marker for partition in partitions_of(entry.rule) async for marker in world.entries.open(partition)]


@pytest.mark.parametrize("hostile", CASES, ids=lambda case: f"{case['number']}-{case['title']}")
async def test_hostile_answer_loses_nothing(hostile: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    """The ledger says what is known, memory is bounded, nobody else gets the token, and afterwards one run is there."""
    expected, book = hostile["expected"], RunBook()
    async with serving() as elsewhere, serving() as server, service(server) as world:
        server.always(by_path(run_now=case(hostile["answer"], elsewhere.url)))
        tracemalloc.start()
        try:
            entry = await drop(world)
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

        assert entry.state is State(expected["state"])
        assert most < MOST_MEMORY
        assert elsewhere.received == []
        assert TOKEN not in caplog.text + str(entry)
        if expected["error"]:
            assert f"why={expected['error']}" in caplog.text
            assert entry.run_id is None
            assert entry.reason

        server.always(by_path(run_now=book.starts()))
        entry = await redrive(world, 4)

        assert entry.state is State.SUBMITTED
        assert len({json.loads(request.body)["idempotency_token"] for request in server.received}) == 1
        assert len({request.body for request in server.received}) == 1
        assert len(book.runs) <= 1
    count("corpus")


LASTING = [case for case in CASES if case["expected"]["lasting"]]


@pytest.mark.parametrize("hostile", LASTING, ids=lambda case: f"{case['number']}-{case['title']}")
async def test_lasting_hostile_answer_ends_as_it_must(hostile: dict[str, Any]) -> None:
    """Refused for good is dead with its reason after three times; all else stays open and due with the same request."""
    async with serving() as elsewhere, serving() as server, service(server) as world:
        server.always(by_path(run_now=case(hostile["answer"], elsewhere.url)))
        await drop(world)

        entry = await redrive(world, 5)

        assert entry.state is State(hostile["expected"]["lasting"])
        assert (entry.due_at is None) == (entry.state is State.DEAD)
        assert entry.generation == 1
        assert len({request.body for request in server.received}) == 1
        assert elsewhere.received == []


async def test_unknown_state_of_a_run_is_waited_for() -> None:
    """Case 85: new life cycle states may appear at any time; such a run is neither a success nor a failure yet."""
    states = [{"life_cycle_state": "HIBERNATING"}, {"life_cycle_state": "TERMINATED", "result_state": "SUCCESS"}]
    answers = [says(200, {"run_id": 1000, "job_id": 8, "state": state}) for state in states]
    async with serving() as server, service(server) as world:
        server.always(by_path(run_now=RunBook().starts(), get=answers[0], list=says(200, {})))
        await drop(world)
        world.clock.advance(timedelta(minutes=15).total_seconds())
        await world.reconciler.run()
        waiting = await world.only_entry()
        server.always(by_path(get=answers[1], list=says(200, {})))
        world.clock.advance(timedelta(minutes=15).total_seconds())
        await world.reconciler.run()
        ended = await world.only_entry()

    assert (waiting.state, waiting.result) == (State.SUBMITTED, None)
    assert (ended.state, ended.result) == (State.SETTLED, Result.SUCCEEDED)


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 200, "json": {"run_id": 10**30}},
        {"status": 200, "text": "[]"},
        {"status": 200, "text": "<html>"},
        {"status": 301, "headers": {"location": "ELSEWHERE/"}},
        {"status": 500, "megabytes": 10},
        {"status": 200, "depth": 100_000},
    ],
    ids=str,
)
async def test_hostile_answer_about_a_run_keeps_it_open(answer: dict[str, Any]) -> None:
    """What cannot be read says nothing about the run: the entry stays submitted, and due."""
    async with serving() as elsewhere, serving() as server, service(server) as world:
        hostile = case(answer, elsewhere.url)
        server.always(by_path(run_now=RunBook().starts(), get=hostile, list=hostile))
        await drop(world)
        world.clock.advance(timedelta(minutes=15).total_seconds())

        await world.reconciler.run()

        entry = await world.only_entry()
        assert (entry.state, entry.run_id, entry.result) == (State.SUBMITTED, 1000, None)
        assert entry.due_at is not None
        assert elsewhere.received == []


def test_every_case_about_databricks_is_there() -> None:
    """Cases 77 to 87 of the corpus; 85 is about the run and has a test of its own."""
    assert {case["number"] for case in CASES} | {85} == set(range(77, 88))

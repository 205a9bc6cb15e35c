"""Hostile names at the doors of the service: events, listings, rules, parameters, the ledger, the status."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from typing import Any, cast
from urllib.parse import quote, unquote

import azure.functions as func
import pytest

from functions.http_status import http_status
from functions.on_blob_event import on_blob_event
from localdev.memory_table import MemoryTable
from shared.blobs.page_decoder import decode_page
from shared.blobs.page_parser import parse_page
from shared.ledger import Entries
from shared.model import Source, State, entry_key
from tests.fakes.arrivals import arrival, entry
from tests.fakes.world import World
from tests.hostile import tally
from tests.hostile.corpus import ACCOUNT, Name, event_of, label, names
from tests.hostile.service import behind_the_doors
from tests.shared.blobs import listing_pages

VERBATIM = """
version: 1
rules:
  - {name: verbatim, path: "landing/**", job: {id: 7}, notebook_params: {path: "{blob.path}"}}
"""
ENCODED = """
version: 1
rules:
  - {name: encoded, path: "landing/**", job: {id: 7}, notebook_params: {url: "{blob.https}"}}
"""
STORABLE = [name for name in names() if name.event == "verbatim" or name.azurite == "same"]
ANNOUNCED = [name for name in names() if name.event == "verbatim"]
RULE = {"verbatim": VERBATIM, "encoded": ENCODED}


def body_of(name: Name) -> str:
    """Return the event of a file of a name, as its body."""
    return json.dumps([event_of(name.text)])


@pytest.mark.parametrize("name", names(), ids=label)
@pytest.mark.parametrize("passed", ["verbatim", "encoded"])
async def test_event_starts_the_job_with_the_name_or_says_why_not(
    name: Name, passed: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A job gets the very name that was dropped, or the entry is dead with its reason, or one line says why."""
    caplog.set_level(logging.INFO, "landfall")
    world = behind_the_doors(World(RULE[passed]), monkeypatch)
    outcome = getattr(name, passed)

    await cast("Any", on_blob_event)(body_of(name))

    entries = await world.all_entries()
    if name.event != "verbatim":
        assert entries == []
        (line,) = [record.getMessage() for record in caplog.records if "event.ignored" in record.getMessage()]
        assert name.event in line
    elif outcome == "runs":
        (request,) = world.databricks.sent
        told = json.loads(request.body)["notebook_params"]
        given = told["path"] if passed == "verbatim" else unquote(told["url"].partition("/landing/")[2])
        assert given == name.text == entries[0].arrival.path
        assert not any("{{" in value or "}}" in value for value in told.values())
    else:
        (dead,) = entries
        assert (dead.state, dead.due_at) == (State.DEAD, None)
        assert outcome in dead.reason
        assert dead.reason.isprintable()
        assert len(dead.reason) < 300
        assert world.databricks.sent == []
    assert all(record.getMessage().isprintable() for record in caplog.records)
    tally.count("corpus")


@pytest.mark.parametrize("name", [name for name in names() if "\ud83d" not in name.text], ids=label)
def test_listing_tells_the_same_name(name: Name) -> None:
    """A page of a listing has the name as XML, or percent-encoded where XML cannot have it: it is the same name.

    Both readers of pages say so, and the entry of an event has the key of the sweep's (invariant 4).
    """
    page = listing_pages.page(str(listing_pages.Listed(name=_name_element(name.text))))

    fast, slow = decode_page(page, ACCOUNT, "landing"), parse_page(page, ACCOUNT, "landing")

    (listed,) = fast.arrivals
    assert fast == slow
    assert listed.path == name.text
    assert listed.version
    announced = replace(arrival(name.text, listed.version), source=Source.EVENT)
    assert entry_key("crm", announced) == entry_key("crm", listed)
    tally.count("corpus")


def _name_element(text: str) -> str:
    """Return the element of a name as Azure writes it."""
    can_be_xml = all(character in "\t\n\r" or character >= " " for character in text) and not {"\ufffe", "\uffff"} & {
        *text
    }
    return listing_pages.element("Name", text) if can_be_xml else f'<Name Encoded="true">{quote(text, safe="")}</Name>'


async def test_sweep_finds_every_name_whose_event_was_lost() -> None:
    """No name stops a sweep, or hides another file from it: each runs once, or is dead with its reason."""
    world = World(VERBATIM)
    await world.reconciler.run()
    for name in STORABLE:
        world.landing.upload(f"landing/{name.text}")
    world.clock.advance(600)

    await world.reconciler.run()

    entries = {entry.arrival.path: entry for entry in await world.all_entries()}
    assert set(entries) == {name.text for name in STORABLE}
    for name in STORABLE:
        is_running = entries[name.text].state is State.SUBMITTED
        assert is_running if name.verbatim == "runs" else name.verbatim in entries[name.text].reason, name
        tally.count("corpus")
    assert len(world.databricks.runs) == sum(name.verbatim == "runs" for name in STORABLE)


async def test_sweep_knows_every_name_that_was_announced() -> None:
    """Event and sweep give a file the same key, whatever it is called: nothing starts twice (invariant 4)."""
    world = World(VERBATIM)
    await world.reconciler.run()
    for name in ANNOUNCED:
        await world.deliver(world.landing.upload(f"landing/{name.text}"))
    started = len(world.databricks.runs)
    world.clock.advance(600)

    done = await world.reconciler.run()

    assert started == len(world.databricks.runs) == sum(name.verbatim == "runs" for name in ANNOUNCED)
    counts = done.summary()["sweeps"]["verbatim"]
    assert (counts.get("known"), counts.get("missed", 0)) == (len(ANNOUNCED), 0)


@pytest.mark.parametrize("name", ANNOUNCED, ids=label)
async def test_ledger_gives_back_the_name(name: Name) -> None:
    """An entry that is read back is the one that was written."""
    entries = Entries(MemoryTable(), lambda: "nonce")
    claim = await entries.claim(entry(of=arrival(name.text)))

    read = await entries.read("crm", claim.entry.arrival, claim.entry.key)

    assert read == claim.entry
    tally.count("corpus")


async def test_status_is_plain_json(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the API answers after all these names is JSON of printable ASCII."""
    world = behind_the_doors(World(VERBATIM), monkeypatch)
    for name in ANNOUNCED:
        await world.deliver(world.landing.upload(f"landing/{name.text}"))
    await world.reconciler.run()

    response = await cast("Any", http_status)(func.HttpRequest("GET", "http://localhost/api/status", body=b""))

    text = response.get_body().decode("ascii")
    assert response.status_code == 200
    assert text.isprintable()
    assert json.loads(text)["rules"][0]["rule"] == "verbatim"


MANY = ", ".join(f'p{number}: "{{blob.https}}"' for number in range(5))


@pytest.mark.parametrize("mode", ["", "mode: shadow, "])
async def test_parameters_that_no_row_holds_are_dead_and_hold_up_nothing(mode: str) -> None:
    """A long name in many parameters would fill more than a row: it is dead with its reason, and the others run.

    Without that its event would come again for a day, and the sweep would never get past it.
    """
    rule = f'{{name: r, path: "landing/**", {mode}job: {{id: 7}}, job_parameters: {{{MANY}}}}}'
    world = World(f"version: 1\nrules:\n  - {rule}\n")
    await world.reconciler.run()
    world.landing.upload("landing/" + "\u5b57" * 1024)
    world.landing.upload("landing/short.csv")
    world.clock.advance(600)

    await world.reconciler.run()

    long, short = sorted(await world.all_entries(), key=lambda entry: -len(entry.arrival.path))
    assert long.parameters == {}
    assert short.parameters["job_parameters"]["p0"].endswith("short.csv")
    if not mode:
        assert (long.state, short.state) == (State.DEAD, State.SUBMITTED)
        assert "30,000 characters that a row holds" in long.reason


GATHERED = """
version: 1
rules:
  - name: gathered
    path: "landing/**"
    gather: {quiet: 1m}
    job: {id: 7}
    notebook_params: {files: "{gather.files}", manifest: "{gather.manifest}"}
"""


async def test_batch_holds_every_name() -> None:
    """One hostile name does not spoil the batch of all others: the manifest lists each file, as it is called."""
    world = World(GATHERED)
    await world.reconciler.run()
    for name in ANNOUNCED:
        await world.deliver(world.landing.upload(f"landing/{name.text}"))
    for _ in range(3):
        world.clock.advance(120)
        await world.reconciler.run()

    (manifest,) = world.landing.manifests.values()
    (request,) = world.databricks.sent
    assert {file["path"] for file in json.loads(manifest)["files"]} == {name.text for name in ANNOUNCED}
    assert not any("{{" in value or "}}" in value for value in json.loads(request.body)["notebook_params"].values())

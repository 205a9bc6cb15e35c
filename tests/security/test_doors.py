"""Who may open which door, on whose word, and what a failure tells outside."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any, cast

import pytest

from functions.on_blob_event import on_blob_event
from functions.on_reconcile_timer import on_reconcile_timer
from functions.on_sweep_shard import on_sweep_shard
from shared import wiring
from shared.door_failures import failing_discreetly
from shared.errors import LandfallError, LedgerUnavailable, Unexpected
from shared.model import Result, State
from tests.fakes.doors import Door, behind_the_doors, http_doors
from tests.fakes.world import World, event_body
from tests.test_architecture import modules

DOORS = http_doors()
WRITES = [(door, method) for door in DOORS for method in door.methods if method != "GET" and door.level != "anonymous"]
ROOT = Path(__file__).parents[2]
SECRET = "hunter2-hunter2"


def named(case: object) -> str:
    """Return what a case is called."""
    return case.name if isinstance(case, Door) else str(case)


def body_for(door: Door) -> bytes:
    """Return a request that would do something."""
    return json.dumps({} if door.name == "http_prunes" else {"rule": "crm"}).encode()


async def opened(door: Door, method: str, **headers: str) -> int:
    """Open a door with headers, `_` for `-`, and return the status."""
    with behind_the_doors(World()) as world:
        await world.drop("landing/crm/a.csv")
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        response = await door.open(method, body_for(door), headers=given, route_params={"id": "0" * 12})
    return int(response.status_code)


def test_only_the_webhook_is_anonymous() -> None:
    """It has a password of its own; every other door wants a function key, which the host checks."""
    levels = {door.name: door.level for door in DOORS}

    assert levels.pop("http_databricks") == "anonymous"
    assert set(levels.values()) <= {"function", "admin"}


@pytest.mark.parametrize(("door", "method"), WRITES, ids=named)
@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "cross-site", "origin": "https://app.azurewebsites.net", "host": "app.azurewebsites.net"},
        {"origin": "https://evil.example", "host": "app.azurewebsites.net"},
        {"origin": "https://app.azurewebsites.net.evil.example", "host": "app.azurewebsites.net"},
        {"origin": "https://app.azurewebsites.net:8443", "host": "app.azurewebsites.net"},
        {"origin": "null", "host": "app.azurewebsites.net"},
        {"origin": "https://["},
        {"origin": "https://evil.example"},
    ],
    ids=str,
)
async def test_page_of_another_site_changes_nothing(door: Door, method: str, headers: dict[str, str]) -> None:
    """A cookie of App Service's sign-in lets a browser in, whosever page made it send the request."""
    assert await opened(door, method, **headers) == 403


@pytest.mark.parametrize(("door", "method"), WRITES, ids=named)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"host": "app.azurewebsites.net"},
        {"sec_fetch_site": "same-origin", "origin": "https://app.azurewebsites.net"},
        {"sec_fetch_site": "none"},
        {"origin": "https://App.azurewebsites.net", "host": "app.azurewebsites.net"},
    ],
    ids=str,
)
async def test_scripts_and_our_own_pages_get_in(door: Door, method: str, headers: dict[str, str]) -> None:
    """Neither curl nor a page of ours is kept out."""
    assert await opened(door, method, **headers) in {200, 202, 404}


async def test_header_of_a_principal_is_nobodys_word(caplog: pytest.LogCaptureFixture) -> None:
    """App Service alone may set it, and only where its sign-in is on: no answer, no row and no line has it."""
    (door,) = [door for door in DOORS if door.name == "http_replays"]
    forged = {f"x-ms-client-principal{part}": f"{SECRET}-boss" for part in ("", "-name", "-id", "-idp")}
    with behind_the_doors(World()) as world:
        claim = await world.drop("landing/crm/a.csv")
        await world.entries.move(
            claim.entry, state=State.SETTLED, result=Result.FAILED, due_at=None, settled_at=world.clock.now()
        )

        response = await door.open("POST", b'{"rule": "crm"}', headers=forged)

        assert response.status_code == 202
        assert SECRET not in response.get_body().decode() + caplog.text + str(await world.all_entries())


def test_no_module_reads_the_header_of_a_principal() -> None:
    """Who adds it must decide when to trust it, and say so in docs/security.md."""
    deployed = modules("function_app", "functions", "shared")

    assert not [path.name for path in deployed if "x-ms-client-principal" in path.read_text("utf-8").lower()]


def fail_with(error: Exception) -> object:
    """Return a function that raises an error in place of giving the service."""

    def fail() -> object:
        raise error

    return fail


@pytest.mark.parametrize(
    "open_door", [on_blob_event, on_reconcile_timer, on_sweep_shard], ids=["event", "timer", "shard"]
)
async def test_failure_behind_a_door_says_only_its_kind(
    open_door: object, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The host puts an exception's text, and that of its causes, into its answer to Event Grid."""
    monkeypatch.setattr(wiring, "service", fail_with(RuntimeError(f"the key is {SECRET}\nand so on")))

    with pytest.raises(Unexpected) as caught:
        await cast("Any", open_door)(_Trigger())

    assert "RuntimeError" in str(caught.value)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert "door.failed" in caplog.text


class _Trigger:
    past_due = False


def test_expected_error_keeps_its_kind_and_loses_its_causes() -> None:
    """What handlers look for is still there; what a library said is not."""
    with pytest.raises(LedgerUnavailable) as caught, failing_discreetly("a door"):
        raise LedgerUnavailable("The ledger is away.") from RuntimeError(SECRET)

    assert caught.value.__cause__ is None


def test_expected_error_that_holds_a_secret_is_redacted() -> None:
    """No message of ours does. If one did, it would not leave."""
    with pytest.raises(LandfallError) as caught, failing_discreetly("a door"):
        raise LedgerUnavailable("Could not read https://a/b?sv=1&sig=AbCdEf123456%3D.")

    assert "AbCdEf123456" not in str(caught.value)
    assert "sig=***" in str(caught.value)


HOSTILE_URLS = (
    "http://169.254.169.254/metadata/identity/oauth2/token?resource=https://storage.azure.com/",
    "https://devstoreaccount1.blob.core.windows.net@evil.example/landing/crm/a.csv",
    "file:///etc/passwd",
    "https://[",
    "gopher://127.0.0.1:6379/_FLUSHALL",
)


@pytest.mark.parametrize("url", HOSTILE_URLS)
async def test_address_in_an_event_is_never_asked(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blob is the one that the subject names, in the account of our settings; nobody connects anywhere else."""
    world = World()
    (event,) = json.loads(event_body(world.landing.upload("landing/crm/a.csv")))
    event["data"]["url"] = url
    monkeypatch.setattr(socket.socket, "connect", fail_with(AssertionError("somebody connects")))

    await world.intake.receive(json.dumps([event]), world.deadline())

    (sent,) = world.databricks.sent
    assert "evil" not in sent.body
    assert "169.254" not in sent.body
    assert "devstoreaccount1/landing/crm/a.csv" in sent.body


@pytest.mark.parametrize("field", ["topic", "source"])
async def test_event_of_another_account_starts_nothing(field: str, caplog: pytest.LogCaptureFixture) -> None:
    """The topic, or its namesake of CloudEvents, must be the landing account; the log says what was ignored."""
    world = World()
    caplog.set_level("INFO")
    (event,) = json.loads(event_body(world.landing.upload("landing/crm/a.csv")))
    del event["topic"]
    event[field] = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/somebodyelse"

    await world.intake.receive(json.dumps([event]), world.deadline())

    assert await world.all_entries() == []
    assert world.databricks.sent == []
    assert "account somebodyelse is not watched" in caplog.text

"""`landfall backfill`, over a service of fakes."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from rich.console import Console
from typer.testing import CliRunner

import cli.backfill.command
from cli.__main__ import app
from cli.backfill import report
from shared import wiring
from shared.errors import LedgerConflict, RequestError
from shared.ledger import Backfill, BackfillState
from tests.fakes.world import World

DAY = 86400.0


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """Return a service over fakes that the command finds, whose rules are younger than twenty files."""
    world = World()
    world.landing.page_size = 5

    async def close() -> None:
        """Release nothing."""

    async def age() -> None:
        for number in range(20):
            world.landing.upload(f"landing/crm/{number:02}.csv")
        world.clock.advance(DAY)
        await world.reconciler.run()

    asyncio.run(age())
    service = SimpleNamespace(
        backfill_orders=world.backfill_orders, backfiller=world.backfiller, clock=world.clock, close=close
    )
    monkeypatch.setattr(cli.backfill.command, "environment", dict)
    monkeypatch.setattr(wiring, "build", lambda _: service)
    monkeypatch.setenv("LOGNAME", "ada")
    return world


def invoke(*arguments: str) -> tuple[int, str, str]:
    """Run `landfall backfill` and return its exit code, its standard output and its standard error."""
    result = CliRunner().invoke(app, ["backfill", *arguments])
    if isinstance(result.exception, Exception):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def entries(world: World) -> int:
    """Return how many entries there are."""
    return len(asyncio.run(world.all_entries()))


def stored(world: World) -> Backfill:
    """Return the only backfill."""
    (found,) = asyncio.run(world.backfill_orders.recent(cli.backfill.command.LISTED))
    return found


@contextmanager
def interrupted_at(claims: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Press Ctrl-C when so many files have been claimed."""

    @contextmanager
    def pressing(_: Backfill) -> Iterator[object]:
        def show(now: Backfill) -> None:
            if now.counts.get("claimed", 0) >= claims:
                signal.raise_signal(signal.SIGINT)

        yield show

    with monkeypatch.context() as patch:
        patch.setattr(cli.backfill.command, "progress_of", pressing)
        yield


def test_files_older_than_their_rule_are_claimed(world: World) -> None:
    """The command goes through the range here and now, and says what it found."""
    code, output, talk = invoke("--rule", "crm", "--rate", "1000")

    assert code == 0
    assert "done. 20 listed: 20 claimed." in output
    assert "\x1b" not in output + talk
    assert entries(world) == 20
    assert stored(world).asked_by == "ada"


def test_dry_run_only_counts(world: World) -> None:
    """Nothing is claimed and nothing is written down."""
    code, output, _ = invoke("--rule", "crm", "--prefix", "landing/crm/1", "--dry-run")

    assert (code, output.strip()) == (0, "10 listed: 10 would be claimed.")
    assert entries(world) == 0


def test_interrupted_says_how_to_go_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C loses nothing, and --resume claims the rest."""
    with interrupted_at(8, monkeypatch):
        code, _, talk = invoke("--rule", "crm", "--rate", "1000")
    identity = stored(world).id

    resumed, output, _ = invoke("--resume", identity)

    assert (code, resumed) == (130, 0)
    assert f"landfall backfill --resume {identity}" in " ".join(talk.split())
    assert "20 claimed" in output
    assert entries(world) == 20


def test_same_request_goes_on_with_the_unfinished_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks for the same again need not know the id."""
    with interrupted_at(8, monkeypatch):
        invoke("--rule", "crm", "--limit", "15")

    code, _, talk = invoke("--rule", "crm", "--limit", "15")

    assert code == 0
    assert stored(world).id in talk
    assert (stored(world).state, entries(world)) == (BackfillState.DONE, 15)


def test_detached_is_left_to_the_passes(world: World) -> None:
    """The id goes to standard output, for scripts; the service does the rest."""
    code, output, _ = invoke("--rule", "crm", "--detach")

    assert (code, output.strip(), entries(world)) == (0, stored(world).id, 0)
    asyncio.run(world.reconciler.run())
    assert entries(world) == 20


def test_cancelled_is_shown_in_the_list(world: World) -> None:
    """--cancel ends one, --list shows all of them with who asked."""
    _, identity, _ = invoke("--rule", "crm", "--detach")

    code, output, _ = invoke("--cancel", identity.strip())
    _, listed, _ = invoke("--list")
    _, as_json, _ = invoke("--list", "--json")

    assert (code, output.split()) == (0, [identity.strip(), "cancelled."])
    assert identity.strip() in listed
    assert [each["state"] for each in json.loads(as_json)["backfills"]] == ["cancelled"]
    assert asyncio.run(world.reconciler.run()).failures == []
    assert entries(world) == 0


def test_json_is_one_document(world: World) -> None:
    """Scripts get on standard output what the service answers over HTTP."""
    _, output, _ = invoke("--rule", "crm", "--limit", "3", "--json")

    told = json.loads(output)
    assert (told["state"], told["counts"]["claimed"], told["limit"]) == ("done", 3, 3)
    assert entries(world) == 3


def test_one_that_somebody_works_on_is_left_alone(world: World) -> None:
    """Two workers would only be in each other's way; who is it, and until when, is said."""
    _, identity, _ = invoke("--rule", "crm", "--detach")
    asyncio.run(world.backfills.take(identity.strip(), "worker 7", world.clock.now()))

    with pytest.raises(LedgerConflict, match="worker 7 is working on"):
        invoke("--resume", identity.strip())


@pytest.mark.parametrize("option", ["--resume", "--cancel"])
def test_unknown_id_is_one_message(world: World, option: str) -> None:
    """A mistyped id is told as such."""
    del world

    with pytest.raises(RequestError, match="There is no backfill 2026"):
        invoke(option, "2026")


@pytest.mark.parametrize("arguments", [(), ("--rule", "crm", "--list"), ("--resume", "x", "--cancel", "x")])
def test_mixtures_are_refused(world: World, arguments: tuple[str, ...]) -> None:
    """One thing at a time, and at least one."""
    del world

    assert invoke(*arguments)[0] == 2


def test_terminal_shows_one_line_that_logs_do_not_garble(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal the line moves, log lines go above it, and it is gone in the end."""
    terminal = Console(stderr=True, force_terminal=True, width=120)
    monkeypatch.setattr(report, "talk", terminal)
    world.landing.touch("landing/crm/00.csv")

    code, output, talk = invoke("--rule", "crm", "--rate", "1000")

    assert code == 0
    assert "claimed" in talk
    assert talk.count("\x1b[?25l") == talk.count("\x1b[?25h") == 1
    assert "\x1b" not in output

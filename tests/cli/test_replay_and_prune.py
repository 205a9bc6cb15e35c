"""`landfall replay` and `landfall prune`, over a service of fakes."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from cli.__main__ import app
from shared import wiring
from shared.errors import RequestError
from shared.model import Entry, Result, State
from tests.fakes.world import World


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """Return a service over fakes that the commands find."""
    world = World()

    async def close() -> None:
        """Release nothing."""

    service = SimpleNamespace(
        replayer=world.replayer,
        redriver=world.redriver,
        pruner=world.pruner,
        bookkeeping=world.bookkeeping,
        clock=world.clock,
        close=close,
    )
    monkeypatch.setattr("cli.replay.environment", dict)
    monkeypatch.setattr("cli.prune.environment", dict)
    monkeypatch.setattr(wiring, "build", lambda _: service)
    monkeypatch.setenv("LOGNAME", "ada")
    return world


def entry(world: World) -> Entry:
    """Return the only entry."""
    return asyncio.run(world.only_entry())


@pytest.fixture
def failed(world: World) -> Entry:
    """Return an entry whose run has failed, of a file with a hostile name."""

    async def end() -> Entry:
        claim = await world.drop("landing/crm/[red]\u202e\x1b[31m.csv")
        return await world.entries.move(
            claim.entry, state=State.SETTLED, result=Result.FAILED, due_at=None, settled_at=world.clock.now()
        )

    return asyncio.run(end())


def invoke(*arguments: str, says: str | None = None) -> tuple[int, str, str]:
    """Run `landfall` and return its exit code, its standard output and its standard error."""
    result = CliRunner().invoke(app, list(arguments), input=says)
    if isinstance(result.exception, Exception):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def test_one_entry_is_opened_without_asking(world: World, failed: Entry) -> None:
    """Who names an entry means it; the digits of the log are enough, and the ledger says who asked."""
    code, output, _ = invoke("replay", failed.key[:12].upper())

    opened = entry(world)
    assert code == 0
    assert (opened.state, opened.generation) == (State.PENDING, 2)
    assert "ada" in opened.reason
    assert failed.key[:12] in output
    assert "\x1b[31m" not in output
    assert "\u202e" not in output


def test_entry_may_be_started_at_once(world: World, failed: Entry) -> None:
    """With --start nobody waits for the next pass."""
    _, _, said = invoke("replay", failed.key[:12], "--start")

    assert entry(world).state is State.SUBMITTED
    assert "1 now submitted." in said


@pytest.mark.parametrize(("says", "code", "state"), [("y\n", 0, State.PENDING), ("n\n", 1, State.SETTLED)])
def test_many_entries_are_opened_when_a_person_agrees(
    world: World, failed: Entry, says: str, code: int, state: State
) -> None:
    """A rule's entries are shown first, and nothing happens without a yes."""
    left, output, said = invoke("replay", "--rule", "crm", says=says)

    assert left == code
    assert "Would be opened again" in output
    assert "Open 1 entries again?" in said
    assert entry(world).state is state
    assert entry(world).key == failed.key


def test_scripts_get_one_document(world: World, failed: Entry) -> None:
    """With --yes nobody is asked, and standard output is JSON alone."""
    code, output, _ = invoke("replay", "--rule", "crm", "--state", "failed", "--since", "2026-11-01", "--yes", "--json")

    assert code == 0
    assert [one["entry"] for one in json.loads(output)["reopened"]] == [failed.key]
    assert entry(world).is_open


@pytest.mark.usefixtures("failed")
def test_other_states_are_left_alone(world: World) -> None:
    """Only what ended so is opened; with nothing to open nobody is asked."""
    code, output, _ = invoke("replay", "--rule", "crm", "--state", "dead")

    assert code == 0
    assert "0 would be opened again." in output
    assert not entry(world).is_open


def test_entry_that_cannot_be_opened_is_a_failure(world: World, failed: Entry) -> None:
    """A script that names an entry learns by the exit status that it was not opened."""
    asyncio.run(world.entries.move(failed, result=Result.SUCCEEDED))

    code, _, said = invoke("replay", failed.key[:12])

    assert code == 1
    assert "nothing is left to be done" in said
    assert "\x1b[31m" not in said


@pytest.mark.usefixtures("world")
def test_unclear_options_are_refused() -> None:
    """A moment that cannot be read, or no selection at all, says what to write."""
    code, _, said = invoke("replay", "--rule", "crm", "--since", "soon")

    assert code == 2
    assert "--since" in said
    with pytest.raises(RequestError, match="give an entry, or a rule"):
        invoke("replay")


def test_old_entries_are_removed(world: World, failed: Entry) -> None:
    """A dry run counts them, and the real one removes them."""

    async def age() -> None:
        world.clock.advance(timedelta(days=200).total_seconds())
        await world.bookkeeping.activate("crm", world.clock.now())

    asyncio.run(age())

    _, dry, _ = invoke("prune", "--dry-run", "--json")
    assert entry(world) == failed
    code, output, _ = invoke("prune")
    _, again, _ = invoke("prune")

    assert code == 0
    assert json.loads(dry)["rules"] == {"crm": {"entries": 1}}
    assert "crm" in output
    assert asyncio.run(world.all_entries()) == []
    assert "Nothing is old enough." in again


@pytest.mark.usefixtures("world")
def test_younger_than_the_retention_is_refused() -> None:
    """Nothing that sweeps compare with is removed, whoever asks."""
    with pytest.raises(RequestError, match="LEDGER_RETENTION"):
        invoke("prune", "--older-than", "1d")

"""The command line: clear words, JSON for scripts, exit codes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.__main__ import app, main
from cli.drop import _target
from cli.target import environment, state_folder
from shared.errors import SettingsError

RULES = """
version: 1
rules:
  - {name: crm, path: "landing/crm/{date:%Y-%m-%d}/{name}.csv", job: {name: "ETL Pipeline Daily"}}
"""
COMMANDS = ["up", "drop", "explain", "status", "runs", "backfill", "replay", "prune", "demo"]


@pytest.fixture
def rules(tmp_path: Path) -> str:
    """Return the path of a rules file."""
    file = tmp_path / "rules.yaml"
    file.write_text(RULES, encoding="utf-8")
    return str(file)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test finds a stack that a developer has running."""
    monkeypatch.setenv("LANDFALL_STATE", str(tmp_path / "state"))


def invoke(*arguments: str) -> tuple[int, str]:
    """Run `landfall` and return its exit code and its output."""
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.output


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    """`--help` says what a command does."""
    code, output = invoke(command, "--help")

    assert code == 0
    assert "Usage" in output


def test_help_lists_every_command() -> None:
    """Without arguments the commands are listed."""
    _, output = invoke()

    assert all(command in output for command in COMMANDS)


def test_explain_names_rule_captures_and_job(rules: str) -> None:
    """A path that matches says by which rule, with which captures, and what it starts."""
    code, output = invoke("explain", "landing/crm/2026-11-22/orders.csv", "--rules", rules)

    assert code == 0
    assert "date=2026-11-22, name=orders" in output
    assert "crm starts the job name:ETL Pipeline Daily." in output


def test_explain_says_where_a_rule_stops(rules: str) -> None:
    """A path that does not match says at which segment and why; the exit code tells scripts."""
    code, output = invoke("explain", "landing/crm/2026-02-30/orders.csv", "--rules", rules)

    assert code == 1
    assert "`2026-02-30` is not a date" in output


def test_hostile_path_cannot_colour_the_table(rules: str) -> None:
    """Escape sequences and markup in a name are shown, not obeyed."""
    _, output = invoke("explain", "landing/\x1b[31m[red]x[/red]\u202e", "--rules", rules)

    assert "\x1b" not in output
    assert "\u202e" not in output
    assert "[red]x[/red]" in output


@pytest.mark.parametrize("command", ["status", "runs"])
def test_wrong_window_says_what_to_write(command: str) -> None:
    """A length of time that cannot be read is refused before anything is asked."""
    code, output = invoke(command, "--window", "soon")

    assert code == 2
    assert "90s, 5m, 48h or 7d" in " ".join(output.replace("│", " ").split())


def test_no_stack_and_no_settings_is_one_message(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody who has not started anything is told how to."""
    monkeypatch.setattr("sys.argv", ["landfall", "status"])

    with pytest.raises(SystemExit) as caught:
        main()

    assert caught.value.code == 1
    assert "Start one with `landfall up`" in capsys.readouterr().err


def test_stack_of_a_dead_process_is_not_used(tmp_path: Path) -> None:
    """What a killed stack has left behind does not count as running."""
    state = tmp_path / "state"
    state.mkdir()
    (state / "stack.json").write_text(json.dumps({"pid": 2**22 + 1, "environment": {}, "host_url": ""}))

    with pytest.raises(SettingsError):
        environment()


def test_running_stack_gives_its_settings(tmp_path: Path) -> None:
    """The settings of the stack in this folder win over the environment."""
    state = tmp_path / "state"
    state.mkdir()
    description = {"pid": os.getpid(), "environment": {"DATABRICKS_HOST": "http://127.0.0.1:1"}, "host_url": ""}
    (state / "stack.json").write_text(json.dumps(description))

    assert environment()["DATABRICKS_HOST"] == "http://127.0.0.1:1"


@pytest.mark.parametrize(
    ("to", "target"),
    [
        ("landing/inbox/", "landing/inbox/a.csv"),
        ("landing/x.csv", "landing/x.csv"),
        ("/landing/x.csv", "landing/x.csv"),
    ],
)
def test_drop_names_its_target(to: str, target: str) -> None:
    """A folder takes the file's own name, anything else is the name."""
    assert _target(to, Path("/somewhere/a.csv")) == target


def test_drop_of_several_files_needs_a_folder(tmp_path: Path) -> None:
    """Two files cannot have one name."""
    files = [tmp_path / name for name in ("a.csv", "b.csv")]
    for file in files:
        file.write_text("x")

    code, output = invoke("drop", *map(str, files), "--as", "landing/x.csv")

    assert code == 2
    assert "end it with /" in output


def test_state_is_found_from_other_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tasks of the local workspace run in folders of their own: without a setting the state is still found there."""
    monkeypatch.delenv("LANDFALL_STATE")

    assert state_folder() == Path.cwd() / ".landfall"

"""`landfall jobs … --help` says enough to begin with."""

from __future__ import annotations

import re
import shlex

import pytest
from typer.testing import CliRunner

from cli.__main__ import app
from cli.jobs.command import jobs


def shown(command: str) -> str:
    """Return the help of a command, in a terminal that is wide enough."""
    return CliRunner().invoke(app, ["jobs", command, "--help"], terminal_width=200, env={"COLUMNS": "200"}).output


@pytest.mark.parametrize("command", ["apply", "check", "export"])
def test_help_shows_how_to_begin(command: str) -> None:
    """There is an example that can be copied, and what the exit status means."""
    text = shown(command)

    example = re.search(rf"^ *\$ landfall jobs {command} (.+?)\s*$", text, re.MULTILINE)
    assert example is not None
    assert shlex.split(example.group(1))
    assert "Exit status" in text


def test_help_has_every_command_of_the_group() -> None:
    """A new command gets its example too."""
    assert {command.callback.__name__ for command in jobs.registered_commands if command.callback} == {
        "apply",
        "check",
        "export",
    }


@pytest.mark.parametrize("command", ["apply", "check", "export"])
def test_switches_have_no_negation(command: str) -> None:
    """What is off by default needs no option that turns it off."""
    assert "--no-" not in shown(command)

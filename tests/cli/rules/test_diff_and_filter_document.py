"""docs/rules-tools.md shows what the commands say."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner

from cli.explain.command import explain
from cli.rules.diff.command import diff
from cli.rules.filter.command import filter_

DOCUMENT = (Path(__file__).parents[3] / "docs" / "rules-tools.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^```\w+ (\S+)\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL))
SESSIONS = re.findall(r"^```console\n\$ landfall (.*?)\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)

rules = typer.Typer()
rules.command("diff")(diff)
rules.command("filter")(filter_)
app = typer.Typer()
app.command()(explain)
app.add_typer(rules, name="rules")


def comparable(text: str) -> list[str]:
    """Return lines without what only lays them out; of keys and tokens that are digests the first digits."""
    lines = [line.rstrip() for line in re.sub(r"([0-9a-f]{12})[0-9a-f]{52}", r"\1…", text).splitlines()]
    return [line for line in lines if line]


@pytest.mark.parametrize(("command", "output"), SESSIONS, ids=[command for command, _ in SESSIONS])
def test_example_says_what_the_document_shows(
    command: str, output: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each session of the document is run with the document's files and answers as it is printed there."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LANDFALL_STATE", str(tmp_path / "state"))

    result = CliRunner().invoke(app, shlex.split(command))

    assert comparable(result.stdout) == comparable(output)


def test_every_option_of_the_document_exists() -> None:
    """What the document tells people to write is understood."""
    command = get_command(app)
    group = command.commands["rules"].commands  # type: ignore[attr-defined]  # a group has commands
    commands = [command.commands["explain"], *group.values()]  # type: ignore[attr-defined]  # the same
    known = {name for each in commands for option in each.params for name in [*option.opts, *option.secondary_opts]}
    own = re.sub(r"```console.*?```|`az [^`]*`", "", DOCUMENT, flags=re.DOTALL)

    mentioned = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", own))

    assert len(SESSIONS) == 6
    assert mentioned - known == set()

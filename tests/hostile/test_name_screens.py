"""Hostile names on screens and in logs: nothing in them is obeyed, nothing is lost, and every line stays one."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from cli import output
from cli.explain.command import explain
from cli.runs import runs
from shared import logs
from shared.model import Entry
from shared.rules_file import parse_rules
from shared.wording import LONGEST_SHOWN, shown
from tests.fakes.arrivals import arrival, entry
from tests.fakes.manual_clock import START
from tests.hostile import tally
from tests.hostile.corpus import Name, label, names
from tests.hostile.fuzzing import fuzzed

RULES = 'version: 1\nrules:\n  - {name: r, path: "landing/**", job: {id: 7}, notebook_params: {path: "{blob.path}"}}\n'
TEXTS = [name for name in names() if "\ud83d" not in name.text]
NAMES = pytest.mark.parametrize("name", TEXTS, ids=label)
# One field of a line: a name, and a value that is bare or between quotes with everything odd escaped.
FIELD = re.compile(r'([a-z_]+)=(?:([A-Za-z0-9_.:/@+-]+)|"((?:[^"\\]|\\.)*)")(?: |$)')

app = typer.Typer()
app.command("explain")(explain)
app.command("runs")(runs)


def assert_harmless(text: str) -> None:
    """Fail where a terminal would obey something in a text, or could not show it."""
    assert all(line.isprintable() for line in text.split("\n")), ascii(text)


@NAMES
def test_explain_shows_a_name_harmlessly(name: Name, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a file would start is told of every name, whatever a terminal would make of it."""
    file = tmp_path / "rules.yaml"
    file.write_text(RULES, "utf-8")
    monkeypatch.setenv("LANDFALL_STATE", str(tmp_path / "state"))

    people = CliRunner().invoke(app, ["explain", f"landing/{name.text}", "--rules", str(file)])
    scripts = CliRunner().invoke(app, ["explain", f"landing/{name.text}", "--rules", str(file), "--json"])

    assert people.exit_code == scripts.exit_code == (0 if name.event == "verbatim" else 1)
    assert_harmless(people.output)
    assert_harmless(scripts.output)
    assert json.loads(scripts.stdout)["path"] == f"landing/{name.text}"
    tally.count("corpus")


@NAMES
def test_runs_shows_a_name_harmlessly(name: Name, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list of the newest files keeps its columns, and scripts read the very name."""
    found = [entry(rule="r", of=arrival(name.text), reason=f"why {name.text}")]

    async def read(*_: object) -> tuple[list[Entry], object, object]:
        return found, parse_rules(RULES, "rules.yaml"), START

    monkeypatch.setattr("cli.runs._read", read)

    people = CliRunner().invoke(app, ["runs"])
    scripts = CliRunner().invoke(app, ["runs", "--json"])

    assert (people.exit_code, scripts.exit_code) == (0, 0)
    assert_harmless(people.output)
    assert_harmless(scripts.output)
    (told,) = json.loads(scripts.stdout)
    assert f"landing/{name.text}" in told.values()
    tally.count("corpus")


@NAMES
def test_tables_say_and_complain_harmlessly(name: Name, capsys: pytest.CaptureFixture[str]) -> None:
    """Every way to write something to a person escapes it: cells, titles, facts, sentences, complaints."""
    output.show_table(name.text, ("file", "why"), [(name.text, name.text)], wide=("file", "why"))
    output.show_facts(name.text, [(name.text, name.text)])
    output.say(name.text)
    output.complain(name.text)

    written = capsys.readouterr()
    assert_harmless(written.out)
    assert_harmless(written.err)
    assert "\x1b" not in written.out + written.err
    tally.count("corpus")


@NAMES
def test_error_shows_a_name_in_short(name: Name) -> None:
    """A name within a sentence is on one line, visible, and of bounded length."""
    text = shown(name.text)

    assert text.isprintable()
    assert len(text) <= 2 + 10 * (LONGEST_SHOWN + 1)
    tally.count("corpus")


@NAMES
def test_log_line_gives_back_the_name(name: Name) -> None:
    """A name makes no other field and no other line, and is read back from its own."""
    line = logs.line("arrival.claimed", path=name.text, rule="r")

    assert_one_line(line, {"path": name.text, "rule": "r"})
    tally.count("corpus")


@fuzzed(300)
@given(st.dictionaries(st.sampled_from(["path", "rule", "reason", "event"]), st.text() | st.text('\\"=\n\r \u202e')))
def test_any_field_makes_one_line(fields: dict[str, str]) -> None:
    """Whatever fields hold: one line, nothing invisible, bounded, and each field is read back as it was."""
    tally.count("fuzzed")

    line = logs.line("some.fact", **fields)

    assert_one_line(line, fields)


def assert_one_line(line: str, fields: dict[str, str]) -> None:
    """Fail where a line is not one, is too long, or does not say these fields and no others."""
    assert line.isprintable()
    assert len(line) <= 40 + len(fields) * (40 + 10 * logs.LONGEST_VALUE)
    name, _, rest = line.partition(" ")
    read = {key: bare or _unescaped(quoted) for key, bare, quoted in FIELD.findall(rest)}
    assert name.isprintable()
    assert FIELD.sub("", rest) == ""
    assert {key: _cut(value) for key, value in fields.items()} == read


def _cut(text: str) -> str:
    longest = logs.LONGEST_VALUE
    return text if len(text) <= longest else f"{text[:longest]}…({len(text)} characters)"


def _unescaped(text: str) -> str:
    """Return what `logs.printable` has escaped, by Python's own rules; characters that it leaves are themselves."""
    return re.sub(
        r"\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}|.)",
        lambda found: found[0][1] if found[0][1] in '"\\' else found[0].encode("ascii").decode("unicode_escape"),
        text,
    )

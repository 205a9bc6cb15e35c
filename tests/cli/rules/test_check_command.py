"""The command: which files, which formats, which exit status."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # its types are a package of their own
import pytest
from typer.testing import CliRunner, Result

from cli.rules.check.findings import CODES, Finding
from cli.rules.check.reports import github_command
from cli.rules.command import rules as app
from tests.cli.rules.templates import rules_text

GOOD = rules_text("landing/crm/*.csv")
CLASH = rules_text("landing/a*", "landing/*b")
BAD = rules_text("landing/**", "landing/*.csv")


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test asks a workspace that a developer's environment names."""
    monkeypatch.setenv("LANDFALL_STATE", str(tmp_path / "state"))
    monkeypatch.delenv("DATABRICKS_HOST", raising=False)
    monkeypatch.chdir(tmp_path)


def check(*arguments: str, text: str | bytes | None = None) -> Result:
    """Run `landfall rules check`."""
    return CliRunner().invoke(app, ["check", *arguments], input=text)


def written(text: str, name: str = "rules.yaml") -> str:
    """Write a rules file into the current folder."""
    Path(name).write_text(text, encoding="utf-8")
    return name


@pytest.mark.parametrize(
    ("text", "options", "status"),
    [
        (GOOD, [], 0),
        (CLASH, [], 0),
        (CLASH, ["--strict"], 1),
        (BAD, [], 1),
        ("rules: [", [], 1),
        (GOOD, ["--strict"], 0),
    ],
)
def test_exit_status_tells_how_bad_it_is(text: str, options: list[str], status: int) -> None:
    """0: nothing wrong; 1: errors, with --strict warnings too."""
    assert check(written(text), *options).exit_code == status


@pytest.mark.parametrize("arguments", [["missing.yaml"], ["."], ["rules.yaml", "--format", "xml"], ["--nope"]])
def test_what_cannot_be_checked_is_status_2(arguments: list[str]) -> None:
    """A missing file or a wrong option is not a finding."""
    written(GOOD)

    assert check(*arguments).exit_code == 2


def test_file_that_is_not_text_is_status_2() -> None:
    """Bytes that are no UTF-8 are told as such."""
    Path("rules.yaml").write_bytes(b"\xff\xfe")

    result = check("rules.yaml")

    assert result.exit_code == 2
    assert "it is not UTF-8 text" in result.stderr


def test_text_is_what_compilers_write() -> None:
    """file:line:column: level[code]: message on standard output, one line each; a summary on standard error."""
    result = check(written(BAD))

    (line,) = result.stdout.splitlines()
    assert re.match(r"rules\.yaml:7:11: error\[shadowed\]: `r1` never starts its job: ", line)
    assert result.stderr == "2 rules checked: 1 error.\n"


def test_standard_input_can_be_checked() -> None:
    """`-` reads the rules from a pipe."""
    result = check("-", text=BAD)

    assert result.exit_code == 1
    assert result.stdout.startswith("<stdin>:7:11: error[shadowed]")


def test_several_files_are_checked_each_for_itself() -> None:
    """Rules of two files do not compete; each finding names its file."""
    result = check(written(BAD, "a.yaml"), written(CLASH, "b.yaml"))

    assert [line.partition(":")[0] for line in result.stdout.splitlines()] == ["a.yaml", "b.yaml"]
    assert "4 rules checked: 1 error, 1 warning." in result.stderr


def test_without_files_the_rules_of_the_app_are_checked() -> None:
    """The default is the file that is deployed, which has nothing wrong with it."""
    result = check("--offline", "--strict")

    assert result.exit_code == 0
    assert "2 rules checked" in result.stderr


def test_json_is_one_document() -> None:
    """Scripts get files, counts, and every finding with its place."""
    document = json.loads(check(written(BAD), "--format", "json").stdout)

    assert document["files"] == [{"file": "rules.yaml", "rules": 2}]
    assert document["summary"] == {"error": 1, "warning": 0, "note": 0}
    (finding,) = document["findings"]
    assert {name: finding[name] for name in ("level", "code", "file", "line", "column", "rule")} == {
        "level": "error",
        "code": "shadowed",
        "file": "rules.yaml",
        "line": 7,
        "column": 11,
        "rule": "r1",
    }
    assert finding["path"].startswith("landing/")


def test_github_shows_findings_at_their_lines() -> None:
    """Workflow commands, one line each."""
    result = check(written(BAD), "--format", "github")

    assert result.exit_code == 1
    assert result.stdout.startswith("::error file=rules.yaml,line=7,col=11,title=landfall shadowed::`r1` never starts")


def test_github_commands_cannot_be_forged() -> None:
    """What a file or a message is called ends neither a property nor a command."""
    finding = Finding(code="takes-first", message="100%\n::error::x", file="a,b:c%\n.yaml", line=1, column=2)

    command = github_command(finding)

    assert command == (
        "::notice file=a%2Cb%3Ac%25\\n.yaml,line=1,col=2,title=landfall takes-first::100%25\\n::error::x"
    )


def test_sarif_has_what_the_standard_asks_for() -> None:
    """A run with its tool, a description of every code, and results that lead to both."""
    log = json.loads(check(written(CLASH + "# é"), "--format", "sarif").stdout)

    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert [rule["id"] for rule in driver["rules"]] == [code.name for code in CODES]
    assert all(rule["help"]["text"] and rule["shortDescription"]["text"] for rule in driver["rules"])
    (result,) = run["results"]
    assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"] == "overlap"
    assert result["level"] == "warning"
    assert result["message"]["text"]
    (location,) = result["locations"]
    assert location["physicalLocation"] == {
        "artifactLocation": {"uri": "rules.yaml"},
        "region": {"startLine": 7, "startColumn": 11},
    }


def test_sarif_is_valid_by_its_schema() -> None:
    """The essential structure of SARIF 2.1.0, as its schema states it."""
    documents = [check(written(text), "--format", "sarif").stdout for text in (GOOD, CLASH, BAD, "a: b: c")]

    for document in documents:
        jsonschema.Draft202012Validator(SARIF).validate(json.loads(document))


def test_sarif_names_files_by_uri() -> None:
    """A name with spaces or a percent sign is a URI reference; an absolute one a file URI."""
    absolute = str(Path.cwd() / "rules.yaml")
    written(BAD)
    uris = []
    for name in (written(BAD, "my rules %41.yaml"), absolute):
        log: dict[str, Any] = json.loads(check(name, "--format", "sarif").stdout)
        uris.append(log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"])

    assert uris[0] == "my%20rules%20%2541.yaml"
    assert uris[1] == Path(absolute).as_uri()


@pytest.mark.parametrize("form", ["text", "json", "github", "sarif"])
def test_no_control_character_reaches_the_terminal(form: str) -> None:
    """Names of files and rules are written escaped in every format."""
    name = "\x1b[31m\u202erules.yaml"
    text = 'version: 1\nrules:\n  - {name: "\\e]0;x\\a", path: "landing/*\\u202e", job: {name: "\\e[0m"}}\n'

    result = check(written(text, name), "--format", form)

    assert "\x1b" not in result.stdout + result.stderr
    assert "\u202e" not in result.stdout + result.stderr


def test_text_keeps_its_lines_whole() -> None:
    """A long message stays on one line: editors and CI read it line by line."""
    result = check(written(rules_text("landing/**", f"landing/{'folder/' * 30}*.csv")))

    assert len(result.stdout.splitlines()) == 1


# What sarif-schema-2.1.0.json demands of the parts that are written:
# https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json
_MESSAGE = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}}
_LEVEL = {"enum": ["none", "note", "warning", "error"]}
SARIF = {
    "type": "object",
    "required": ["version", "runs"],
    "additionalProperties": False,
    "properties": {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["tool", "results"],
                "additionalProperties": False,
                "properties": {
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "tool": {
                        "type": "object",
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "type": "object",
                                "required": ["name"],
                                "properties": {
                                    "rules": {
                                        "type": "array",
                                        "uniqueItems": True,
                                        "items": {
                                            "type": "object",
                                            "required": ["id"],
                                            "additionalProperties": False,
                                            "properties": {
                                                "id": {"type": "string"},
                                                "shortDescription": _MESSAGE,
                                                "fullDescription": _MESSAGE,
                                                "help": _MESSAGE,
                                                "defaultConfiguration": {"properties": {"level": _LEVEL}},
                                            },
                                        },
                                    }
                                },
                            }
                        },
                    },
                    "results": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["message"],
                            "additionalProperties": False,
                            "properties": {
                                "ruleId": {"type": "string"},
                                "ruleIndex": {"type": "integer", "minimum": -1},
                                "level": _LEVEL,
                                "message": _MESSAGE,
                                "partialFingerprints": {"additionalProperties": {"type": "string"}},
                                "locations": {
                                    "type": "array",
                                    "items": {
                                        "type": "object",
                                        "additionalProperties": False,
                                        "properties": {
                                            "logicalLocations": {"type": "array", "items": {"type": "object"}},
                                            "physicalLocation": {
                                                "type": "object",
                                                "required": ["artifactLocation"],
                                                "additionalProperties": False,
                                                "properties": {
                                                    "artifactLocation": {
                                                        "properties": {
                                                            "uri": {"type": "string", "format": "uri-reference"}
                                                        }
                                                    },
                                                    "region": {
                                                        "type": "object",
                                                        "additionalProperties": False,
                                                        "properties": {
                                                            "startLine": {"type": "integer", "minimum": 1},
                                                            "startColumn": {"type": "integer", "minimum": 1},
                                                        },
                                                    },
                                                },
                                            },
                                        },
                                    },
                                },
                            },
                        },
                    },
                },
            },
        },
    },
}

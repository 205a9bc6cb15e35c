"""docs/rules.md is the specification: every example in it is executed, and it names all that the code knows."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from shared import rules_file
from shared.durations import written_duration
from shared.errors import RulesError
from shared.model import Arrival, Source
from shared.parameters import OF_BATCHES, VALUES, Context, Locations, ParameterTemplate
from shared.path_template import (
    Captures,
    Mismatch,
    PathTemplate,
    RegexTemplate,
    TemplateError,
    capture_kinds,
    mismatch,
    parser,
)
from shared.path_template.date_format import WIDTHS
from shared.rules import FailureAction, IfIncomplete, Mode, OnOverwrite, Rules, problem
from shared.rules.gathering import DEFAULT_FILES, DEFAULT_QUIET, DEFAULT_WAIT, MOST_FILES
from shared.rules.run_parameters import CONFLICTS, KINDS, LIMITED_KINDS, SIZE_LIMIT
from shared.rules_file import parameter_checks, parse_rules, sizes
from shared.yaml_source import reader

DOCUMENT = (Path(__file__).parents[2] / "docs" / "rules.md").read_text(encoding="utf-8")


# What a block of one of these kinds says is of the YAML above it.
SAID_OF_YAML = ("faults", "starts", "sends", "ledger", "contenders")
VERBS = ("matches", "misses", "undecided")
OF_BATCHES_IN_ORDER = ("gather.manifest", "gather.count", "gather.by", "gather.files")
LOCATIONS = Locations(
    account="account",
    blob_endpoint="https://account.blob.core.windows.net",
    dfs_host="account.dfs.core.windows.net",
)


@dataclass(frozen=True)
class Block:
    """One fenced block: its kind, its text, the line it starts on, and what the blocks below it say of it, by kind."""

    kind: str
    text: str
    line: int
    said: dict[str, str] = field(default_factory=dict)


def blocks() -> list[Block]:
    """Return the fenced blocks of the document; those that say something of YAML are joined to it."""
    found: list[Block] = []
    for fence in re.finditer(r"^```(\w*)\n(.*?)^```$", DOCUMENT, re.DOTALL | re.MULTILINE):
        line = DOCUMENT.count("\n", 0, fence.start()) + 1
        if fence[1] in SAID_OF_YAML:
            assert found[-1].kind == "yaml"
            found[-1].said[fence[1]] = fence[2]
        else:
            found.append(Block(fence[1], fence[2], line))
    return found


def blob(full_path: str, facts: str = "") -> Arrival:
    """Return the arrival of a blob, of which `with size=7 api=PutBlob` or nothing is known."""
    container, _, path = full_path.partition("/")
    known: dict[str, Any] = dict(fact.split("=", 1) for fact in facts.removeprefix("with ").split())
    if "size" in known:
        known["size"] = int(known["size"])
    return Arrival(
        **{"account": "account", **known},
        container=container,
        path=path,
        version="0x8DE0000000000",
        committed_at=datetime(2026, 3, 1, 4, 5, 6, 789000, tzinfo=UTC),
        source=Source.EVENT,
    )


def columns(line: str) -> tuple[list[str], str]:
    """Return the columns of a line, two spaces or more apart, without the one that tells facts; and that one."""
    cells = re.split(r"\s{2,}", line)
    return [cell for cell in cells if not cell.startswith("with ")], "".join(c for c in cells if c.startswith("with "))


def run_yaml(block: Block) -> None:
    """A rules file is accepted, or refused with exactly the faults below it; then it does what is said below it."""
    if faults := block.said.get("faults"):
        with pytest.raises(RulesError) as refused:
            parse_rules(block.text, "rules.yaml")
        assert refused.value.message == faults.rstrip("\n")
        return
    rules = parse_rules(block.text, "rules.yaml")
    assert len(rules) > 0
    for line in block.said.get("starts", "").splitlines():
        (path, names), facts = columns(line)
        started = " ".join(match.rule.name for match in rules.match(blob(path, facts)))
        assert (started or "nothing") == names, line
    run_changes(block, rules)
    sends = block.said.get("sends", "").splitlines()
    for path, sent in zip(sends[::2], sends[1::2], strict=True):
        (match,) = rules.match(blob(path))
        fields = match.render(LOCATIONS, "KEY")
        if fault := problem(fields):
            assert f"is not run: {fault}" == sent
        else:
            assert fields == json.loads(sent), path


def run_changes(block: Block, rules: Rules) -> None:
    """Each rule has the name in the ledger, and each blob the contenders, that are said below it."""
    if ledger := block.said.get("ledger"):
        assert [(rule.name, rule.ledger_name) for rule in rules] == [
            tuple(line.split()) for line in ledger.splitlines()
        ]
    for line in block.said.get("contenders", "").splitlines():
        (path, names), facts = columns(line)
        found = " ".join(rule.name for rule in rules.contenders(blob(path, facts)))
        assert (found or "nothing") == names, line


def run_paths(match: Callable[[str], Captures | Mismatch], lines: list[str]) -> None:
    """Each line `matches` with these captures or `misses` for this reason."""
    assert lines
    for line in lines:
        verb, path, *rest = re.split(r"\s{2,}", line)
        found = match(path)
        if verb == "matches":
            assert isinstance(found, Captures), path
            assert " ".join(f"{name}={capture.text}" for name, capture in found.items()) == "".join(rest)
        else:
            assert verb == "misses"
            assert isinstance(found, Mismatch), path
            assert [found.reason] == rest


def run_template(block: Block) -> None:
    """The first line is a path template."""
    template, *lines = block.text.splitlines()
    run_paths(PathTemplate.parse(template).match, lines)


def run_expression(block: Block) -> None:
    """The first line is a regular expression."""
    expression, *lines = block.text.splitlines()
    run_paths(RegexTemplate.parse(expression).match, lines)


def run_rule(block: Block) -> None:
    """Lines of a rule, and then what it makes of blobs: `matches`, `misses` or `undecided`, and the reason."""
    lines = block.text.splitlines()
    trials = [line for line in lines if line.startswith(VERBS)]
    written = "".join(f"    {line}\n" for line in lines[: -len(trials)])
    rules = parse_rules(f"version: 1\nrules:\n  - name: sample\n    job: {{id: 1}}\n{written}", "rules.yaml")
    assert trials
    for line in trials:
        (verb, path, *reason), facts = columns(line)
        (told,) = rules.explain_arrival(blob(path, facts))
        matches = rules.match(blob(path, facts))
        assert (told.matched, bool(told.undecided)) == (verb != "misses", verb == "undecided"), line
        assert [match.undecided for match in matches] == ([told.undecided] if told.matched else []), line
        assert [told.reason] == (reason or [""]), line


def run_refused(block: Block) -> None:
    """A template or an expression, and below it the column and the sentence with which it is refused."""
    parse: Callable[[str], object] = PathTemplate.parse if block.kind == "refused" else RegexTemplate.parse
    lines = block.text.splitlines()
    for text, told in zip(lines[::2], lines[1::2], strict=True):
        with pytest.raises(TemplateError) as refused:
            parse(text)
        assert f"{refused.value.column}: {refused.value.message}" == told


def run_parameters(block: Block) -> None:
    """A parameter template and what it gives for the blob that the document describes."""
    path = PathTemplate.parse("landing/{source}/{date:%Y-%m-%d}/{name}.tar.gz")
    arrival = replace(
        blob("landing/crm/2026-02-28/orders.tar.gz", "with size=1024 content_type=application/gzip"),
        event_id="8f1f3c2e-0000-0000-0000-000000000000",
        event_type="Microsoft.Storage.BlobCreated",
    )
    captures = path.match(arrival.full_path)
    assert isinstance(captures, Captures)
    context = Context(
        rule="crm-daily",
        key="6b1f0d8a2c4e6f80112233445566778899aabbccddeeff000102030405060708",
        arrival=arrival,
        captures=captures,
        locations=LOCATIONS,
        volumes={"landing": "/Volumes/main/raw/landing"},
    )
    documented: set[str] = set()
    for line in block.text.splitlines():
        text, _, expected = line.partition("}} " if "{{" in line else " ")
        template = ParameterTemplate.parse(text + "}}" * ("{{" in line))
        template.check(path.kinds)
        documented |= template.names
        assert template.render(context) == expected.strip(), text
    assert documented >= set(VALUES) - OF_BATCHES


def run_standard(block: Block) -> None:
    """The parameters that a rule passes when nobody says which."""
    written = [line.split(": ", 1) for line in block.text.splitlines()]

    assert {name: value.strip('"') for name, value in written} == rules_file.STANDARD_PARAMETERS


RUNNERS = {
    "yaml": run_yaml,
    "template": run_template,
    "expression": run_expression,
    "rule": run_rule,
    "refused": run_refused,
    "refused_expression": run_refused,
    "parameters": run_parameters,
    "standard": run_standard,
}


@pytest.mark.parametrize("block", [pytest.param(block, id=f"line-{block.line}") for block in blocks()])
def test_document_example_does_what_it_says(block: Block) -> None:
    """Every fenced block of the specification is executed; one of an unknown kind is an error."""
    RUNNERS[block.kind](block)


def test_document_holds_examples_of_every_kind() -> None:
    """The blocks are found at all, so that the test above cannot pass by finding nothing."""
    kinds = [block.kind for block in blocks()]

    assert set(kinds) == set(RUNNERS)
    assert kinds.count("template") >= 15
    said = [kind for block in blocks() for kind in block.said]
    assert said.count("faults") >= 11
    assert said.count("starts") >= 2
    assert said.count("sends") >= 3
    assert (said.count("ledger"), said.count("contenders")) == (1, 1)


def section(number: int) -> str:
    """Return the text of a section."""
    return DOCUMENT.partition(f"\n## {number}. ")[2].partition("\n## ")[0]


def test_document_names_every_key() -> None:
    """Each key that a rules file may hold has its row in a table, and what sections tell of is all there is."""
    keys = {*rules_file.FILE_KEYS, *rules_file.RULE_KEYS}
    rows = re.findall(r"^\| (`.+?`) \|", section(11), re.MULTILINE)

    assert keys == set(re.findall(r"^\| `(\w+)` \| M(?:UST|AY) \|", section(1), re.MULTILINE))
    assert sorted(re.findall(r"`(\w+)`", " ".join(rows))) == sorted(rules_file.DEFAULTS_KEYS)
    assert {*rules_file.GIVEN_KEYS, *rules_file.EXAMPLES_KEYS, rules_file.GIVEN} <= set(
        re.findall(r"`(\w+)`", section(12))
    )


def test_document_tells_every_kind_of_parameter() -> None:
    """Each kind has its row, and the table of what Databricks refuses together is the code's."""
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", section(10), re.MULTILINE)
    told = dict(rows[: len(KINDS)])
    conflicts = {(kind, other) for kind, others in rows[len(told) :] for other in re.findall(r"`(\w+)`", others)}

    assert tuple(told) == KINDS
    assert conflicts == set(CONFLICTS)
    assert set(re.findall(r"`(\w+)`", told["pipeline_params"])) - {"true", "false"} == set(rules_file.PIPELINE_KEYS)
    limited = {kind for kind, text in told.items() if f"at most {SIZE_LIMIT:,} bytes" in text}
    assert limited == LIMITED_KINDS
    assert f"1 to {rules_file.MOST_DBT_COMMANDS} templates" in told["dbt_commands"]


def test_document_tells_every_word() -> None:
    """What a key may say is told, all of it and nothing else."""
    rows = re.findall(r"^\| `(\w+)` \| .* \|$", section(8), re.MULTILINE)
    units = re.findall(r"`(\w+)`", section(6).partition("have a unit: ")[2].partition(" Both bounds")[0])

    assert rows == ["on_overwrite", *OnOverwrite, "on_failure", *FailureAction, "mode", *Mode]
    assert f"from 1 to {rules_file.MOST_RETRIES}." in section(8)
    assert set(units) == set(sizes.UNITS)
    assert [f"`{word}`" in section(6) for word in rules_file.BLOB_TYPES] == [True] * 3
    assert set(
        re.findall(r"`([a-z]+\.[a-z_]+|triggered_by)`", section(10).partition("### 10.3")[2].partition("```")[0])
    ) == (parameter_checks.COMMAND_VALUES)


def test_document_tells_how_a_rule_gathers() -> None:
    """Every key of `gather`, its default, and every value of a batch stand in its tables."""
    rows = re.findall(r"^\| `([\w.]+)` \| .* \|$", section(15), re.MULTILINE)
    defaults = (f"{DEFAULT_FILES:,}", written_duration(DEFAULT_QUIET), written_duration(DEFAULT_WAIT))

    assert rows == [*rules_file.GATHER_KEYS, *OF_BATCHES_IN_ORDER]
    assert {*OF_BATCHES_IN_ORDER} == OF_BATCHES
    assert all(f"`{default}`" in section(15) for default in defaults)
    assert f"{MOST_FILES:,}" in section(15)
    assert [*IfIncomplete] == re.findall(r"`(dead|run)`", section(15).partition("| `if_incomplete` |")[2])[:2]


def test_document_names_every_directive() -> None:
    """Each date directive stands in the table with its width."""
    table = dict(re.findall(r"\| `%(\w)` [a-z ]+ \| (\d)", DOCUMENT))

    assert {letter: int(width) for letter, width in table.items()} == WIDTHS


def test_document_tells_the_limits() -> None:
    """The numbers of the specification are those of the code."""
    limits = DOCUMENT.partition("### 3.11")[2].partition("###")[0]

    assert f"{parser.LONGEST_TEMPLATE:,} characters" in limits
    assert f"{parser.MOST_CAPTURES} captures" in limits
    assert f"{parser.MOST_WILDCARDS} wildcards" in limits
    assert f"{parser.LONGEST_TEMPLATE:,} characters or {parser.MOST_CAPTURES} groups" in DOCUMENT
    assert f"more than {mismatch.LONGEST_PATH:,}\ncharacters" in DOCUMENT
    assert f"{reader.LONGEST_SOURCE // 2**20} MiB, nested at most {reader.DEEPEST} deep" in DOCUMENT


def test_document_names_every_reserved_name() -> None:
    """Names that captures cannot have are told."""
    told = DOCUMENT.partition("MUST NOT be `blob`")[2].partition(".")[0]

    assert {"blob", *re.findall(r"`(\w+)`", told)} == parser.RESERVED_NAMES


def test_document_names_what_a_choice_refuses() -> None:
    """The characters that no word of a choice may hold are told."""
    told = re.search(r"MUST NOT hold `([^`]+)`", DOCUMENT)

    assert told
    for character in told[1]:
        with pytest.raises(TemplateError):
            capture_kinds.parse_kind(f"a|b{character}c")

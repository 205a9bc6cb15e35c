"""docs/rules.md is the specification: every example in it is executed, and it names all that the code knows."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared import rules_file
from shared.errors import RulesError
from shared.model import Arrival, JobReference, Source
from shared.parameters import VALUES, Context, Locations, ParameterTemplate
from shared.path_template import Captures, Mismatch, PathTemplate, TemplateError, capture_kinds, mismatch, parser
from shared.path_template.date_format import WIDTHS
from shared.rules import Rule
from shared.rules_file import parse_rules
from shared.yaml_source import reader

DOCUMENT = (Path(__file__).parents[2] / "docs" / "rules.md").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Block:
    """One fenced block: its kind, its text, the line it starts on, and the `faults` block that belongs to it."""

    kind: str
    text: str
    line: int
    faults: str = ""


def blocks() -> list[Block]:
    """Return the fenced blocks of the document; `faults` blocks are joined to the YAML before them."""
    found: list[Block] = []
    for fence in re.finditer(r"^```(\w*)\n(.*?)^```$", DOCUMENT, re.DOTALL | re.MULTILINE):
        line = DOCUMENT.count("\n", 0, fence.start()) + 1
        if fence[1] == "faults":
            yaml = found.pop()
            assert yaml.kind == "yaml"
            found.append(Block("yaml", yaml.text, yaml.line, fence[2]))
        else:
            found.append(Block(fence[1], fence[2], line))
    return found


def run_yaml(block: Block) -> None:
    """A rules file is accepted, or refused with exactly the faults below it."""
    if not block.faults:
        assert len(parse_rules(block.text, "rules.yaml")) > 0
        return
    with pytest.raises(RulesError) as refused:
        parse_rules(block.text, "rules.yaml")
    assert refused.value.message == block.faults.rstrip("\n")


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


def run_rule(block: Block) -> None:
    """The first lines are a rule's path and its excludes."""
    path, exclude, *lines = block.text.splitlines()
    excludes = re.findall(r'"([^"]+)"', exclude)
    assert len(excludes) == 3
    rule = Rule(
        name="sample",
        path=PathTemplate.parse(path.split('"')[1]),
        exclude=tuple(PathTemplate.parse(text) for text in excludes),
        job=JobReference(id=1),
        notebook_params=(),
    )
    run_paths(rule.match, lines)


def run_refused(block: Block) -> None:
    """A template, and below it the column and the sentence with which it is refused."""
    lines = block.text.splitlines()
    assert len(lines) % 2 == 0
    for template, told in zip(lines[::2], lines[1::2], strict=True):
        with pytest.raises(TemplateError) as refused:
            PathTemplate.parse(template)
        assert f"{refused.value.column}: {refused.value.message}" == told


def run_parameters(block: Block) -> None:
    """A parameter template and what it gives for the blob that the document describes."""
    path = PathTemplate.parse("landing/{source}/{date:%Y-%m-%d}/{name}.tar.gz")
    arrival = Arrival(
        account="account",
        container="landing",
        path="crm/2026-02-28/orders.tar.gz",
        version="0x8DE0000000000",
        committed_at=datetime(2026, 3, 1, 4, 5, 6, 789000, tzinfo=UTC),
        source=Source.EVENT,
        size=1024,
        content_type="application/gzip",
        event_id="8f1f3c2e-0000-0000-0000-000000000000",
    )
    captures = path.match(arrival.full_path)
    assert isinstance(captures, Captures)
    context = Context(
        rule="crm-daily",
        key="6b1f0d8a2c4e6f80112233445566778899aabbccddeeff000102030405060708",
        arrival=arrival,
        captures=captures,
        locations=Locations(
            account="account",
            blob_endpoint="https://account.blob.core.windows.net",
            dfs_host="account.dfs.core.windows.net",
        ),
    )
    documented: set[str] = set()
    for line in block.text.splitlines():
        text, _, expected = line.partition("}} " if "{{" in line else " ")
        template = ParameterTemplate.parse(text + "}}" * ("{{" in line))
        template.check(path.kinds)
        documented |= template.names
        assert template.render(context) == expected.strip(), text
    assert documented >= set(VALUES)


def run_standard(block: Block) -> None:
    """The parameters that a rule passes when nobody says which."""
    written = [line.split(": ", 1) for line in block.text.splitlines()]

    assert {name: value.strip('"') for name, value in written} == rules_file.STANDARD_PARAMETERS


RUNNERS = {
    "yaml": run_yaml,
    "template": run_template,
    "rule": run_rule,
    "refused": run_refused,
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
    assert sum(bool(block.faults) for block in blocks()) >= 6


def test_document_names_every_key() -> None:
    """Each key that a rules file may hold has its row in a table."""
    keys = {*rules_file.FILE_KEYS, *rules_file.RULE_KEYS}

    assert keys == set(re.findall(r"^\| `(\w+)` \| M(?:UST|AY) \|", DOCUMENT, re.MULTILINE))


def test_document_names_every_directive() -> None:
    """Each date directive stands in the table with its width."""
    table = dict(re.findall(r"\| `%(\w)` [a-z ]+ \| (\d)", DOCUMENT))

    assert {letter: int(width) for letter, width in table.items()} == WIDTHS


def test_document_tells_the_limits() -> None:
    """The numbers of the specification are those of the code."""
    section = DOCUMENT.partition("### 3.11")[2].partition("###")[0]

    assert f"{parser.LONGEST_TEMPLATE:,} characters" in section
    assert f"{parser.MOST_CAPTURES} captures" in section
    assert f"{parser.MOST_WILDCARDS} wildcards" in section
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

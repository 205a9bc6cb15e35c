"""What `gather` says: which files are of one batch, when it is complete, and how people are told."""

from __future__ import annotations

import pytest

from cli.rules.diff.decisions import Change, change_between, decisions
from shared.gather import Manifest
from shared.parameters import Locations
from shared.path_template import Captures
from shared.rules import Gathering, Rule
from shared.rules_file import parse_rules
from tests.fakes.arrivals import arrival
from tests.shared.gather.gathering import BATCHES, SETS

LOCATIONS = Locations.in_azure("account")
DATED = """
version: 1
rules:
  - name: crm
    path: "landing/{source}/{date:%Y-%m-%d}/{name}.csv"
    job: {id: 7}
    gather: {by: "{source}/{date:%Y%m}"}
"""


def only(text: str) -> tuple[Rule, Gathering]:
    """Return the only rule of a file, and how it gathers."""
    (rule,) = parse_rules(text, "rules.yaml")
    assert rule.gather is not None
    return rule, rule.gather


def group(rule: Rule, path: str) -> tuple[str, ...]:
    """Return what a path is gathered by."""
    captures = rule.match(path)
    assert isinstance(captures, Captures)
    assert rule.gather is not None
    return rule.gather.group(captures)


def test_files_are_gathered_by_what_by_says() -> None:
    """Dates count as far as `by` writes them."""
    rule, _ = only(DATED)

    assert group(rule, "landing/crm/2026-02-27/a.csv") == group(rule, "landing/crm/2026-02-28/b.csv")
    assert group(rule, "landing/crm/2026-02-28/a.csv") != group(rule, "landing/crm/2026-03-01/a.csv")
    assert group(rule, "landing/crm/2026-02-28/a.csv") != group(rule, "landing/erp/2026-02-28/a.csv")


@pytest.mark.parametrize(
    ("paths", "missing"),
    [
        ([], ("orders.csv", "customers.csv")),
        (["landing/d1/orders.csv"], ("customers.csv",)),
        (["landing/d1/my-orders.csv", "landing/d1/orders.csv.bak"], ("orders.csv", "customers.csv")),
        (["landing/d1/a/customers.csv", "landing/orders.csv"], ()),
    ],
)
def test_expected_files_are_how_paths_end(paths: list[str], missing: tuple[str, ...]) -> None:
    """In whole segments: `my-orders.csv` is not `orders.csv`."""
    _, gathering = only(SETS)

    assert gathering.missing(paths) == missing


def test_explanation_says_what_a_file_waits_for() -> None:
    """`landfall explain` does not promise that a file starts its job at once."""
    rules = parse_rules(BATCHES, "rules.yaml")

    (told,) = rules.explain("landing/a/1.csv")

    assert told.matched
    assert told.reason == (
        "held until its batch is closed: files of the same `{source}` start one run when none has come for 10m, "
        "1h after the first, or when there are 4"
    )


def test_set_is_told_in_words() -> None:
    """People read what closes it, and what becomes of one that is not complete."""
    _, gathering = only(SETS)

    assert gathering.words() == (
        "files of the same `{day}` start one run once orders.csv, customers.csv are there; after 1h they are given up"
    )


def test_change_of_gathering_is_a_difference() -> None:
    """`landfall rules diff` shows that files wait longer, or for others."""
    texts = (BATCHES, BATCHES.replace("files: 4", "files: 5"))

    old, new = (decisions(parse_rules(text, "rules.yaml"), arrival("a/1.csv"), LOCATIONS) for text in texts)

    assert change_between(old, old) is Change.SAME
    assert change_between(old, new) is Change.HANDLING


def test_manifest_is_read_as_it_was_written() -> None:
    """What is frozen in a manifest is what the batch's entry is made of, by whomever."""
    content = (
        b'{"batch":"b","by":"a","files":[{"committed_at":"2026-11-22T12:00:00+00:00","container":"landing",'
        b'"entry":"e","etag":"0x1","generation":1,"path":"a/1.csv","size":null,"uri":"abfss://x"}],'
        b'"format":"landfall-manifest","job":"id:7","missing":[],"parameters":{"notebook_params":{"x":"y"}},'
        b'"rule":"crm","schema":1,"sealed_at":"2026-11-22T12:00:00+00:00"}'
    )

    manifest = Manifest.read(content, "crm/b.json")

    assert manifest.content() == content
    assert manifest.entry("account", manifest.sealed_at).arrival.path == "crm/b.json"

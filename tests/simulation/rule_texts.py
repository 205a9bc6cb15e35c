"""The rules of a history, and how people edit them."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from functools import lru_cache

from shared.rules import Rules
from shared.rules_file import parse_rules


@dataclass(frozen=True, kw_only=True, slots=True)
class RuleText:
    """One rule as its file says it."""

    name: str
    path: str
    job: str
    options: str = ""
    ledger_name: str = ""  # its first name, where it has been renamed
    enabled: bool = True

    @property
    def kept_as(self) -> str:
        """Return the name that its entries are kept by."""
        return self.ledger_name or self.name

    def text(self) -> str:
        """Return the rule in YAML."""
        renamed = f", renamed_from: {self.ledger_name}" if self.ledger_name else ""
        enabled = "" if self.enabled else ", enabled: false"
        return f'  - {{name: {self.name}, path: "{self.path}", job: {self.job}{renamed}{enabled}{self.options}}}'


FIRST = (
    RuleText(name="crm", path="landing/crm/{name}.csv", job="{name: ETL}"),
    RuleText(name="erp", path="landing/erp/{name}.csv", job="{id: 8}", options=", on_failure: {rerun: 2}"),
    RuleText(name="dated", path="inbox/{date:%Y-%m-%d}/{name}.csv", job="{id: 9}", options=", on_failure: {repair: 1}"),
    RuleText(name="quiet", path="inbox/quiet/{name}.csv", job="{id: 10}", options=", min_age: 2m"),
    RuleText(name="audit", path="landing/crm/audited-{name}.csv", job="{id: 11}", options=", also: true"),
    RuleText(name="rest", path="landing/{area}/{name}.csv", job="{id: 12}"),
)
LIMIT, LIMITED_JOB = 3, 8  # runs a minute, of the rule `erp`
LIMITED = tuple(
    replace(rule, options=f"{rule.options}, limit: {LIMIT}/minute") if rule.name == "erp" else rule for rule in FIRST
)
IGNORING = {"rest": "ignore", "dated": "alert"}  # what these say of overwrites, where a history has such rules
SHADOW = RuleText(name="shadow", path="inbox/{folder}/{name}.csv", job="{id: 12}", options=", also: true, mode: shadow")
MOST_FILES = 4
EXPECTED_FILES = {"nightly": ("orders.csv", "customers.csv"), "weekly": ("orders.csv", "customers.csv")}
RUN_IF_INCOMPLETE = {"weekly"}
LONGEST_GATHERING = 600.0  # seconds
GATHERING = (
    RuleText(
        name="bundle",
        path="bulk/{team:alpha|beta}/{name}.csv",
        job="{id: 13}",
        options=f', gather: {{by: "{{team}}", quiet: 2m, wait: 6m, files: {MOST_FILES}}}, on_failure: {{rerun: 2}}',
    ),
    RuleText(
        name="nightly",
        path="bulk/nightly/{night}/{name}.csv",
        job="{id: 14}",
        options=', gather: {by: "{night}", expect: [orders.csv, customers.csv], wait: 10m}',
    ),
    RuleText(
        name="weekly",
        path="bulk/weekly/{week}/{name}.csv",
        job="{id: 14}",
        options=', gather: {by: "{week}", expect: [orders.csv, customers.csv], wait: 10m, if_incomplete: run}',
    ),
)
GATHERING_NAMES = tuple(rule.name for rule in GATHERING)
RERUN = {"erp", "bundle"}  # where `on_failure` says so
# All that any version of the rules may call an entry's rule.
LEDGER_NAMES = (*(rule.name for rule in (*FIRST, *GATHERING, SHADOW)), "added")
JOB_IDS = (7, 8, 9, 10, 11, 12, 13, 14)
Document = tuple[RuleText, ...]


def ignoring(document: Document) -> Document:
    """Return a document in which some rules start nothing for what overwrites a file."""
    return tuple(
        replace(rule, options=f"{rule.options}, on_overwrite: {IGNORING[rule.name]}") if rule.name in IGNORING else rule
        for rule in document
    )


def text_of(document: Document) -> str:
    """Return the rules file of a document."""
    return "\n".join(["version: 1", "rules:", *(rule.text() for rule in document), ""])


@lru_cache(maxsize=256)
def parsed(document: Document) -> Rules:
    """Return the rules of a document; the same object for the same document."""
    return parse_rules(text_of(document), "rules.yaml")


def edited(document: Document, chance: random.Random) -> tuple[str, Document]:
    """Return what an edit is called, and the document after it."""
    edit = chance.choice(("reorder", "rename", "disable", "enable", "add", "remove"))
    rules = list(document)
    number = chance.randrange(len(rules))
    chosen = rules[number]
    if edit == "reorder":
        chance.shuffle(rules)
    elif edit == "rename" and not chosen.ledger_name:
        rules[number] = replace(chosen, name=f"{chosen.name}-2", ledger_name=chosen.name)
    elif edit == "disable" and chosen.enabled and sum(rule.enabled for rule in rules) > 2:
        rules[number] = replace(chosen, enabled=False)
    elif edit == "enable":
        rules = [replace(rule, enabled=True) for rule in rules]
    elif edit == "add" and all(rule.kept_as != "added" for rule in rules):
        rules.insert(number, RuleText(name="added", path="landing/{area}/{name}.csv", job="{id: 12}"))
    elif edit == "remove" and len(rules) > 3 and chosen.kept_as == "added":
        rules.pop(number)
    return edit, tuple(rules)

"""What rules are called and were called: by which name the ledger keeps them, and that no two share one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import RulesError
from shared.rules import Rules
from shared.rules_file import parse_rules
from tests.shared.test_rules import rule

RENAMED = Rules(
    [
        rule("customers-daily", "landing/crm/*", renamed_from=("customers", "crm")),
        rule("erp", "landing/erp/*"),
        rule("orders", "landing/orders/*", renamed_from=("sales",)),
    ]
)


def read(*rules: dict[str, Any]) -> Rules:
    """Return the rules of a file; raises RulesError."""
    common = {"path": "landing/*", "job": {"id": 1}}
    return parse_rules(json.dumps({"version": 1, "rules": [{**common, **each} for each in rules]}), "rules.yaml")


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (None, ()),
        ("crm", ("crm",)),
        (["crm"], ("crm",)),
        (["customers", "crm"], ("customers", "crm")),
    ],
)
def test_former_names_are_kept_in_their_order(written: object, kept: tuple[str, ...]) -> None:
    """One name or a list, the latest first; a rule that says nothing has none."""
    (found,) = read({"name": "customers-daily"} | ({"renamed_from": written} if written else {}))

    assert found.renamed_from == kept


def test_ledger_name_is_the_first_that_a_rule_ever_had() -> None:
    """However often a rule is renamed, its entries stay where the first one was written."""
    assert [each.ledger_name for each in RENAMED] == ["crm", "erp", "sales"]


def test_rules_are_found_by_the_name_of_their_entries() -> None:
    """What an entry says of its rule finds the rule, and no other name does."""
    found = {name: RENAMED.by_ledger_name(name) for name in ("crm", "erp", "sales", "customers", "orders", "gone")}

    assert {name: each and each.name for name, each in found.items()} == {
        "crm": "customers-daily",
        "erp": "erp",
        "sales": "orders",
        "customers": None,
        "orders": None,
        "gone": None,
    }


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("customers-daily", "customers-daily"),
        ("customers", "customers-daily"),
        ("crm", "customers-daily"),
        ("erp", "erp"),
        ("sales", "orders"),
        ("gone", None),
    ],
)
def test_people_may_say_any_name_that_a_rule_had(said: str, meant: str | None) -> None:
    """The present name or a former one: all of them mean the rule that is there now."""
    found = RENAMED.called(said)

    assert (found.name if found else None) == meant


def test_present_names_are_shown_for_those_of_the_ledger() -> None:
    """People read what a rule is called now, and of a rule that is gone what it was called."""
    assert [RENAMED.present_name(name) for name in ("crm", "erp", "sales", "gone")] == [
        "customers-daily",
        "erp",
        "orders",
        "gone",
    ]


_NAMES = st.sampled_from(["a", "b", "c", "d", "e"])


@given(st.lists(st.tuples(_NAMES, st.lists(_NAMES, max_size=2)), min_size=1, max_size=4))
def test_no_name_is_that_of_two_rules(drawn: list[tuple[str, list[str]]]) -> None:
    """A file is read exactly when each name, present or former, stands once; then the ledger tells all rules apart."""
    written = [{"name": name} | ({"renamed_from": former} if former else {}) for name, former in drawn]
    every_name = [name for present, former in drawn for name in (present, *former)]

    if len(set(every_name)) < len(every_name):
        with pytest.raises(RulesError):
            read(*written)
        return

    rules = read(*written)

    assert len({each.ledger_name for each in rules}) == len(rules)
    assert {name: found.name for name in every_name if (found := rules.called(name))} == {
        name: present for present, former in drawn for name in (present, *former)
    }

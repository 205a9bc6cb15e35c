"""The JSON Schema for editors: it is what the reader of rules files says, and refuses nothing that the reader takes."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # its types are a package of their own
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from cli.rules.command import rules as app
from cli.rules.schema.schema import rules_schema, schema_text
from shared.errors import RulesError
from shared.rules.run_parameters import CONFLICTS, LIST_KINDS
from shared.rules_file import (
    DEFAULTS_KEYS,
    EXAMPLES_KEYS,
    FILE_KEYS,
    GATHER_KEYS,
    GIVEN_KEYS,
    JOB_KEYS,
    PIPELINE_KEYS,
    RULE_KEYS,
    parse_rules,
)

ROOT = Path(__file__).parents[3]
PUBLISHED = ROOT / "docs" / "rules.schema.json"
VALIDATOR = jsonschema.Draft202012Validator(rules_schema())

FULL: dict[str, Any] = {
    "version": 1,
    "defaults": {
        "exclude": ["**/_tmp/**"],
        "on_overwrite": "alert",
        "on_failure": {"rerun": 10},
        "limit": "100/hour",
        "mode": "shadow",
        "min_age": "5m",
        "volumes": {"landing": "/Volumes/main/raw/landing"},
        "notebook_params": {"environment": "test"},
    },
    "rules": [
        {
            "name": "full",
            "renamed_from": ["fuller", "fullest"],
            "description": "Everything at once.",
            "path": "landing/{source:a|b}/{date:%Y-%m-%d}/*.csv",
            "exclude": ["**/.*"],
            "min_size": 1,
            "max_size": "10 MiB",
            "content_type": ["text/csv", "text/*"],
            "blob_type": "BlockBlob",
            "api": "PutBlob",
            "account": ["one1", "two2"],
            "min_age": "90s",
            "also": True,
            "enabled": True,
            "mode": "run",
            "on_overwrite": "ignore",
            "on_failure": {"repair": 2},
            "limit": ["10/minute", "500/day"],
            "job": {"id": 7},
            "job_parameters": {"file": "{blob.uri}", "empty": ""},
            "sql_params": {"day": "{date:%d}"},
            "pipeline_params": {"full_refresh": False, "refresh_selection": ["a"]},
            "only": ["+main"],
            "examples": {
                "match": {
                    "landing/a/2026-02-28/x.csv": {
                        "source": "a",
                        "given": {
                            "size": 5,
                            "api": "PutBlob",
                            "content_type": "text/csv",
                            "blob_type": "BlockBlob",
                            "account": "one1",
                        },
                    }
                },
                "no_match": ["landing/c/x.csv"],
            },
        },
        {
            "name": "regex",
            "regex": "landing/(?P<x>[a-z]+)",
            "job": {"name": "ETL"},
            "min_age": "0s",
            "gather": {"by": "{x}", "expect": ["a.csv", "b/c.csv"], "wait": "2h", "if_incomplete": "run"},
            "dbt_commands": ["dbt run"],
            "python_params": [],
        },
    ],
}


def is_valid(document: object) -> bool:
    """Tell whether the schema takes a document."""
    return bool(VALIDATOR.is_valid(document))


def is_read(document: object) -> bool:
    """Tell whether the reader takes a document."""
    try:
        parse_rules(json.dumps(document), "rules.yaml")
    except RulesError:
        return False
    return True


def changed(path: tuple[str | int, ...], value: object) -> dict[str, Any]:
    """Return the full document with one value changed."""
    document = deepcopy(FULL)
    target: Any = document
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value
    return document


def test_published_schema_is_made_of_the_reader() -> None:
    """docs/rules.schema.json is what `landfall rules schema` writes; run it again after a change of the language."""
    assert PUBLISHED.read_text(encoding="utf-8") == schema_text()


def test_command_writes_the_schema(tmp_path: Path) -> None:
    """To standard output, or to a file; a place that cannot be written to is exit status 2."""
    run = CliRunner().invoke

    assert run(app, ["schema"]).stdout == schema_text()
    assert run(app, ["schema", "--output", str(tmp_path / "s.json")]).exit_code == 0
    assert (tmp_path / "s.json").read_text(encoding="utf-8") == schema_text()
    assert run(app, ["schema", "-o", str(tmp_path / "no" / "s.json")]).exit_code == 2


def test_schema_is_a_schema() -> None:
    """It is valid by its own dialect."""
    jsonschema.Draft202012Validator.check_schema(rules_schema())


def test_schema_has_the_keys_of_the_reader() -> None:
    """Each mapping has the keys that the reader knows, in its order, each with a text for people."""
    schema = rules_schema()
    definitions = schema["$defs"]
    found = {
        FILE_KEYS: schema,
        tuple(DEFAULTS_KEYS): schema["properties"]["defaults"],
        RULE_KEYS: definitions["rule"],
        JOB_KEYS: definitions["job"],
        EXAMPLES_KEYS: definitions["examples"],
        GIVEN_KEYS: definitions["given"],
        PIPELINE_KEYS: definitions["rule"]["properties"]["pipeline_params"],
        GATHER_KEYS: definitions["rule"]["properties"]["gather"],
    }

    for keys, mapping in found.items():
        assert tuple(mapping["properties"]) == tuple(keys)
        assert mapping["additionalProperties"] is False
        assert all(len(each["description"]) > 5 for each in mapping["properties"].values())


def test_full_document_is_taken_by_both() -> None:
    """A file that uses every key is read, and valid."""
    assert is_read(FULL)
    VALIDATOR.validate(FULL)
    assert {key for rule in FULL["rules"] for key in rule} >= set(RULE_KEYS) - {
        "notebook_params",
        "python_named_params",
        "jar_params",
    }


@pytest.mark.parametrize("key", RULE_KEYS)
def test_wrong_type_of_a_key_is_refused_by_both(key: str) -> None:
    """No key of a rule takes a list in a list."""
    document = changed(("rules", 0, key), [[1]])

    assert not is_read(document)
    assert not is_valid(document)


@pytest.mark.parametrize("key", ["name", "path", "job"])
def test_missing_key_is_refused_by_both(key: str) -> None:
    """Every rule has a name, a path and a job."""
    document = deepcopy(FULL)
    del document["rules"][0][key]

    assert not is_read(document)
    assert not is_valid(document)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("rule",), []),
        (("version",), 2),
        (("version",), "1"),
        (("rules",), []),
        (("rules",), {}),
        (("defaults", "only"), ["a"]),
        (("defaults", "volumes"), {"landing": "/mnt/landing"}),
        (("defaults", "min_age"), 5),
        (("rules", 0, "retries"), 3),
        (("rules", 0, "regex"), "landing/.*"),
        (("rules", 0, "name"), "Upper"),
        (("rules", 0, "job"), {"id": 1, "name": "x"}),
        (("rules", 0, "job"), {}),
        (("rules", 0, "job", "id"), 0),
        (("rules", 0, "min_size"), 1.5),
        (("rules", 0, "min_size"), "big"),
        (("rules", 0, "min_age"), "soon"),
        (("rules", 0, "blob_type"), "Blob"),
        (("rules", 0, "mode"), "dry"),
        (("rules", 0, "on_overwrite"), "never"),
        (("rules", 0, "also"), "true"),
        (("rules", 0, "content_type"), []),
        (("rules", 0, "account"), ["one1", "one1"]),
        (("rules", 0, "job_parameters", "count"), 3),
        (("rules", 0, "pipeline_params", "refresh"), True),
        (("rules", 0, "notebook_params"), {"a": "b"}),
        (("rules", 0, "renamed_from"), []),
        (("rules", 0, "renamed_from"), ["a", "a"]),
        (("rules", 0, "renamed_from"), "No Name"),
        (("rules", 0, "limit"), "0/hour"),
        (("rules", 0, "limit"), "10/week"),
        (("rules", 0, "limit"), 10),
        (("defaults", "limit"), []),
        (("rules", 0, "on_failure"), "rerun"),
        (("rules", 0, "on_failure"), {"rerun": 11}),
        (("rules", 0, "on_failure"), {"rerun": 1, "repair": 1}),
        (("defaults", "on_failure"), {}),
        (("rules", 1, "gather", "expect"), ["/a.csv"]),
        (("rules", 1, "gather", "quiet"), "5m"),
        (("rules", 1, "gather"), {"if_incomplete": "run"}),
        (("rules", 1, "gather"), {"files": 20_000}),
        (("rules", 1, "gather"), {"wait": 60}),
        (("rules", 0, "examples", "maybe"), []),
        (("rules", 0, "examples", "no_match"), {"landing/a": {"source": "a"}}),
        (("rules", 0, "examples", "match"), ["landing"]),
        (("rules", 1, "dbt_commands"), ["run"]),
        (("rules", 1, "dbt_commands"), []),
    ],
)
def test_malformed_document_is_refused_by_both(path: tuple[str | int, ...], value: object) -> None:
    """Unknown keys, wrong values and what excludes each other: an editor shows what the reader would refuse."""
    document = changed(path, value)

    assert not is_read(document)
    assert not is_valid(document)


@pytest.mark.parametrize("pair", CONFLICTS, ids="-".join)
def test_kinds_that_databricks_refuses_together_are_shown(pair: tuple[str, str]) -> None:
    """Two kinds of parameters that exclude each other are refused by both."""
    kinds = {kind: ["dbt run"] if kind in LIST_KINDS else {"a": "b"} for kind in pair}
    document = {"version": 1, "rules": [{"name": "a", "path": "landing/*", "job": {"id": 1}, **kinds}]}

    assert not is_read(document)
    assert not is_valid(document)


def documents() -> list[str]:
    """Return every rules file that is shown or shipped."""
    blocks = [
        block
        for document in sorted((ROOT / "docs").glob("*.md"))
        for block in re.findall(r"```yaml\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL)
    ]
    files = [path.read_text(encoding="utf-8") for path in (ROOT / "rules.yaml", *ROOT.glob("samples/**/rules.yaml"))]
    return [text for text in [*blocks, *files] if _reads(text)]


def _reads(text: str) -> bool:
    try:
        parse_rules(text, "rules.yaml")
    except RulesError:
        return False
    return True


def test_every_good_document_is_valid() -> None:
    """All rules files of the documents and samples that are read are valid."""
    found = documents()

    assert len(found) >= 5
    for text in found:
        VALIDATOR.validate(yaml.safe_load(text))


_VALUES = st.sampled_from(
    [
        "",
        "a",
        "landing/*",
        "10KB",
        "5m",
        "true",
        "run",
        "PutBlob",
        "text/*",
        "dbt run",
        "{blob.uri}",
        0,
        1,
        1.5,
        True,
        None,
    ]
)
_NESTED = st.one_of(
    _VALUES,
    st.lists(_VALUES, max_size=2),
    st.dictionaries(
        st.sampled_from(["a", "id", "name", "match", "landing/a", "full_refresh", "given"]), _VALUES, max_size=2
    ),
)


@given(keys=st.dictionaries(st.sampled_from(RULE_KEYS), _NESTED, max_size=3), base=st.booleans())
@settings(max_examples=400, deadline=None)
def test_schema_refuses_nothing_that_is_read(keys: dict[str, object], base: bool) -> None:  # noqa: FBT001 - drawn
    """Whatever the reader takes is valid: an editor never marks what works."""
    rule = {"name": "a", "path": "landing/*", "job": {"id": 1}} if base else {"name": "a", "job": {"name": "x"}}
    document = {"version": 1, "rules": [{**rule, **keys}]}

    if is_read(document):
        VALIDATOR.validate(document)

"""The JSON Schema of rules files, made of the key lists that their reader uses: it gives editors completion.

It says what keys there are and what stands under them; what is in a template, only the reader knows. So the schema
refuses nothing that the reader takes, of which tests make sure. https://json-schema.org/draft/2020-12/schema
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from cli.rules.schema import texts
from shared.rules import FailureAction, IfIncomplete, Mode, OnOverwrite, Per
from shared.rules.gathering import DEFAULT_FILES, MOST_FILES
from shared.rules.run_parameters import CONFLICTS, LIST_KINDS, MAPPING_KINDS
from shared.rules_file import (
    BLOB_TYPES,
    DEFAULTS_KEYS,
    EXAMPLES_KEYS,
    FILE_KEYS,
    GATHER_KEYS,
    GATHER_TAIL,
    GIVEN,
    GIVEN_KEYS,
    JOB_KEYS,
    LIMIT_PATTERN,
    MOST_DBT_COMMANDS,
    MOST_EXPECTED,
    MOST_RETRIES,
    PIPELINE_KEYS,
    RETRIES,
    RULE_KEYS,
)

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_TEXT: Schema = {"type": "string", "minLength": 1}
_NAME: Schema = {"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]{0,62}$"}
_TEXTS: Schema = {"type": "array", "items": _TEXT}
_SOME_TEXTS: Schema = {**_TEXTS, "minItems": 1, "uniqueItems": True}
_ONE_OR_MORE: Schema = {"anyOf": [_TEXT, _SOME_TEXTS]}
_TEMPLATES: Schema = {"type": "object", "additionalProperties": {"type": "string"}, "propertyNames": {"minLength": 1}}
_BOOLEAN: Schema = {"type": "boolean"}
_SIZE: Schema = {
    "anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": "^[0-9]{1,18} ?[A-Za-z]{1,3}$"}]
}
_DURATION: Schema = {"type": "string", "pattern": "^\\s*[0-9]{1,6}\\s*[smhd]\\s*$"}
_BLOB_TYPE: Schema = {"enum": [*BLOB_TYPES]}


def rules_schema() -> Schema:
    """Return the schema of a rules file."""
    keys = {
        "version": {"const": 1},
        "defaults": _object(DEFAULTS_KEYS, _rule_keys() | {"volumes": _volumes()}, texts.RULE | texts.DEFAULTS),
        "rules": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/rule"}},
    }
    return {
        "$schema": DIALECT,
        "title": "Rules of Landfall",
        "description": "Which file starts which Databricks job, and what the job is told.",
        **_object(FILE_KEYS, keys, texts.FILE, required=["version", "rules"]),
        "$defs": {"rule": _rule(), "job": _job(), "examples": _examples(), "given": _given()},
    }


def schema_text() -> str:
    """Return the schema as docs/rules.schema.json holds it."""
    return json.dumps(rules_schema(), indent=2) + "\n"


def _object(
    names: Iterable[str], schemas: Mapping[str, Schema], says: Mapping[str, str], required: Iterable[str] = ()
) -> Schema:
    """Return the schema of a mapping with these keys and no others; a key without schema or text is a KeyError."""
    made: Schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: {"description": says[name], **schemas[name]} for name in names},
    }
    return {**made, "required": [*required]} if required else made


def _rule() -> Schema:
    exactly_one = [{"required": ["path"]}, {"required": ["regex"]}]
    apart = [{"not": {"required": [one, other]}} for one, other in CONFLICTS]
    return {
        **_object(RULE_KEYS, _rule_keys(), texts.RULE, required=["name", "job"]),
        "oneOf": exactly_one,
        "allOf": apart,
    }


def _rule_keys() -> dict[str, Schema]:
    return {
        "name": _NAME,
        "renamed_from": {"anyOf": [_NAME, {**_SOME_TEXTS, "items": _NAME}]},
        "description": _TEXT,
        "path": {**_TEXT, "examples": ["landing/{source:crm|erp}/{date:%Y-%m-%d}/{name}.csv"]},
        "regex": {**_TEXT, "examples": ["landing/(?P<source>[a-z]+)-v[0-9]+\\.csv"]},
        "exclude": {**_TEXTS, "examples": [["**/_tmp/**"]]},
        "min_size": _SIZE,
        "max_size": _SIZE,
        "content_type": _ONE_OR_MORE,
        "blob_type": _BLOB_TYPE,
        "api": _ONE_OR_MORE,
        "account": _ONE_OR_MORE,
        "min_age": _DURATION,
        "also": {**_BOOLEAN, "default": False},
        "enabled": {**_BOOLEAN, "default": True},
        "mode": {"enum": [mode.value for mode in Mode], "default": Mode.RUN.value},
        "on_overwrite": {"enum": [each.value for each in OnOverwrite], "default": OnOverwrite.RUN.value},
        "on_failure": _on_failure(),
        "limit": _limit(),
        "gather": _gather(),
        "job": {"$ref": "#/$defs/job"},
        **dict.fromkeys(MAPPING_KINDS, _TEMPLATES),
        **{kind: {"type": "array", "items": {"type": "string"}} for kind in LIST_KINDS},
        "dbt_commands": {
            "type": "array",
            "items": {"type": "string", "pattern": "^dbt( |$)"},
            "minItems": 1,
            "maxItems": MOST_DBT_COMMANDS,
        },
        "pipeline_params": _object(
            PIPELINE_KEYS, dict.fromkeys(PIPELINE_KEYS, _SOME_TEXTS) | {"full_refresh": _BOOLEAN}, texts.PIPELINE
        ),
        "only": _SOME_TEXTS,
        "examples": {"$ref": "#/$defs/examples"},
    }


def _on_failure() -> Schema:
    times: Schema = {"type": "integer", "minimum": 1, "maximum": MOST_RETRIES}
    retries = {"type": "object", "properties": dict.fromkeys(RETRIES, times), "additionalProperties": False}
    record = FailureAction.RECORD.value
    return {"anyOf": [{"const": record}, {**retries, "minProperties": 1, "maxProperties": 1}], "default": record}


def _limit() -> Schema:
    limit = {"type": "string", "pattern": LIMIT_PATTERN}
    return {"anyOf": [limit, {"type": "array", "items": limit, "minItems": 1, "maxItems": len(Per)}]}


def _gather() -> Schema:
    names: Schema = {**_TEXT, "pattern": GATHER_TAIL}
    schemas: dict[str, Schema] = {
        "by": {"type": "string", "default": ""},
        "quiet": _DURATION,
        "wait": _DURATION,
        "files": {"type": "integer", "minimum": 1, "maximum": MOST_FILES, "default": DEFAULT_FILES},
        "expect": {"anyOf": [names, {**_SOME_TEXTS, "items": names, "maxItems": MOST_EXPECTED}]},
        "if_incomplete": {"enum": [each.value for each in IfIncomplete], "default": IfIncomplete.DEAD.value},
    }
    of_batches = [{"not": {"required": ["expect", key]}} for key in ("quiet", "files")]
    return {
        **_object(GATHER_KEYS, schemas, texts.GATHER),
        "dependentRequired": {"if_incomplete": ["expect"]},
        "allOf": of_batches,
    }


def _volumes() -> Schema:
    return {"type": "object", "additionalProperties": {"type": "string", "pattern": "^/Volumes(/[^/]+){3,}$"}}


def _job() -> Schema:
    schemas: dict[str, Schema] = {
        "id": {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": "^[1-9][0-9]{0,18}$"}]},
        "name": _TEXT,
    }
    return {**_object(JOB_KEYS, schemas, texts.JOB), "minProperties": 1, "maxProperties": 1}


def _examples() -> Schema:
    given = {"description": texts.EXAMPLES[GIVEN], "anyOf": [{"$ref": "#/$defs/given"}, {"type": "string"}]}
    expected = {"type": "object", "properties": {GIVEN: given}, "additionalProperties": {"type": "string"}}
    only_given = {"type": "object", "properties": {GIVEN: {"$ref": "#/$defs/given"}}, "additionalProperties": False}
    paths = {"type": "array", "items": {"type": "string", "pattern": "^[^/]+/"}}
    schemas: dict[str, Schema] = {
        "match": {"anyOf": [paths, {"type": "object", "additionalProperties": expected}]},
        "no_match": {"anyOf": [paths, {"type": "object", "additionalProperties": only_given}]},
    }
    return _object(EXAMPLES_KEYS, schemas, texts.EXAMPLES)


def _given() -> Schema:
    schemas = dict.fromkeys(GIVEN_KEYS, _TEXT) | {"size": _SIZE, "blob_type": _BLOB_TYPE}
    return _object(GIVEN_KEYS, schemas, texts.GIVEN)

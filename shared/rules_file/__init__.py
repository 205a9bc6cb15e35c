"""Rules files: from text to rules, or to all that is wrong with it. docs/rules.md is the specification."""

from __future__ import annotations

from shared.rules_file.condition_reader import BLOB_TYPES, CONDITION_KEYS
from shared.rules_file.defaults_reader import DEFAULTS_KEYS
from shared.rules_file.examples import EXAMPLES_KEYS, GIVEN, GIVEN_KEYS
from shared.rules_file.failure_reader import MOST_RETRIES, RETRIES
from shared.rules_file.gather_reader import GATHER_KEYS, GATHER_TAIL, MOST_EXPECTED
from shared.rules_file.job_reader import JOB_KEYS
from shared.rules_file.limit_reader import LIMIT_PATTERN
from shared.rules_file.parameter_reader import MOST_DBT_COMMANDS, PIPELINE_KEYS
from shared.rules_file.reader import FILE_KEYS, RULE_KEYS, STANDARD_PARAMETERS, parse_rules

__all__ = [
    "BLOB_TYPES",
    "CONDITION_KEYS",
    "DEFAULTS_KEYS",
    "EXAMPLES_KEYS",
    "FILE_KEYS",
    "GATHER_KEYS",
    "GATHER_TAIL",
    "GIVEN",
    "GIVEN_KEYS",
    "JOB_KEYS",
    "LIMIT_PATTERN",
    "MOST_DBT_COMMANDS",
    "MOST_EXPECTED",
    "MOST_RETRIES",
    "PIPELINE_KEYS",
    "RETRIES",
    "RULE_KEYS",
    "STANDARD_PARAMETERS",
    "parse_rules",
]

"""Rules files: from text to rules, or to all that is wrong with it. docs/rules.md is the specification."""

from __future__ import annotations

from shared.rules_file.reader import DEFAULTS_KEYS, FILE_KEYS, JOB_KEYS, RULE_KEYS, STANDARD_PARAMETERS, parse_rules

__all__ = ["DEFAULTS_KEYS", "FILE_KEYS", "JOB_KEYS", "RULE_KEYS", "STANDARD_PARAMETERS", "parse_rules"]

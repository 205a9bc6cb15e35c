"""Findings as SARIF 2.1.0, which code scanning services read.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from cli.rules.check.findings import CODES, Code, Finding
from shared.jobs.http_client import VERSION

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_INDEX = {code.name: number for number, code in enumerate(CODES)}


def sarif_of(findings: Sequence[Finding]) -> dict[str, Any]:
    """Return one run of `landfall rules check`; every code is described, found or not."""
    driver = {
        "name": "landfall rules check",
        "version": VERSION,
        "rules": [_rule(code) for code in CODES],
    }
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "columnKind": "unicodeCodePoints",
                "results": [_result(finding) for finding in findings],
            }
        ],
    }


def _rule(code: Code) -> dict[str, Any]:
    return {
        "id": code.name,
        "shortDescription": {"text": code.title},
        "fullDescription": {"text": f"{code.title}. {code.help}"},
        "help": {"text": code.help, "markdown": code.help},
        "defaultConfiguration": {"level": code.level.value},
    }


def _result(finding: Finding) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": {"uri": _uri(finding.file)}}
    if finding.line:
        place["region"] = {"startLine": finding.line, "startColumn": max(finding.column, 1)}
    location: dict[str, Any] = {"physicalLocation": place}
    if finding.rule:
        location["logicalLocations"] = [{"name": finding.rule, "kind": "object"}]
    # Lines move when a file is edited; what a finding says of a rule does not.
    print_of = hashlib.sha256(f"{finding.code}\0{finding.rule}\0{finding.message}".encode()).hexdigest()
    return {
        "ruleId": finding.code,
        "ruleIndex": _INDEX[finding.code],
        "level": finding.level.value,
        "message": {"text": finding.message},
        "locations": [location],
        "partialFingerprints": {"finding/v1": print_of},
    }


def _uri(file: str) -> str:
    path = PurePath(file)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())

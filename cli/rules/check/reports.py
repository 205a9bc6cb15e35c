"""Writes findings: for people, for scripts, for GitHub's annotations, and as SARIF for code scanning."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from enum import StrEnum

from rich.text import Text

from cli.output import out
from cli.rules.check.check import Checked
from cli.rules.check.findings import Finding, Level, one_line
from cli.rules.check.sarif import sarif_of


class Format(StrEnum):
    """In which form findings are written."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"
    SARIF = "sarif"


_COLOURS = {Level.ERROR: "bold red", Level.WARNING: "yellow", Level.NOTE: "cyan"}
_GITHUB_LEVELS = {Level.ERROR: "error", Level.WARNING: "warning", Level.NOTE: "notice"}


def write(form: Format, checked: Sequence[Checked], write_text: Callable[[str], object]) -> None:
    """Write what was found in all files; people get colours where their terminal has them."""
    findings = [finding for each in checked for finding in each.findings]
    if form is Format.TEXT:
        for finding in findings:
            out.print(_line(finding), soft_wrap=True)
    elif form is Format.JSON:
        write_text(json.dumps(as_json(checked), indent=2, ensure_ascii=True) + "\n")
    elif form is Format.SARIF:
        write_text(json.dumps(sarif_of(findings), indent=2, ensure_ascii=True) + "\n")
    else:
        write_text("".join(f"{github_command(finding)}\n" for finding in findings))


def _line(finding: Finding) -> Text:
    """Return a finding as compilers write it: file:line:column: level[code]: message."""
    place = f":{finding.line}:{finding.column}" if finding.line else ""
    return Text.assemble(
        f"{one_line(finding.file)}{place}: ",
        (f"{finding.level}[{finding.code}]", _COLOURS[finding.level]),
        f": {finding.message}",
    )


def as_json(checked: Sequence[Checked]) -> dict[str, object]:
    """Return what was found as one document."""
    findings = [finding for each in checked for finding in each.findings]
    return {
        "files": [{"file": each.file, "rules": each.rules} for each in checked],
        "summary": {level.value: count for level, count in counts(findings).items()},
        "findings": [
            {
                "level": finding.level.value,
                "code": finding.code,
                "message": finding.message,
                "file": finding.file,
                "line": finding.line or None,
                "column": finding.column or None,
                "rule": finding.rule or None,
                "path": finding.path or None,
            }
            for finding in findings
        ],
    }


def counts(findings: Sequence[Finding]) -> dict[Level, int]:
    """Return how many findings there are of each level."""
    found = Counter(finding.level for finding in findings)
    return {level: found[level] for level in Level}


def github_command(finding: Finding) -> str:
    """Return a workflow command, which GitHub shows at the line of the file.

    https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands#setting-an-error-message
    """
    properties = {
        "file": finding.file,
        "line": finding.line,
        "col": finding.column,
        "title": f"landfall {finding.code}",
    }
    written = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items() if value)
    return f"::{_GITHUB_LEVELS[finding.level]} {written}::{_data(finding.message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(one_line(text)).replace(":", "%3A").replace(",", "%2C")

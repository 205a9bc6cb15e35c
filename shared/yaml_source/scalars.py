"""What unquoted text in YAML is: text, a number, a boolean, null, or something that readers of YAML disagree on.

YAML 1.1, which most tools still speak, takes `no` for false, 0123 for 83 and 1:30 for 90; YAML 1.2 does not. In a rules
file nothing of the kind may stand unquoted. https://yaml.org/type/ lists what YAML 1.1 reads into text.
"""

from __future__ import annotations

import re

from shared.yaml_source.nodes import Boolean, Node, Null, Number, Text

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,18})")
_FLOAT = re.compile(r"-?(?:0|[1-9][0-9]{0,14})\.[0-9]{1,15}")
_SURPRISES = tuple(
    (what, re.compile(pattern))
    for what, pattern in (
        ("a boolean", r"(?i:y|n|yes|no|on|off|true|false)"),
        ("null", r"~|(?i:null)"),
        ("an octal number", r"[-+]?0o?[0-7_]+"),
        ("a hexadecimal number", r"[-+]?0x[0-9a-fA-F_]+"),
        ("a binary number", r"[-+]?0b[01_]+"),
        ("a date", r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt \t].*)?"),
        ("a number in base 60", r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?"),
        ("a number", r"[-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?"),
        ("a number", r"[-+]?\.(?i:inf)|\.(?i:nan)"),
        ("an instruction to merge", r"<<"),
        ("a default value", r"="),
    )
)


def read_plain(value: str, line: int, column: int) -> Node | None:
    """Return the node of an unquoted scalar, or None when it is a surprise: see `surprise`."""
    if value in ("true", "false"):
        return Boolean(line, column, value == "true")
    if value in ("", "null"):
        return Null(line, column)
    if _INTEGER.fullmatch(value):
        return Number(line, column, int(value))
    if _FLOAT.fullmatch(value):
        return Number(line, column, float(value))
    return None if surprise(value) else Text(line, column, value)


def surprise(value: str) -> str:
    """Return what some readers of YAML take this unquoted text for, "" when all take it for text."""
    if len(value) > 5 and value[0].isalpha():  # by far the most: nothing longer than `false` starts with a letter
        return ""
    return next((what for what, pattern in _SURPRISES if pattern.fullmatch(value)), "")

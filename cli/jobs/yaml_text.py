"""Writes values as YAML that every reader of YAML takes for the same: text that may be misread is quoted as in JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from shared.yaml_source.scalars import surprise

# What follows may stand without quotes: it cannot be taken for a number, a mark or the end of a value.
_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./@+-]*(?: [A-Za-z0-9_./@+-]+)*")
_INDENT = "  "


def yaml_of(value: Any) -> str:
    """Return a value of JSON as a YAML document; `read_yaml` reads the same value."""
    return "\n".join(_lines(value, "")) + "\n"


def _lines(value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        for key, each in value.items():
            yield from _entry(f"{indent}{_scalar(str(key))}:", each, indent)
    elif isinstance(value, list) and value:
        for each in value:
            first, *rest = _lines(each, f"{indent}{_INDENT}")
            yield f"{indent}- {first.removeprefix(indent + _INDENT)}"
            yield from rest
    else:
        yield f"{indent}{_scalar(value)}"


def _entry(key: str, value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, (Mapping, list)) and value:
        yield key
        yield from _lines(value, f"{indent}{_INDENT}")
    else:
        yield f"{key} {_scalar(value)}"


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        if _PLAIN.fullmatch(value) and not surprise(value):
            return value
        return "".join(map(_escaped, json.dumps(value, ensure_ascii=False)))
    return json.dumps(value)


def _escaped(character: str) -> str:
    """Return a character as YAML can hold it: what is unprintable is escaped, and not in JSON's pairs of surrogates."""
    if character.isprintable():
        return character
    return f"\\U{ord(character):08X}" if ord(character) > 0xFFFF else f"\\u{ord(character):04X}"

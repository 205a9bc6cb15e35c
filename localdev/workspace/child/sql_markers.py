"""Putting the values of parameters into SQL text, for `:name`, `IDENTIFIER(:name)` and `{{name}}`.

https://docs.databricks.com/aws/en/sql/language-manual/sql-ref-parameter-marker. A value never becomes syntax: whoever
names the file that a job is started for must not be able to write SQL.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from localdev.workspace.child.failure import TaskFailed

_TOKEN = re.compile(
    r"""
      (?P<comment> --[^\n]* | /\*.*?\*/ )
    | (?P<string> '(?:[^']|'')*' | "(?:[^"]|"")*" )
    | ` (?P<backticks> (?:[^`]|``)* ) `
    | (?P<dollars> \$ (?P<tag> [A-Za-z_]* ) \$ .*? \$ (?P=tag) \$ )
    | (?P<cast> :: )
    | \b IDENTIFIER \s* \( \s* : (?P<identifier> [A-Za-z_]\w* ) \s* \)
    | (?<! [\w\]] ) : (?P<marker> [A-Za-z_]\w* )
    | \{\{ \s* (?P<text> [\w.-]+ ) \s* \}\}
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_TEXT_MARKER = re.compile(r"\{\{\s*([\w.-]+)\s*\}\}")
_PLAIN = re.compile(r"-?[0-9]+(\.[0-9]+)?|[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


def with_values(text: str, parameters: Mapping[str, str]) -> str:
    """Return SQL for DuckDB with the values in place of their markers; raises TaskFailed for one without a value."""

    def value(name: str) -> str:
        if name not in parameters:
            raise TaskFailed(f"The SQL has a marker for the parameter {name!r}, which has no value in this run.")
        return parameters[name]

    def replacement(token: re.Match[str]) -> str:
        kind = token.lastgroup
        if kind == "string":
            quote = token[0][0]
            return _TEXT_MARKER.sub(lambda marker: value(marker[1]).replace(quote, quote * 2), token[0])
        if kind == "backticks":
            return _quoted(token["backticks"].replace("``", "`"))
        if kind == "identifier":
            return ".".join(map(_quoted, value(token["identifier"]).split(".")))
        if kind == "marker":
            return _literal(value(token["marker"]))
        if kind == "text":
            found = value(token["text"])
            return found if _PLAIN.fullmatch(found) else _literal(found)
        return token[0]

    return _TOKEN.sub(replacement, text)


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'

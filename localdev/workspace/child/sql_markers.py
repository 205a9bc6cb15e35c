"""Putting the values of parameters into SQL text, for `:name`, `IDENTIFIER(:name)` and `{{name}}`.

https://docs.databricks.com/aws/en/sql/language-manual/sql-ref-parameter-marker. A value never becomes syntax: whoever
names the file that a job is started for must not be able to write SQL.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from localdev.workspace.child.failure import TaskFailed

_MOST_NESTED = 4  # comments inside of comments


def _comment(inside: int) -> str:
    """Return what matches a comment with so many others inside of each other: DuckDB's nest, as PostgreSQL's do."""
    inner = f"|{_comment(inside - 1)}" if inside else ""
    return rf"/\*(?:[^*/]|\*(?!/)|/(?!\*){inner})*\*/"


_TOKEN = re.compile(
    rf"""
      (?P<comment> --[^\n]* | {_comment(_MOST_NESTED)} )
    | (?P<unclosed> /\* )
    | (?P<escapes> \b E'(?:[^'\\]|\\.|'')*' )
    | (?P<string> '(?:[^']|'')*' | "(?:[^"]|"")*" )
    | ` (?P<backticks> (?:[^`]|``)* ) `
    | (?P<dollars> \$ (?P<tag> (?:[^\W\d]\w*)? ) \$ .*? \$ (?P=tag) \$ )
    | (?P<cast> :: )
    | \b IDENTIFIER \s* \( \s* : (?P<identifier> [A-Za-z_]\w* ) \s* \)
    | (?<! [\w\]] ) : (?P<marker> [A-Za-z_]\w* )
    | \{{\{{ \s* (?P<text> [\w.-]+ ) \s* \}}\}}
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
        if kind in {"string", "escapes"}:
            return _TEXT_MARKER.sub(lambda marker: _inside(token[0], value(marker[1])), token[0])
        if kind == "unclosed":
            raise TaskFailed(f"The SQL has a comment without an end, or with more than {_MOST_NESTED} inside.")
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


def _inside(string: str, value: str) -> str:
    """Return a value as it stands in a string; one that begins with E knows backslashes.

    https://duckdb.org/docs/stable/sql/data_types/literal_types#escape-string-literals
    """
    quote = string[-1]
    value = value.replace("\\", "\\\\") if string[0] in "eE" else value
    return value.replace(quote, quote * 2)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'

"""Values of parameters in SQL: they are where their markers were, and never become SQL themselves."""

from __future__ import annotations

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from localdev.workspace.child.failure import TaskFailed
from localdev.workspace.child.sql_markers import with_values

VALUES = {"name": "it's", "day": "2026-11-22", "n": "5", "table": "main.orders", "evil": "x'; DROP TABLE t; --"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT :name, :n", "SELECT 'it''s', '5'"),
        ("SELECT ':name' -- :nothing", "SELECT ':name' -- :nothing"),
        ("SELECT 1::int /* :nothing */", "SELECT 1::int /* :nothing */"),
        ("SELECT list[1:n]", "SELECT list[1:n]"),
        ("SELECT $$:nothing$$, $a$ ' $a$, :n", "SELECT $$:nothing$$, $a$ ' $a$, '5'"),
        ("SELECT * FROM IDENTIFIER(:table)", 'SELECT * FROM "main"."orders"'),
        ("SELECT * FROM identifier ( :evil )", 'SELECT * FROM "x\'; DROP TABLE t; --"'),
        ("SELECT `a b` FROM `t``u`", 'SELECT "a b" FROM "t`u"'),
        ("SELECT * FROM {{table}} LIMIT {{ n }}", "SELECT * FROM main.orders LIMIT 5"),
        ("SELECT {{day}}, {{evil}}", "SELECT '2026-11-22', 'x''; DROP TABLE t; --'"),
        ("SELECT '{{name}} of {{day}}'", "SELECT 'it''s of 2026-11-22'"),
        ("SELECT '{{evil}}'", "SELECT 'x''; DROP TABLE t; --'"),
    ],
)
def test_markers_become_values(text: str, expected: str) -> None:
    """`:name` is a string, `{{name}}` a name or a number as it stands and else a string; the rest stays."""
    assert with_values(text, VALUES) == expected


@pytest.mark.parametrize("text", ["SELECT :nothing", "SELECT {{nothing}}", "SELECT '{{nothing}}'"])
def test_marker_without_a_value_fails(text: str) -> None:
    """The error names the parameter."""
    with pytest.raises(TaskFailed, match="'nothing', which has no value"):
        with_values(text, VALUES)


@given(value=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_values_come_out_as_they_went_in(value: str) -> None:
    """Whatever the value, DuckDB reads one statement that gives it back, by either marker."""
    connection = duckdb.connect()

    bound = with_values("SELECT :value", {"value": value})
    quoted = with_values("SELECT '{{value}}'", {"value": value})

    assert len(connection.extract_statements(bound)) == len(connection.extract_statements(quoted)) == 1
    assert connection.execute(bound).fetchall() == connection.execute(quoted).fetchall() == [(value,)]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT /* a /* b */ :a */ 1",
        "SELECT /* a /* b /* c */ */ :a */ 1",
        "SELECT E'{{a}}' IS NULL",
        "SELECT e'it\\'s {{a}}' IS NULL",
        "SELECT E'\\\\' || :a IS NULL",
        "SELECT /* :a */ 1 -- :a",
        "SELECT length($a1$ '{{a}}' $a1$) < 0",
    ],
)
@pytest.mark.parametrize(
    "value",
    ["*/ 'injected', /*", "\\' || 'injected' || E'", "\\' , 'injected' --", "' , 'injected' --", "\\", "\n'injected'"],
)
def test_value_never_leaves_its_place(sql: str, value: str) -> None:
    """Not out of a comment inside of a comment, nor out of a string in which a backslash means something."""
    rows = duckdb.sql(with_values(sql, {"a": value})).fetchall()

    assert len(rows) == 1
    assert rows[0][0] in {1, False}
    assert len(rows[0]) == 1


@pytest.mark.parametrize("sql", ["SELECT 1 /* :a", "SELECT 1 " + "/*" * 20 + "*/" * 20])
def test_comment_that_cannot_be_followed_is_refused(sql: str) -> None:
    """Where it ends is where a value would begin to be SQL."""
    with pytest.raises(TaskFailed, match="comment without an end"):
        with_values(sql, {"a": "x"})

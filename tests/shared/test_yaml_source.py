"""Strict YAML; each test runs with libyaml's parser and with PyYAML's own, which must not make a difference."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from shared.yaml_source import Boolean, Mapping, Node, Null, Number, Sequence, Text, read_yaml, reader


@pytest.fixture(params=["libyaml", "pyyaml"], autouse=True)
def parser(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run with each of the two parsers that an installation may have."""
    name: str = request.param
    with pytest.MonkeyPatch.context() as patch:
        if name == "pyyaml":
            patch.delattr(yaml, "CSafeLoader")
        else:
            assert hasattr(yaml, "CSafeLoader"), "PyYAML was built without libyaml"
        yield name


def plain(node: Node | None) -> object:
    """Return a node as plain values, without places."""
    match node:
        case Mapping():
            return {key.value: plain(value) for key, value in node.entries}
        case Sequence():
            return [plain(item) for item in node.items]
        case Text() | Number() | Boolean():
            return node.value
        case Null():
            return None
    raise AssertionError(node)


def read(text: str) -> object:
    """Return the plain values of a text that nothing is wrong with."""
    document = read_yaml(text)
    assert document.faults == ()
    return plain(document.root)


def faults(text: str) -> list[str]:
    """Return what is wrong with a text, as `line:column: sentence`."""
    return [str(fault) for fault in read_yaml(text).faults]


def test_values_are_read_by_their_look() -> None:
    """Unquoted text, numbers, booleans and null are what every reader of YAML takes them for."""
    text = """
      text: landing/{date:%Y}/*.csv  # a comment
      quoted: "no"
      single: 'it''s'
      number: 42
      negative: -7
      fraction: 1.50
      zero: 0
      yes_: true
      no_: false
      nothing: null
      empty:
      list: [a, "b", 3]
      nested: {a: {b: []}}
      version: 1.2.3
      folded: >-
        two
        lines
    """

    assert read(text) == {
        "text": "landing/{date:%Y}/*.csv",
        "quoted": "no",
        "single": "it's",
        "number": 42,
        "negative": -7,
        "fraction": 1.5,
        "zero": 0,
        "yes_": True,
        "no_": False,
        "nothing": None,
        "empty": None,
        "list": ["a", "b", 3],
        "nested": {"a": {"b": []}},
        "version": "1.2.3",
        "folded": "two lines",
    }


@pytest.mark.parametrize(
    ("value", "taken_for"),
    [
        *[(value, "a boolean") for value in ("no", "No", "YES", "on", "Off", "y", "N", "True", "FALSE")],
        *[(value, "null") for value in ("~", "Null", "NULL")],
        *[(value, "an octal number") for value in ("0123", "-017", "0o17", "00")],
        *[(value, "a hexadecimal number") for value in ("0x1F", "-0xff")],
        ("0b101", "a binary number"),
        *[(value, "a number in base 60") for value in ("1:30", "12:30:45", "190:20:30.15")],
        *[
            (value, "a number")
            for value in ("1_000", "+5", "089", "1e3", "1.5e-3", ".5", "5.", ".inf", "-.INF", ".nan")
        ],
        ("12345678901234567890", "a number"),
        *[(value, "a date") for value in ("2026-01-01", "2026-1-1", "2026-01-01T10:00:00Z", "2026-01-01 10:00")],
        ("=", "a default value"),
    ],
)
def test_surprising_values_must_be_quoted(value: str, taken_for: str) -> None:
    """What YAML 1.1 and 1.2 read differently is refused unquoted, as a value and as a key, and fine in quotes."""
    told = f'`{value}` without quotes is {taken_for} to some readers of YAML: write "{value}".'

    assert faults(f"a: {value}") == [f"1:4: {told}"]
    assert faults(f"- {value}") == [f"1:3: {told}"]
    assert faults(f"{value}: 1") == [f"1:1: {told}"]
    assert read(f'a: "{value}"') == {"a": value}


def test_merge_keys_are_refused() -> None:
    """`<<` would bring in what nobody sees here."""
    assert faults("<<: {a: 1}") == [
        '1:1: `<<` without quotes is an instruction to merge to some readers of YAML: write "<<".'
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: &x 1", "1:4: A value that begins with `&` must be quoted; anchors are not used here."),
        ("a: &x [1]", "1:4: A value that begins with `&` must be quoted; anchors are not used here."),
        ("a: *x", "1:4: A value that begins with `*` must be quoted; aliases are not used here."),
        ("a: !!str 1", "1:4: A value that begins with `!` must be quoted; tags are not used here."),
        ("a: ! x", "1:4: A value that begins with `!` must be quoted; tags are not used here."),
        (
            "a: !!python/object/apply:os.system [x]",
            "1:4: A value that begins with `!` must be quoted; tags are not used here.",
        ),
        ("%YAML 1.2\n---\na: 1", "1:1: Directives such as `%YAML` are not used here: remove it."),
        ("a: 1\n---\nb: 2", "2:1: A second document starts here; a rules file holds one."),
        ("? [a]\n: 1", "1:3: A key must be text: quote it."),
        ("1: a", "1:1: A key must be text: quote it."),
        ("a: 1\nb: 2\na: 3", "3:1: `a` is already on line 1; a key stands once."),
        ("", "1:1: The file is empty."),
        ("# nothing\n", "1:1: The file is empty."),
        ("a:\n  b: \x07", "2:6: The character U+0007 cannot stand in YAML."),
        ("a: \ud800", "1:4: The character U+D800 cannot stand in YAML."),
    ],
)
def test_what_is_more_than_data_is_refused(text: str, expected: str) -> None:
    """Anchors, aliases, tags, directives, more documents and keys that are no text are told with their place."""
    assert faults(text) == [expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("path: *.csv", "1:7: A value that begins with `*` must be quoted."),
        ("a: 1\nexclude: [**/_tmp/**]", "2:11: A value that begins with `*` must be quoted."),
        ("path: {source}/x\nb: 1", "1:7: A value that begins with `{` must be quoted."),
        ("- path: {source}/x", "1:9: A value that begins with `{` must be quoted."),
        ("path: [ab].csv", "1:7: A value that begins with `[` must be quoted."),
        ("path: %Y/x", "1:7: A value that begins with `%` must be quoted."),
        ("path: @x", "1:7: A value that begins with `@` must be quoted."),
        ("path: &.csv", "1:7: A value that begins with `&` must be quoted."),
        ('path: "a"b', "1:10: Text follows the closing quote: quote the whole value."),
        ("a: 'x' 'y'", "1:8: Text follows the closing quote: quote the whole value."),
        (
            "name: a: b",
            "1:8: No second `: ` can stand here: quote a value that holds one, and check the indentation.",
        ),
        (
            "name:crm\npath: x",
            "2:5: No `key: value` can stand here: is a space missing after the `:` of the line before?",
        ),
        ('a: "x\nb: 1\n', "1:4: This quote is never closed."),
        ("a: [1, 2", "1:4: This `[` is never closed."),
        ("a: {b: 1\n", "1:4: This `{` is never closed."),
        (
            "a: {path: landing/{x}.csv}",
            (
                "1:19: Inside braces values are separated by `,`, "
                "and a value that holds one of `{ } [ ] ,` must be quoted."
            ),
        ),
        ("a: [x]y]", "1:4: A value that begins with `[` must be quoted."),
        ("a:\n  - [", "2:5: This `[` is never closed."),
        ("a: [1,,2]", "1:7: A value is missing here."),
        ("a: [b, {c: d},\n", "1:14: A bracket is never closed."),
        ("a:\n\t- b", "2:1: Indent with spaces, not with a tab."),
        ("- a\nb: 1", "2:1: Another item, `- `, was expected here: check the indentation."),
        ("a: 1\n- b", "2:1: A `key: value` was expected here: check the indentation."),
        ("a:\n  - b\n c: 1", "3:2: A `key: value` was expected here: check the indentation."),
        ("a: - b", "1:4: A list starts on a line of its own, with `- ` before each item."),
        ("{a: 1} x", "1:8: Nothing can follow here: what stands before it is complete."),
    ],
)
def test_syntax_errors_say_what_to_write(text: str, expected: str) -> None:
    """The mistakes that people make with templates in YAML are told by what to write instead."""
    assert faults(text) == [expected]


def test_unknown_escape_is_explained(parser: str) -> None:
    """A backslash in double quotes is an escape; the two parsers only differ in the column."""
    column = 5 if parser == "libyaml" else 6

    assert faults('a: "\\q"') == [
        f"1:{column}: In double quotes a `\\` starts an escape. Write `\\\\`, or use single quotes."
    ]


def test_all_faults_are_told_at_once() -> None:
    """What does not keep the rest from being read does not keep it from being told either."""
    text = "a: no\na: 1\nb: &x y\nc: [0123]\nd: {"

    assert [fault.partition(" ")[0] for fault in faults(text)] == ["1:4:", "2:1:", "3:4:", "4:5:", "5:4:"]


def test_places_are_those_of_the_source() -> None:
    """Every node knows its line and column, also behind characters of several bytes and a byte order mark."""
    document = read_yaml('\ufeff"é😀": "x{y"\nb:\n  - c\n')

    assert isinstance(document.root, Mapping)
    (first, text), (second, items) = document.root.entries
    assert isinstance(items, Sequence)
    places = [(node.line, node.column) for node in (first, text, second, items, items.items[0])]
    assert places == [(1, 1), (1, 7), (2, 1), (3, 3), (3, 5)]
    assert isinstance(text, Text)
    assert text.place(2) == (1, 9)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('a: "0123x"', (1, 9)),
        ("a: '0123x'", (1, 9)),
        ("a: 0123x", (1, 8)),
        ('a: "\\u00301239"', (1, 4)),  # spelt otherwise: only where it starts is known
        ("a: 'it''s'", (1, 4)),
        ("a: |\n  0123x", (1, 4)),
    ],
)
def test_place_within_text_is_exact_where_it_can_be(source: str, expected: tuple[int, int]) -> None:
    """A column within text is one in the source, unless escapes or folding stand between the two."""
    document = read_yaml(source)

    assert isinstance(document.root, Mapping)
    text = document.root.entries[0][1]
    assert isinstance(text, Text)
    assert text.place(5) == expected


def test_deep_nesting_is_refused_early() -> None:
    """A thousand brackets cost a fault and neither the stack nor the time."""
    assert faults("[" * 100_000) == ["1:33: This is nested more than 32 levels deep."]
    assert read("[" * 32 + "]" * 32) is not None


def test_overlong_source_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file beyond the limit is not parsed at all."""
    monkeypatch.setattr(reader, "LONGEST_SOURCE", 10)

    assert faults("a: 45678901") == ["1:1: The file has 11 characters; the most is 10."]


@given(st.text("ab:-[]{},'\"*&!%@|> \n\t#?0~\\é\x00\ud800", max_size=30))
def test_any_text_is_read_or_faulted(text: str) -> None:
    """No text makes reading raise, and every fault has its place."""
    document = read_yaml(text)

    assert (document.root is not None) or document.faults
    assert all(fault.line >= 1 and fault.column >= 1 for fault in document.faults)

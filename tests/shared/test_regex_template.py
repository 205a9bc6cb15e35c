"""Regular expressions in place of path templates: RE2's flavour, matched whole, indexed by what is literal in them."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.path_template import Captures, Mismatch, RegexTemplate, TemplateError
from shared.path_template.parser import LONGEST_TEMPLATE, MOST_CAPTURES
from shared.path_template.regex_syntax import RegexSyntax
from shared.path_template.regex_template import MOST_INSTRUCTIONS
from tests.shared.pattern_answers import PatternAnswers

ESCAPE_HELP = "It has no references to groups; a literal `\\` is `\\\\`."
GROUPS = "Groups are `(?P<name>...)`, `(...)` and `(?:...)`."
SHOWN = r"`landing/[a-z]+\\.csv`"
AROUND = "RE2 does not look ahead or behind, so that time stays linear. Say with `exclude` what must not match."
ANSWERS = PatternAnswers(RegexTemplate.parse)
captured, reason, refusal = ANSWERS.captured, ANSWERS.reason, ANSWERS.refusal


def test_named_groups_are_captures() -> None:
    """Both ways to name a group capture text, in their order; groups without a name capture nothing."""
    template = RegexTemplate.parse(r"landing/(?P<source>crm|erp)/(orders|stock)_(?<day>[0-9]{8})\.csv")

    assert template.capture_names == ("source", "day")
    assert captured(template.text, "landing/erp/stock_20260228.csv") == {"source": "erp", "day": "20260228"}


def test_group_that_took_nothing_is_empty_text() -> None:
    """A named group without a part in the match captured "", so that every capture has a text."""
    assert captured(r"landing/orders(?:_(?P<part>\d+))?\.csv", "landing/orders.csv") == {"part": ""}


def test_whole_path_is_matched() -> None:
    """An expression is anchored at both ends, each alternative of it too, and `.` is any character."""
    assert captured("landing/a|landing/b.*", "landing/b\nc") == {}
    assert reason("landing/a+", "landing/ab") == "the path does not fit the regular expression `landing/a+`"
    assert reason("landing/a|b", "xlanding/a") == "the path does not fit the regular expression `landing/a|b`"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("raw/orders.csv", "the path does not start with `landing/`"),
        ("landing/orders.txt", "the path does not end with `.csv`"),
        ("landing/1.csv", f"the path does not fit the regular expression {SHOWN}"),
        (
            "landing/ORDERS.csv",
            f"the path does not fit the regular expression {SHOWN}; upper and lower case are different letters",
        ),
        ("landing/" + "a" * 4096, "the path has 4104 characters; no blob's has more than 4096"),
        (
            "landing/\ud800.csv",
            "character 9 is half of a character (a lone surrogate), which no blob's name can hold",
        ),
    ],
)
def test_reason_says_what_does_not_fit(path: str, expected: str) -> None:
    """The sentence names the literal text that is missing, or else the expression."""
    assert reason(r"landing/[a-z]+\.csv", path) == expected


def test_mismatch_tells_how_far_a_path_fits() -> None:
    """The segments of the literal beginning that the path has are counted."""
    found = RegexTemplate.parse("landing/crm/[a-z]+").match("landing/erp/a")

    assert isinstance(found, Mismatch)
    assert found.matched_segments == 1


@pytest.mark.parametrize(
    ("expression", "runs", "container"),
    [
        (r"landing/(?P<source>crm|erp)/orders_[0-9]{8}\.csv$", ("landing/", "/orders_", ".csv"), "landing"),
        ("landing/a", ("landing/a",), "landing"),
        ("^landing/a+b", ("landing/", "b"), "landing"),
        ("landing/(?:a/(b))c", ("landing/a/bc",), "landing"),
        ("landing/(?:a/)?c", ("landing/", "c"), "landing"),
        (r"landing/\Qa.b\E.c", ("landing/a.b", "c"), "landing"),
        (r"landing/\Qab\E*c", ("landing/a", "c"), "landing"),
        (r"land[i]ng/\x61\141b", ("land", "ng/", "", "b"), None),
        ("landing/a{2}b{,2}", ("landing/", "b", ",2}"), "landing"),
        ("landing/a|landing/b", ("", ""), None),
        ("(landing/a|landing/b)c", ("", "c"), None),
        ("(?i)landing/a", ("", ""), None),
        ("landing/(?i:a)b", ("", ""), None),
        ("landing/(?s)a", ("", ""), None),
        (r"landing/[]/|]\|[[:alpha:]|]x", ("landing/", "|", "x"), "landing"),
        ("[landing]/x", ("", "/x"), None),
    ],
)
def test_literal_text_is_read_off(expression: str, runs: tuple[str, ...], container: str | None) -> None:
    """What every match must hold is found in its order; with a flag, nothing is claimed."""
    template = RegexTemplate.parse(expression)

    assert template.literal_runs == runs
    assert (template.static_prefix, template.static_suffix) == (runs[0], runs[-1])
    assert template.static_middle == max(runs[1:-1], key=len, default="")
    assert template.container == container


@dataclass(frozen=True)
class Part:
    """A part of an expression, and texts that it takes."""

    expression: str
    texts: st.SearchStrategy[str]


def _leaf() -> st.SearchStrategy[Part]:
    fixed = st.sampled_from(["a", "b", "/", "é", "ab", r"\.", r"\/", r"\x61", r"\141", r"\Qa.b\E", r"\{"])
    texts = {r"\.": ".", r"\/": "/", r"\x61": "a", r"\141": "a", r"\Qa.b\E": "a.b", r"\{": "{"}
    varied = st.sampled_from(
        [
            Part("[ab]", st.sampled_from("ab")),
            Part("[^]/]", st.sampled_from("ab.é")),
            Part("[]|)(]", st.sampled_from("])(|")),
            Part(".", st.sampled_from("ab./|")),
            Part(r"\d", st.sampled_from("012")),
            Part(r"\pL", st.sampled_from("abé")),
            Part("[[:digit:]]", st.sampled_from("012")),
            Part("^", st.just("")),
            Part("(?:)", st.just("")),
        ]
    )
    return st.one_of(fixed.map(lambda text: Part(text, st.just(texts.get(text, text)))), varied)


def _grown(parts: st.SearchStrategy[Part]) -> st.SearchStrategy[Part]:
    def joined(items: list[Part]) -> Part:
        texts = st.tuples(*(item.texts for item in items)).map("".join)
        return Part("".join(item.expression for item in items), texts)

    def grouped(item: Part, opening: str) -> Part:
        return Part(f"{opening}{item.expression})", item.texts)

    def either(items: list[Part]) -> Part:
        return Part(f"(?:{'|'.join(item.expression for item in items)})", st.one_of(*(item.texts for item in items)))

    def repeated(item: Part, operator: tuple[str, int, int]) -> Part:
        least, most = operator[1:]
        texts = st.lists(item.texts, min_size=least, max_size=most).map("".join)
        # A literal of several characters is repeated as a whole only in parentheses; `a.b*` repeats its `b`.
        return Part(f"(?:{item.expression}){operator[0]}", texts)

    operators = st.sampled_from([("*", 0, 2), ("+", 1, 2), ("?", 0, 1), ("*?", 0, 2), ("{2}", 2, 2), ("{0,1}", 0, 1)])
    return st.one_of(
        st.lists(parts, min_size=1, max_size=4).map(joined),
        st.builds(grouped, parts, st.sampled_from(["(", "(?:", "(?i:"])),
        st.lists(parts, min_size=2, max_size=3).map(either),
        st.builds(repeated, parts, operators),
    )


def _trailing(part: Part, operator: tuple[str, int, int]) -> Part:
    """Let an operator apply to the last character of what is written, as it does without parentheses."""
    return Part(f"{part.expression}a{operator[0]}", part.texts.map(lambda text: text + "a" * operator[1]))


EXPRESSIONS = st.recursive(_leaf(), _grown, max_leaves=12)
TRAILING = st.builds(
    _trailing, EXPRESSIONS, st.sampled_from([("*", 0, 1), ("?", 0, 1), ("+", 1, 1), ("{0,2}", 0, 2), ("{2}", 2, 2)])
)


@settings(max_examples=800, deadline=None)
@given(data=st.data(), part=st.one_of(EXPRESSIONS, TRAILING, st.lists(TRAILING, min_size=2, max_size=3).map(
    lambda parts: Part("|".join(part.expression for part in parts), st.one_of(*(part.texts for part in parts)))
)))  # fmt: skip
def test_no_text_is_called_literal_that_a_match_can_lack(data: st.DataObject, part: Part) -> None:
    """Every path that an expression matches has its literal runs, one behind the other: filters rely on it."""
    template = RegexTemplate.parse(part.expression)
    path = data.draw(part.texts)

    if "^" not in part.expression:
        assert isinstance(template.match(path), Captures)
    if isinstance(template.match(path), Captures):
        assert path.startswith(template.static_prefix)
        assert path.endswith(template.static_suffix)
        assert template.static_middle in path
        place = 0
        for run in template.literal_runs:
            place = path.index(run, place) + len(run)


@settings(max_examples=500, deadline=None)
@given(st.text("ab/.*+?()[]{}|^$\\QEPx<>:i,1-é", max_size=16))
def test_any_text_is_parsed_or_refused_with_its_column(text: str) -> None:
    """Parsing raises nothing but TemplateError with a column in the text; what parses tells its groups as RE2 does."""
    refused: TemplateError | None = None
    try:
        template = RegexTemplate.parse(text)
    except TemplateError as error:
        refused = error

    if refused:
        assert 1 <= refused.column <= len(text) + 1
        assert refused.message.endswith(".")
    else:
        assert template.text == text
        assert isinstance(template.match(text), Captures | Mismatch)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("", "1: The expression is empty. It must match the whole path, as in `landing/.*`."),
        ("a(b", "2: This `(` is never closed. Close it with `)`, or write `\\(` for a literal parenthesis."),
        ("a)b", "2: This `)` closes nothing. Write `\\)` for a literal parenthesis."),
        ("a[b", "2: This `[` is never closed. Close it with `]`, or write `\\[` for a literal bracket."),
        ("a**", "2: `**` repeats a repetition. Keep one of them, or put parentheses around the first."),
        ("*.csv", "1: Nothing stands before `*` to be repeated. Write `\\` before a literal one."),
        ("a(?=b)", f"2: {AROUND}"),
        ("(?<!a)b", f"1: {AROUND}"),
        ("(?x)a", f"1: RE2 does not know `(?x`. {GROUPS}"),
        (r"(a)\1", f"4: RE2 does not know `\\1`. {ESCAPE_HELP}".replace("\\1", "\\\\1")),
        ("a{1001}", "2: `{1001}` repeats too often; all repetitions around a part together allow 1,000."),
        ("[z-a]", "2: `z-a` is no range of characters."),
        ("a\\", "2: Nothing stands after the last `\\`. A literal `\\` is `\\\\`."),
        ("(?P<a", "1: `(?P<a` starts no named group. Named groups are written `(?P<name>...)`."),
        ("(?P<1a>x)", "1: `1a` cannot name a capture: use letters, digits and `_`, not a digit first, at most 63."),
        ("(?P<event>x)", "1: A capture cannot be called `event`: parameters use that name."),
        ("(?P<a>x)(?<a>y)", "9: A capture called `a` is already in this path."),
        ("[(?P<a>](?P<a>x)(?P<a>x)", "17: A capture called `a` is already in this path."),
        (r"a\C", "2: `\\C` takes half a character at times. Write `.` for any one."),
        (
            "a\nb",
            "2: An expression cannot hold a line break or another control character; write `\\n` or `\\x{85}`.",
        ),
        ("a" * (LONGEST_TEMPLATE + 1), "1: The expression has 2049 characters; the most is 2048."),
        (
            "()" * (MOST_CAPTURES + 1),
            "65: An expression has at most 32 groups; write `(?:...)` where nothing is captured.",
        ),
        (
            "[^/]{1000}" * 3,
            "1: This is too large with its repetitions written out. Repeat less often, or write two rules.",
        ),
    ],
)
def test_refusal_says_where_and_what_to_write(expression: str, expected: str) -> None:
    """Every expression that RE2 or Landfall does not take is refused at its column, in Landfall's own words."""
    assert refusal(expression) == expected


def test_large_expressions_are_bounded() -> None:
    """An expression just below the bound can be matched with, and RE2's own limit is told like ours."""
    template = RegexTemplate.parse(".{1000}" * 2)
    assert isinstance(template.match("a" * 2000), Captures)
    assert template._expression.programsize <= MOST_INSTRUCTIONS

    assert refusal(r"\pL{1000}").endswith(
        "This is too large with its repetitions written out. Repeat less often, or write two rules."
    )


def test_deep_nesting_is_no_recursion() -> None:
    """A thousand parentheses in each other are read, whatever RE2 then makes of them."""
    syntax = RegexSyntax.of("(?:" * 1000 + "a" + ")" * 1000)

    assert syntax.literal_runs == ("a",)


def test_expressions_of_one_text_are_equal() -> None:
    """Patterns are values: equal by their text, so that rules can be compared and kept in sets."""
    assert RegexTemplate.parse("a/(?P<b>.*)") == RegexTemplate.parse("a/(?P<b>.*)")
    assert len({RegexTemplate.parse("a/b"), RegexTemplate.parse("a/b"), RegexTemplate.parse("a/c")}) == 2

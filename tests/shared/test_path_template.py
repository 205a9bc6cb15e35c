"""Path templates; docs/rules.md, which has tests of its own, shows each construct with what it matches and misses."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.path_template import Captures, Mismatch, PathTemplate, TemplateError
from shared.path_template import outline as outlines
from shared.path_template.date_format import DateFormat
from shared.path_template.division import division
from shared.path_template.outline import outline
from shared.path_template.parser import LONGEST_TEMPLATE, MOST_CAPTURES, MOST_WILDCARDS, parse_segments
from tests.shared.pattern_answers import PatternAnswers
from tests.shared.reference_matcher import Sample, Token, literal, paths_for, reference_match, samples

MEET = "Put literal text between them, or leave one out."
KINDS = "Known are `int`, `**`, a choice `a|b`, and a date such as `%Y-%m-%d`."
DIRECTIVES = "Those known are %Y %m %d %H %M %S %j %y."
ANSWERS = PatternAnswers(PathTemplate.parse)
captured, reason, refusal = ANSWERS.captured, ANSWERS.reason, ANSWERS.refusal


def all_captured(sample: Sample) -> Sample:
    """Return a like template in which all that varies is captured."""
    captures = {"star": ("text", "{{{}}}"), "rest": ("path", "{{{}:**}}")}
    tokens: list[Token] = []
    for number, token in enumerate(sample.tokens):
        if token.kind in captures:
            kind, spelling = captures[token.kind]
            tokens.append(Token(kind, spelling.format(f"s{number}"), f"s{number}"))
        elif token.kind != "segments":
            tokens.append(literal("x") if token.kind == "one" else token)
    return Sample(tuple(tokens), "".join(token.spelt for token in tokens))


@settings(max_examples=300, deadline=None)
@given(data=st.data(), sample=samples())
def test_matcher_agrees_with_the_reference(data: st.DataObject, sample: Sample) -> None:
    """Whatever the template and the path, the answer and the captures are those of the obvious matcher."""
    template = PathTemplate.parse(sample.text)
    path = data.draw(paths_for(sample))

    found = template.match(path)

    expected = reference_match(sample.tokens, path)
    if expected is None:
        assert isinstance(found, Mismatch)
        assert found.reason
    else:
        assert isinstance(found, Captures)
        assert {name: capture.text for name, capture in found.items()} == expected
        assert tuple(found) == template.capture_names


@settings(max_examples=600, deadline=None)
@given(data=st.data(), sample=samples())
def test_every_way_to_divide_gives_the_same(data: st.DataObject, sample: Sample) -> None:
    """Whether a path is divided in steps, by `re` or by RE2 is a matter of speed and of nothing else."""
    beginning, literals, varying = outline(sample.text)
    path = data.draw(paths_for(sample))
    expected = reference_match(sample.tokens, path)

    for is_shared in (False, True):
        divide = division(varying, literals, is_shared=is_shared)
        texts = divide(path, len(beginning)) if path.startswith(beginning) else None
        assert (texts is None) == (expected is None)
        assert [*(texts or ())] == [*(expected or {}).values()]


@settings(max_examples=300, deadline=None)
@given(samples())
def test_template_is_written_as_it_was_read(sample: Sample) -> None:
    """The parts of a template, written one behind the other, are its text again."""
    segments = PathTemplate.parse(sample.text).segments

    written = ["".join(element.written for element in segment.elements) or "**" for segment in segments]
    assert "/".join(written) == sample.text


@settings(max_examples=300, deadline=None)
@given(data=st.data(), sample=samples().map(all_captured))
def test_captures_put_back_give_the_path(data: st.DataObject, sample: Sample) -> None:
    """A path taken apart loses nothing: what was captured, put in the captures' places, is the path again."""
    path = data.draw(paths_for(sample))
    found = PathTemplate.parse(sample.text).match(path)

    if isinstance(found, Mismatch):
        assert reference_match(sample.tokens, path) is None
        return
    parts = [found[token.name].text if token.name else token.spelt for token in sample.tokens]
    assert "".join(parts) == path


@settings(max_examples=600, deadline=None)
@given(st.one_of(samples().map(lambda sample: sample.text), st.text("{}*?:/|[aYmdnit%é", max_size=14)))
def test_glance_sees_what_the_parser_reads(text: str) -> None:
    """The quick reading of a template takes nothing that the parser refuses, and reads what it takes alike."""
    glanced = outlines._at_a_glance(text)

    if glanced:
        beginning, literals, varying = outlines._of_segments(parse_segments(text))
        assert glanced[:2] == (beginning, literals)
        assert glanced[2].written == varying.written
        assert [*glanced[2].captures] == [*varying.captures]


def test_ordinary_templates_are_read_at_a_glance() -> None:
    """What people write most is read the quick way, which a hundred thousand rules need to be ready in a second."""
    for text in (
        "landing/crm/orders.csv",
        "landing/{source:crm|erp}/{date:%Y-%m-%d}/{name}.csv",
        "landing/**/*.json",
        "**/_SUCCESS",
        "raw/{folder:**}/part-{n:int}.parquet",
    ):
        assert outlines._at_a_glance(text)


@pytest.mark.parametrize(
    ("template", "path", "expected"),
    [
        ("landing/{source:crm|erp}_{name}.csv", "landing/crm_a_b.csv", {"source": "crm", "name": "a_b"}),
        ("landing/{a}_{b}.csv", "landing/x_y_z.csv", {"a": "x_y", "b": "z"}),
        ("landing/{a}_{b}.csv", "landing/x_y_.csv", {"a": "x", "b": "y_"}),
        ("landing/*_{b}_{d:%Y/%m}/x", "landing/a_b_c_2026/01/x", {"b": "c", "d": "2026/01"}),
        ("landing/{a:**}-{d:%Y/%m}/*", "landing/a/b-2026/01/x", {"a": "a/b", "d": "2026/01"}),
        ("landing/{a}/**/{b}?", "landing/x/y/z/w1", {"a": "x", "b": "w"}),
        ("**/{d:%Y/%m}/*", "2026/01/x", {"d": "2026/01"}),
        ("landing/{n:int}_{b}", "landing/1_2_3", {"n": "1", "b": "2_3"}),
    ],
)
def test_division_of_neighbours(template: str, path: str, expected: dict[str, str]) -> None:
    """What stands side by side in a segment divides it as the specification says, dates across `/` included."""
    assert captured(template, path) == expected


@settings(max_examples=150, deadline=None)
@given(data=st.data(), sample=samples())
def test_literal_text_never_rules_out_a_match(data: st.DataObject, sample: Sample) -> None:
    """Every path that matches has the template's static prefix, middle and suffix: filters may rely on them."""
    template = PathTemplate.parse(sample.text)
    path = data.draw(paths_for(sample))

    if reference_match(sample.tokens, path) is not None:
        assert path.startswith(template.static_prefix)
        assert template.static_middle in path
        assert path.endswith(template.static_suffix)
        whole = {segment for segment in template.skeleton.split("/") if "\0" not in segment}
        assert whole <= set(path.split("/"))


@settings(max_examples=300, deadline=None)
@given(st.text("{}*?:%|/[]\\,abYmd \n\ud800é", max_size=20))
def test_any_text_is_parsed_or_refused_with_its_column(text: str) -> None:
    """Parsing raises nothing but TemplateError, whose column lies in the text or just behind it."""
    refused: TemplateError | None = None
    try:
        template = PathTemplate.parse(text)
    except TemplateError as error:
        refused = error

    if refused:
        assert 1 <= refused.column <= len(text) + 1
        assert refused.message.endswith(".")
    else:
        assert template.text == text


@settings(max_examples=150, deadline=None)
@given(st.text(st.characters(), max_size=30))
def test_any_name_is_matched_or_missed_with_a_reason(name: str) -> None:
    """No name makes matching raise, and no reason holds what a terminal or a log would obey."""
    template = PathTemplate.parse("landing/{source:a|b}/{date:%Y-%m-%d}/*.{kind}")

    for path in (name, f"landing/{name}", f"landing/a/{name}", f"landing/a/2026-02-28/{name}.csv"):
        found = template.match(path)
        assert isinstance(found, Captures) or (found.reason and found.reason.isprintable())


@pytest.mark.parametrize(
    "character", ["\n", "\r", "\x00", "\x1b", "\u2028", "\u202e", "\ufeff", "\uffff", "\U0010ffff"]
)
def test_odd_characters_are_ordinary(character: str) -> None:
    """A line break, a NUL or a bidirectional mark in a name is matched like a letter, by every construct."""
    path = f"landing/{character}/a{character}b"

    assert captured("landing/?/a{one}b", path) == {"one": character}
    assert captured("landing/{one}/a*b", path) == {"one": character}
    assert captured("landing/{rest:**}", path) == {"rest": f"{character}/a{character}b"}
    assert captured("**/a?b", path) == {}


def test_line_break_at_the_end_is_no_match() -> None:
    """`orders.csv` with a line break behind it is another blob."""
    assert reason("landing/*.csv", "landing/orders.csv\n") == "segment 2: `orders.csv\\n` does not fit `*.csv`"


def test_lone_surrogate_is_a_mismatch() -> None:
    """Half a character cannot be in a blob's name; asking is answered and not an exception."""
    said = reason("landing/**", "landing/\ud800.csv")

    assert said == "character 9 is half of a character (a lone surrogate), which no blob's name can hold"


def test_overlong_path_is_a_mismatch() -> None:
    """4,096 characters match, one more does not, so that work per path is bounded."""
    assert captured("landing/{rest:**}", "landing/" + "a" * 4088) == {"rest": "a" * 4088}
    assert reason("landing/{rest:**}", "landing/" + "a" * 4089) == (
        "the path has 4097 characters; no blob's has more than 4096"
    )


@pytest.mark.parametrize("text", ["landing/{x:**}a/*/b{c}.csv", "**/*aaaa/{b}a", "*/*/*/{x:**}aaaa"])
def test_time_is_linear_where_rules_share_an_expression(text: str) -> None:
    """The standard library's expressions are used only where they have nothing to try again."""
    template = [PathTemplate.parse(text) for _ in range(100)][-1]
    paths = ["landing/" + "aaa/" * (length // 4) + "ab" for length in (1000, 4000)]
    assert isinstance(template.match(paths[0]), Mismatch)
    assert "fullmatch" in template._ending.prepare().__code__.co_freevars

    short, long = (min(processor_time(template, path) for _ in range(20)) for path in paths)

    assert long < 10 * max(short, 20e-6)


def processor_time(template: PathTemplate, path: str) -> float:
    """Return the seconds of this thread's processor time that one match takes."""
    start = time.thread_time()
    template.match(path)
    return time.thread_time() - start


@pytest.mark.parametrize(
    ("text", "end"),
    [
        pytest.param("landing/" + "*a" * 40 + "b", "a", id="wildcards-miss"),
        pytest.param("landing/" + "*a" * 40 + "b", "b", id="wildcards-match"),
        pytest.param("landing/" + ("a" * 12).join(f"{{c{index}}}" for index in range(32)), "a", id="captures-match"),
        pytest.param("landing/{x:**}a/**/b", "a", id="segments-miss"),
        pytest.param("landing/*a*b", "a", id="steps-miss"),
        pytest.param("landing/{a}aaaa{b}", "a", id="steps-match"),
        pytest.param("**/*aaaa/x", "a", id="folders-miss"),
    ],
)
def test_time_grows_no_more_than_linearly(text: str, end: str) -> None:
    """Four times the path takes about four times as long; were it quadratic, it would be 16 times."""
    template = PathTemplate.parse(text)
    paths = ["landing/" + "a" * length + end for length in (1000, 4000)]

    # The least of many: a neighbour on this machine can only add. A miss can be found so early that fixed costs count.
    short = long = float("inf")
    for round_ in range(60):
        short, long = (
            min(so_far, processor_time(template, path)) for so_far, path in zip((short, long), paths, strict=True)
        )
        if round_ >= 5 and long < 10 * max(short, 20e-6):
            return
    pytest.fail(f"{long / short:.1f} times as long for four times the path")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a/" + "?" * MOST_WILDCARDS, id="most-wildcards"),
        pytest.param("a/" + "_".join(f"{{c{index}:%Y%m%d}}" for index in range(MOST_CAPTURES)), id="most-captures"),
        pytest.param("a/" + "é" * (LONGEST_TEMPLATE - 2), id="longest-literal"),
        pytest.param("a/{w:" + "|".join(f"é{index}" for index in range(350)) + "}", id="many-words"),
        pytest.param("a/" + "**/b/" * MOST_WILDCARDS + "c", id="most-segments"),
    ],
)
def test_greatest_templates_still_compile(text: str) -> None:
    """Whatever is accepted can be matched with: RE2 refuses an expression beyond its memory."""
    found = PathTemplate.parse(text).match("a/no")

    assert isinstance(found, Mismatch)
    assert found.reason


def test_bounds_are_told() -> None:
    """A template beyond a bound is refused where it goes beyond."""
    assert refusal("a/" + "b" * LONGEST_TEMPLATE) == "1: The path has 2050 characters; the most is 2048."
    assert refusal("a/" + "?" * 65) == "67: A path has at most 64 wildcards; this is one more."
    assert refusal("a/" + "-".join(f"{{c{index:02}}}" for index in range(33))) == (
        "195: A path has at most 32 captures; this is one more."
    )


def test_values_are_text_numbers_and_dates() -> None:
    """A capture has the text of the path and the value that it stands for, dates as aware UTC."""
    template = PathTemplate.parse("landing/{source}/{part:int}/{when:%Y-%m-%dT%H%M%S}/{rest:**}")

    found = template.match("landing/crm/0042/2026-02-28T235958/a/b.csv")

    assert isinstance(found, Captures)
    assert [capture.value for capture in found.values()] == [
        "crm",
        42,
        datetime(2026, 2, 28, 23, 59, 58, tzinfo=UTC),
        "a/b.csv",
    ]
    assert found["part"].text == "0042"


def test_captures_cannot_be_changed() -> None:
    """What a match holds stays as it was when it was made."""
    found = PathTemplate.parse("landing/{name}").match("landing/a")

    assert isinstance(found, Captures)
    assert not hasattr(found, "__setitem__")
    with pytest.raises(AttributeError):
        found["name"].text = "b"  # type: ignore[misc] # that it is frozen is what this test is about


@pytest.mark.parametrize(
    ("template", "prefix", "suffix", "container"),
    [
        ("landing/crm/orders.csv", "landing/crm/orders.csv", "landing/crm/orders.csv", "landing"),
        ("landing/crm/{name}.csv", "landing/crm/", ".csv", "landing"),
        ("landing/crm-*/x/y.csv", "landing/crm-", "/x/y.csv", "landing"),
        ("landing/**/orders.csv", "landing/", "orders.csv", "landing"),
        ("landing/**", "landing/", "", "landing"),
        ("land*/x", "land", "/x", None),
        ("{container}/x", "", "/x", None),
        ("**/x.csv", "", "x.csv", None),
        ("landing/{{a}}/?", "landing/{a}/", "", "landing"),
    ],
)
def test_static_text_and_container(template: str, prefix: str, suffix: str, container: str | None) -> None:
    """The literal beginning and end and the container are read off the template, for listings and filters."""
    parsed = PathTemplate.parse(template)

    assert (parsed.static_prefix, parsed.static_suffix, parsed.container) == (prefix, suffix, container)


@pytest.mark.parametrize(
    ("template", "path", "expected"),
    [
        ("landing/{s}/x/**/*.csv", "landing/crm", "the path has 2 segments and the template needs at least 4"),
        ("landing/**/eu/{d:%Y}/*.csv", "landing/a/us/2026/o.csv", "segment 3: `us` is not `eu`"),
        ("landing/**/x/**", "landing/a/b/c", "segments 2 to 4: `a/b/c` does not fit `**/x/**`"),
        ("landing/{a:**}.csv", "landing/a/b.txt", "segments 2 to 3: `a/b.txt` does not fit `{a:**}.csv`"),
        (
            "landing/{d:%Y/%m}{x:**}.csv",
            "landing/2026/02a.txt",
            "segments 2 to 3: `2026/02a.txt` does not fit `{d:%Y/%m}{x:**}.csv`",
        ),
        ("landing/{d:%Y/%m}/*", "landing/26/01/a", "segment 2: `26` does not fit `{d:%Y/%m}`"),
        ("landing/{n:int}", "landing/x", "segment 2: `x` is not a number of 1 to 18 digits"),
        ("landing/{n:int}", "landing/" + "1" * 19, f"segment 2: `{'1' * 19}` is not a number of 1 to 18 digits"),
        ("landing/{n}/x", "landing//x", "segment 2 is empty"),
        ("landing/a", "landing/" + "b" * 100, f"segment 2: `{'b' * 80}…` is not `a`"),
        ("landing/{a}_{d:%Y%m%d}", "landing/x_20260230", "segment 2: `20260230` is not a date in the format `%Y%m%d`"),
        ("landing/x/*.csv", "raw", "segment 1: `raw` is not `landing`"),
        ("landing/x/*.csv", "", "segment 1 is empty"),
    ],
)
def test_reason_names_the_first_segment_that_differs(template: str, path: str, expected: str) -> None:
    """The sentence says where the path and the template part, so that a person can see what to change."""
    assert reason(template, path) == expected


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("", "1: The path is empty. Write the container and the blob's path, such as `landing/*.csv`."),
        ("a/***", "3: Write `*` for text within a segment, or `**` as a segment of its own."),
        ("a/{b}*", f"6: Nothing tells where `{{b}}` ends and `*` starts. {MEET}"),
        ("a/{b:int}{c}", f"10: Nothing tells where `{{b:int}}` ends and `{{c}}` starts. {MEET}"),
        ("a/{b:**}/**", f"10: Nothing tells where `{{b:**}}` ends and `**` starts. {MEET}"),
        ("a/x{b:**}/{c:**}y", f"11: Nothing tells where `{{b:**}}` ends and `{{c:**}}` starts. {MEET}"),
        ("a/}b", "3: This `}` closes nothing. Write `}}` for a literal brace."),
        ("a/{b{c}}", "3: This `{` is never closed. Close it with `}`, or write `{{` for a literal brace."),
        ("a/{}", "3: This capture has no name. Write `{name}`, or `*` for text that no parameter needs."),
        ("a/{:int}", "3: This capture has no name. Write `{name}`, or `*` for text that no parameter needs."),
        ("a/{ b }", "3: Remove the spaces in `{ b }`."),
        ("a/{1b}", "3: `1b` cannot name a capture: use letters, digits and `_`, not a digit first, at most 63."),
        ("a/{b-c}", "3: `b-c` cannot name a capture: use letters, digits and `_`, not a digit first, at most 63."),
        ("a/{event}", "3: A capture cannot be called `event`: parameters use that name."),
        ("a/{b:}", f"6: Nothing stands after the colon. {KINDS}"),
        ("a/{b:x,y}", "6: Separate the words of a choice with `|`: `x|y`."),
        ("a/{b:x|}", "8: A word of this choice is empty. Write two rules if the part may be missing."),
        ("a/{b:x | y}", "6: Remove the spaces around `x`: they would be part of it."),
        ("a/{b:x|y|x}", "10: `x` stands twice in this choice."),
        ("a/{b:x|y/z}", "9: `/` cannot stand in a choice; its words are literal text."),
        ("a/{b:%Y|%m}", "6: `%` cannot stand in a choice; its words are literal text."),
        ("a/{b:%}", f"6: A `%` needs a letter after it. {DIRECTIVES}"),
        ("a/{b:%Y%f}", f"8: `%f` cannot be used: only digits of fixed width. {DIRECTIVES}"),
        ("a/{b:%Y-%Y}", "9: `%Y` stands twice in this format; once is enough."),
        ("a/{b:%y%Y}", "6: `%Y` and `%y` both say the year; keep one."),
        ("a/{b:%j}", "6: `%j`, the day of the year, needs `%Y` or `%y`: only some years have a day 366."),
        ("a/{b:%Y%j%m}", "6: `%j` already says the month and the day; leave out `%m` and `%d`, or `%j`."),
        ("a/{b:%Y*}", "8: `*` cannot stand in a date format."),
        ("a/{b:/%Y}", "6: In a date format a `/` stands between two parts of the date, one at a time."),
        ("a/{b:%Y//%m}", "9: In a date format a `/` stands between two parts of the date, one at a time."),
        ("a/b\n", "4: A path cannot hold a line break or another control character."),
        ("a\\b", "2: `\\` cannot be used: folders are separated by `/`, and nothing needs escaping but `{{` and `}}`."),
        ("a/{{b/{c:x y}", f"10: `x y` is no kind of capture. {KINDS}"),
    ],
)  # fmt: skip
def test_refusal_says_where_and_what_to_write(template: str, expected: str) -> None:
    """Every malformed template is refused at its column with a sentence that helps."""
    assert refusal(template) == expected


@given(st.datetimes(min_value=datetime(1, 1, 1), max_value=datetime(9999, 12, 31)))  # noqa: DTZ001 - hypothesis wants naive bounds
def test_dates_are_written_as_they_are_read(moment: datetime) -> None:
    """What a format writes it reads back, years below 1000 included."""
    moment = moment.replace(microsecond=0, tzinfo=UTC)

    for text in ("%Y-%m-%dT%H:%M:%S", "%Y/%j/%H%M%S", "%S%M%H %d.%m.%Y"):
        date_format = DateFormat.parse(text)
        assert date_format.read(date_format.write(moment)) == moment


@given(st.integers(0, 9999), st.integers(0, 99), st.integers(0, 99))
def test_only_dates_that_exist_are_read(year: int, month: int, day: int) -> None:
    """A date is read when the calendar has it and is None otherwise, whatever the digits."""
    found = DateFormat.parse("%Y%m%d").read(f"{year:04}{month:02}{day:02}")

    try:
        expected = datetime(year, month, day, tzinfo=UTC)
    except ValueError:
        expected = None
    assert found == expected


@pytest.mark.parametrize(
    ("text", "format_", "expected"),
    [
        ("69", "%y", 1969),
        ("99", "%y", 1999),
        ("00", "%y", 2000),
        ("68", "%y", 2068),
    ],
)
def test_short_years_turn_over_at_69(text: str, format_: str, expected: int) -> None:
    """Two digits are a year as Python and POSIX read them."""
    moment = DateFormat.parse(format_).read(text)

    assert moment is not None
    assert moment.year == expected
    assert moment.year == datetime.strptime(text, format_).replace(tzinfo=UTC).year


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024366", datetime(2024, 12, 31, tzinfo=UTC)),
        ("2026366", None),  # strptime reads 1 January 2027
        ("2026000", None),
        ("2026365", datetime(2025, 12, 31, tzinfo=UTC) + timedelta(days=365)),
    ],
)
def test_day_of_the_year_exists(text: str, expected: datetime | None) -> None:
    """Only a leap year has a day 366, and none has a day 0."""
    assert DateFormat.parse("%Y%j").read(text) == expected


def test_only_intricate_templates_import_re2() -> None:
    """A cold start pays neither for RE2 nor for YAML, and a match for RE2 only where paths divide in many ways."""
    script = (
        "import sys; from shared.path_template import PathTemplate; import shared.rules_file; "
        "loaded = lambda: sorted({'re2', 'yaml'} & set(sys.modules)); "
        "PathTemplate.parse('landing/{a}/{d:%Y}/*.csv').match('landing/a/2026/b.csv'); print(loaded()); "
        "PathTemplate.parse('landing/*a*b*.csv').match('landing/aab.csv'); print(loaded())"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines() == ["[]", "['re2']"]


@pytest.mark.parametrize(
    ("template", "path", "expected"),
    [
        ("landing/crm/*.csv", "raw/crm/a.csv", 0),
        ("landing/crm/*.csv", "landing/erp/a.csv", 1),
        ("landing/crm/*.csv", "landing/crm/a.txt", 2),
        ("landing/{s:crm|erp}/{d:%Y/%m}/x", "landing/erp/2026/1/x", 3),
        ("landing/**/x/*.csv", "landing/a/b/c.csv", 1),
        ("landing/crm/*.csv", "landing", 1),
        ("landing/?/x", "landing/\ud800/y", 2),
    ],
)
def test_mismatch_tells_how_far_a_path_fits(template: str, path: str, expected: int) -> None:
    """Segments that fit are counted from the left, up to what crosses segments: the closest rules have most."""
    found = PathTemplate.parse(template).match(path)

    assert isinstance(found, Mismatch)
    assert found.matched_segments == expected

"""Fuzzing of what people write: path templates, regular expressions, parameters, whole rules files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import RulesError
from shared.parameters import ParameterTemplate, looks_dynamic
from shared.path_template import Mismatch, PathTemplate, RegexTemplate, TemplateError
from shared.rules_file import parse_rules
from tests.fakes.arrivals import arrival
from tests.hostile import tally
from tests.hostile.corpus import names
from tests.hostile.fuzzing import fuzzed, outcome
from tests.hostile.mutations import mutated_text
from tests.shared.reference_matcher import Sample, paths_for, reference_match, samples

ROOT = Path(__file__).parents[2]
PATHS = st.text(max_size=40) | st.sampled_from([f"landing/{name.text}" for name in names()])
TEMPLATES = st.one_of(
    st.text(max_size=30),
    st.text("{}*?:/|[]\\aYmdHnit%é\n-.", max_size=24),
    mutated_text(samples().map(lambda sample: sample.text)),
)
REGEXES = st.one_of(
    st.text(max_size=20),
    st.text("()[]{}|*+?.^$\\dwbPa1<>=:!,-", max_size=20),
    mutated_text(st.sampled_from(["landing/(?P<name>.*)[.]csv", "landing/(a+)+", "landing/[a-z]{1,5}/(?P<d>\\d{8})"])),
)
# Every rules file of the documents, in order or not, and the one that ships.
SOURCES = [
    (ROOT / "rules.yaml").read_text("utf-8"),
    *re.findall(r"```yaml\n(version: 1\n.*?)```", (ROOT / "docs" / "rules.md").read_text("utf-8"), re.DOTALL),
]


@fuzzed(300)
@given(TEMPLATES, PATHS)
def test_template_is_refused_in_our_words_or_decides(text: str, path: str) -> None:
    """A template is a TemplateError with its column, or it tells of each path whether it matches, and why not."""
    tally.count("fuzzed")

    template = outcome(lambda: PathTemplate.parse(text), TemplateError)

    if isinstance(template, TemplateError):
        assert 0 < template.column <= len(text) + 1
        assert str(template)
        return
    found = template.match(path)
    if isinstance(found, Mismatch):
        assert str(found).isprintable()
    else:
        assert set(found) == set(template.capture_names)


@fuzzed(100)
@given(data=st.data(), sample=samples())
def test_template_decides_as_the_reference(data: st.DataObject, sample: Sample) -> None:
    """Templates that are in order decide about broken paths as a slow and obvious matcher does."""
    tally.count("fuzzed")
    path = data.draw(mutated_text(paths_for(sample)).filter(lambda drawn: "\ud800" not in drawn))  # no name holds it

    expected = reference_match(sample.tokens, path)

    found = PathTemplate.parse(sample.text).match(path)
    assert isinstance(found, Mismatch) == (expected is None)


@fuzzed(300)
@given(REGEXES, PATHS)
def test_regex_is_refused_in_our_words_or_decides(text: str, path: str) -> None:
    """An expression is refused with a reason, or it decides; it is never Python's own that answers."""
    tally.count("fuzzed")

    template = outcome(lambda: RegexTemplate.parse(text), TemplateError)

    if isinstance(template, TemplateError):
        assert str(template)
    else:
        assert template.match(path) is not None


@fuzzed(200)
@given(st.text(max_size=30) | st.text("{}:.%abobuiYrl[]!", max_size=20) | mutated_text(st.just("{blob.uri}-{date:%Y}")))
def test_parameter_is_refused_in_our_words_or_parsed(text: str) -> None:
    """A parameter is a list of texts and of names in a table: nothing in it is evaluated."""
    tally.count("fuzzed")

    template = outcome(lambda: ParameterTemplate.parse(text), TemplateError)

    if isinstance(template, TemplateError):
        assert str(template)
    else:
        assert not any(looks_dynamic(piece) for piece in template.pieces if isinstance(piece, str))


@fuzzed(150)
@given(mutated_text(st.sampled_from(SOURCES)) | st.text(max_size=60))
def test_rules_file_is_read_or_faulted(text: str) -> None:
    """A rules file gives rules, or all its faults with their lines; never another exception."""
    tally.count("fuzzed")

    rules = outcome(lambda: parse_rules(text, "rules.yaml"), RulesError)

    if isinstance(rules, RulesError):
        assert rules.faults
        assert all(fault.line >= 1 and fault.column >= 1 and fault.message for fault in rules.faults)
        assert all(line.isprintable() for line in str(rules).split("\n"))
    else:
        assert isinstance(rules.match(arrival()), tuple)


BOMB = "a: &a [x, x]\n" + "\n".join(
    f"b{n}: &b{n} [{', '.join(['*' + ('a' if n == 0 else f'b{n - 1}')] * 9)}]" for n in range(12)
)


@pytest.mark.parametrize(
    "text",
    [
        BOMB,
        "version: 1\nrules: &r\n  - *r\n",
        "[" * 10_000,
        "{a: " * 10_000,
        "- " * 10_000,
        "version: 1\nrules:\n" + "  - {name: r, path: 'l/*', job: {id: 1}}\n" * 300,
        "version: !!python/object/apply:os.system ['id']\nrules: []\n",
        "version: 1" + "0" * 5000,
        "\ufeff\ufeff",
        "version: 1\nrules: []\n\x00",
        "%YAML 9.9\n---\nversion: 1\n",
        "? {a: b}\n: c\n",
        "version: 1\nrules: [{name: r, path: 'landing/" + "x" * 100_000 + "', job: {id: 1}}]\n",
        "version: 1\nrules: [{name: r, path: 'landing/" + "{a}b" * 5_000 + "', job: {id: 1}}]\n",
        "version: 1\nrules: [{name: r, path: 'landing/x', job: {id: " + "9" * 5_000 + "}}]\n",
    ],
    ids=lambda text: ascii(text[:24]),
)
def test_bomb_is_a_fault(text: str) -> None:
    """What grows when it is read, or is nested without an end, is refused with its line before it grows."""
    with pytest.raises(RulesError) as refused:
        parse_rules(text, "rules.yaml")

    assert len(str(refused.value)) < 200_000
    assert refused.value.faults[0].line >= 1
    tally.count("corpus")

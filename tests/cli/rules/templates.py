"""Path templates and paths as hypothesis makes them: of few letters, so that two of them often meet."""

from __future__ import annotations

from hypothesis import strategies as st

from shared.path_template import PathTemplate, RegexTemplate, TemplateError
from shared.rules import Rules
from shared.rules_file import parse_rules

_PIECES = ["a", "b", "ab", "*", "?", "{%}", "{%:int}", "{%:a|b}", "{%:a|ab}", "{%:%d}", "{%:%m/%d}", "-", "{%:**}", "1"]
_SEGMENT = st.one_of(
    st.just("**"), st.lists(st.sampled_from(_PIECES), min_size=1, max_size=3).map("".join), st.sampled_from(["a", "b"])
)
_PATH_PIECES = ["a", "b", "ab", "1", "02", "30", "31", "02/30", "/", "/a", "-", "é", "\n", "."]


def _named(text: str) -> str:
    parts = text.split("{%")
    return parts[0] + "".join(f"{{c{number}{part}" for number, part in enumerate(parts[1:]))


def _is_template(text: str) -> bool:
    try:
        PathTemplate.parse(text)
    except TemplateError:
        return False
    return True


def _is_expression(text: str) -> bool:
    try:
        RegexTemplate.parse(text)
    except TemplateError:
        return False
    return True


TEMPLATES = (
    st.tuples(st.sampled_from(["aaa", "bbb", "{c}", "*", "aa?", "**"]), st.lists(_SEGMENT, min_size=1, max_size=4))
    .map(lambda parts: _named("/".join([parts[0], *parts[1]])))
    .filter(_is_template)
)
EXCLUDES = TEMPLATES.filter(lambda text: "{" not in text)
EXPRESSIONS = (
    st.lists(
        st.sampled_from(
            [
                "a",
                "b",
                "/",
                ".",
                "[ab]",
                "[^a/]",
                r"\d",
                "(a|b/)",
                "(?P<x>a+)",
                "a*",
                "b?",
                "a{1,2}",
                ".*",
                "|",
                r"\.",
                "[[:alpha:]]",
            ]
        ),
        min_size=1,
        max_size=6,
    )
    .map(lambda parts: "aaa/" + "".join(parts))
    .filter(_is_expression)
)
PATHS = st.tuples(
    st.sampled_from(["aaa", "bbb", "aab", "azure-webjobs-hosts"]),
    st.lists(st.sampled_from(_PATH_PIECES), min_size=1, max_size=6),
).map(lambda parts: f"{parts[0]}/{''.join(parts[1])}")


def rules_of(*paths: str, more: str = "") -> Rules:
    """Return rules with these paths, called r0, r1 and so on, the job of each being another; `more` is for all."""
    return parse_rules(rules_text(*paths, more=more), "rules.yaml")


def rules_text(*paths: str, more: str = "") -> str:
    """Return the text of such a rules file."""
    lines = ["version: 1", "rules:"]
    for number, path in enumerate(paths):
        lines += [f"  - name: r{number}", f"    path: '{path}'", f"    job: {{id: {number + 1}}}"]
        lines += [f"    {more}"] if more else []
    return "\n".join(lines) + "\n"

"""A regular expression in place of a path template, for what templates cannot say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from shared.path_template.braces import TemplateError
from shared.path_template.capture_kinds import TEXT, CaptureKind
from shared.path_template.captures import Captures
from shared.path_template.linear_expression import ExpressionError, LinearExpression, compile_expression
from shared.path_template.mismatch import LONGEST_PATH, Mismatch, unmatchable
from shared.path_template.parser import CONTROL, LONGEST_TEMPLATE, MOST_CAPTURES, name_fault
from shared.path_template.regex_syntax import Group, RegexSyntax
from shared.wording import shown

# What a repetition such as `.{1000}` grows to. The time of a match is this times the length of the path at the worst.
MOST_INSTRUCTIONS = 20_000

_LOOKS_AROUND = "RE2 does not look ahead or behind, so that time stays linear. Say with `exclude` what must not match."
# What RE2 says before the colon -> what we say; {} stands for the part that it quotes.
_FAULTS = {
    "missing ]": "This `[` is never closed. Close it with `]`, or write `\\[` for a literal bracket.",
    "no argument for repetition operator": "Nothing stands before {} to be repeated. Write `\\` before a literal one.",
    "bad repetition operator": "{} repeats a repetition. Keep one of them, or put parentheses around the first.",
    "invalid repetition size": "{} repeats too often; all repetitions around a part together allow 1,000.",
    "invalid character class range": "{} is no range of characters.",
    "invalid escape sequence": "RE2 does not know {}. It has no references to groups; a literal `\\` is `\\\\`.",
    "trailing \\": "Nothing stands after the last `\\`. A literal `\\` is `\\\\`.",
    "invalid named capture group": "{} starts no named group. Named groups are written `(?P<name>...)`.",
    "invalid perl operator": "RE2 does not know {}. Groups are `(?P<name>...)`, `(...)` and `(?:...)`.",
    "pattern too large": "This is too large with its repetitions written out. Repeat less often, or write two rules.",
}


@dataclass(frozen=True)
class RegexTemplate:
    """A regular expression that RE2 reads, matched like a path template: whole, case-sensitive, in linear time.

    Named groups are captures of text. A group that took no part in a match captured "".
    """

    text: str
    kinds: Mapping[str, CaptureKind] = field(repr=False, compare=False)
    literal_runs: tuple[str, ...] = field(repr=False, compare=False)
    _expression: LinearExpression = field(repr=False, compare=False)
    _named: tuple[int, ...] = field(repr=False, compare=False)  # which groups have a name, counted from 0

    @classmethod
    def parse(cls, text: str) -> RegexTemplate:
        """Return the expression; raises TemplateError with the column within `text`."""
        _refuse_text(text)
        syntax = RegexSyntax.of(text)
        expression = _compiled(text, syntax)
        _refuse_groups(syntax.groups)
        named = [(index, group.name) for index, group in enumerate(syntax.groups) if group.name]
        kinds = {name: TEXT for _, name in named}
        return cls(text, kinds, syntax.literal_runs, expression, tuple(index for index, _ in named))

    @property
    def capture_names(self) -> tuple[str, ...]:
        """Return the names of the named groups in the order of the text."""
        return tuple(self.kinds)

    @property
    def skeleton(self) -> str:
        """Return the literal text that is known, with a NUL for whatever is between."""
        return "\0".join(self.literal_runs)

    @property
    def static_prefix(self) -> str:
        """Return literal text that every matching path starts with; may be less than there is."""
        return self.literal_runs[0]

    @property
    def static_suffix(self) -> str:
        """Return literal text that every matching path ends with; may be less than there is."""
        return self.literal_runs[-1]

    @property
    def static_middle(self) -> str:
        """Return the longest literal text that is known to be between those two."""
        return max(self.literal_runs[1:-1], key=len, default="")

    @property
    def container(self) -> str | None:
        """Return the container if the expression starts with its name and a slash."""
        container, slash, _ = self.static_prefix.partition("/")
        return container if slash else None

    def match(self, full_path: str) -> Captures | Mismatch:
        """Return what the named groups took from `container/path`, or why it does not match."""
        if full_path.startswith(self.static_prefix) and len(full_path) <= LONGEST_PATH:
            try:
                found = self._expression.fullmatch(full_path.encode())
            except UnicodeEncodeError:  # a lone surrogate: no blob can be called so
                found = None
            if found:
                groups = found.groups()
                return Captures(self.kinds, [(groups[index] or b"").decode() for index in self._named])
        return Mismatch(partial(_explain, self, full_path), partial(_matched_segments, self, full_path))


def _explain(template: RegexTemplate, full_path: str) -> str:
    if fault := unmatchable(full_path):
        return fault
    if not full_path.startswith(template.static_prefix):
        return f"the path does not start with {shown(template.static_prefix)}"
    if not full_path.endswith(template.static_suffix):
        return f"the path does not end with {shown(template.static_suffix)}"
    says = f"the path does not fit the regular expression {shown(template.text)}"
    if compile_expression(template.text, ignore_case=True).fullmatch(full_path.encode()):
        says += "; upper and lower case are different letters"
    return says


def _matched_segments(template: RegexTemplate, full_path: str) -> int:
    """Count the segments at the start of the path that the literal beginning agrees with."""
    count = 0
    *whole, _ = template.static_prefix.split("/")
    for expected, part in zip(whole, full_path.split("/"), strict=False):
        if expected != part:
            break
        count += 1
    return count


def _refuse_text(text: str) -> None:
    if not text:
        raise TemplateError("The expression is empty. It must match the whole path, as in `landing/.*`.", 1)
    if len(text) > LONGEST_TEMPLATE:
        raise TemplateError(f"The expression has {len(text)} characters; the most is {LONGEST_TEMPLATE}.", 1)
    if found := CONTROL.search(text):
        message = "An expression cannot hold a line break or another control character; write `\\n` or `\\x{85}`."
        raise TemplateError(message, found.start() + 1)


def _compiled(text: str, syntax: RegexSyntax) -> LinearExpression:
    if syntax.byte_column:
        raise TemplateError("`\\C` takes half a character at times. Write `.` for any one.", syntax.byte_column)
    try:
        expression = compile_expression(text)
    except ExpressionError as error:
        raise _translated(error, text, syntax) from None
    if expression.programsize > MOST_INSTRUCTIONS:
        raise TemplateError(_FAULTS["pattern too large"], 1)
    if expression.groups != len(syntax.groups):
        raise TemplateError("The groups of this expression cannot be told apart. Write it without `\\Q` and `\\E`.", 1)
    return expression


def _translated(error: ExpressionError, text: str, syntax: RegexSyntax) -> TemplateError:
    if error.message == "missing )" and syntax.never_closed:
        message = "This `(` is never closed. Close it with `)`, or write `\\(` for a literal parenthesis."
        return TemplateError(message, syntax.never_closed)
    if error.message == "unexpected )" and syntax.closes_nothing:
        message = "This `)` closes nothing. Write `\\)` for a literal parenthesis."
        return TemplateError(message, syntax.closes_nothing)
    column = text.find(error.argument) + 1 if error.argument else len(text)
    if re.match(r"\(\?(?:<?[=!]|>)", text[column - 1 :]) and error.message == "invalid perl operator":
        return TemplateError(_LOOKS_AROUND, column)
    message = next((says for starts, says in _FAULTS.items() if error.message.startswith(starts)), "")
    fallback = f"RE2 cannot use this expression: {error.message}."
    return TemplateError(message.format(shown(error.argument)) or fallback, max(column, 1))


def _refuse_groups(groups: list[Group]) -> None:
    names: set[str] = set()
    for index, group in enumerate(groups):
        if index == MOST_CAPTURES:
            message = f"An expression has at most {MOST_CAPTURES} groups; write `(?:...)` where nothing is captured."
            raise TemplateError(message, group.column)
        if not group.name:
            continue
        if fault := name_fault(group.name, names):
            raise TemplateError(fault, group.column)
        names.add(group.name)

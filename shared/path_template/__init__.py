"""Path templates: which blobs a rule is for, and what it takes from their paths. docs/rules.md is the specification.

Bottom-up: `braces` is the grammar that parameters share, `date_format` and `capture_kinds` are what can be captured,
`elements` what a template is made of, `parser` reads it and `outline` does so quickly, `linear_expression` is the only
home of RE2, `division` tells what each capture takes, `mismatch` says why a path is not matched, and `template` is all
of it together. `regex_template` is the other way to say which paths a rule is for, read by `regex_syntax`; `pattern` is
what the two have in common.
"""

from __future__ import annotations

from shared.path_template.braces import TemplateError
from shared.path_template.capture_kinds import CaptureKind, Value
from shared.path_template.captures import Capture, Captures
from shared.path_template.mismatch import Mismatch
from shared.path_template.pattern import PathPattern
from shared.path_template.regex_template import RegexTemplate
from shared.path_template.template import PathTemplate

__all__ = [
    "Capture",
    "CaptureKind",
    "Captures",
    "Mismatch",
    "PathPattern",
    "PathTemplate",
    "RegexTemplate",
    "TemplateError",
    "Value",
]

"""Path templates: which blobs a rule is for, and what it takes from their paths. docs/rules.md is the specification.

Bottom-up: `braces` is the grammar that parameters share, `date_format` and `capture_kinds` are what can be captured,
`elements` what a template is made of, `parser` reads it, `linear_expression` is the only home of RE2, `mismatch` says
why a path is not matched, and `template` is all of it together.
"""

from __future__ import annotations

from shared.path_template.braces import TemplateError
from shared.path_template.capture_kinds import CaptureKind, Value
from shared.path_template.mismatch import Mismatch
from shared.path_template.template import Capture, Captures, PathTemplate

__all__ = ["Capture", "CaptureKind", "Captures", "Mismatch", "PathTemplate", "TemplateError", "Value"]

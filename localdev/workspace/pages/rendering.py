"""From what a page shows to HTML: Jinja with everything escaped, and everything invisible made visible."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from localdev.workspace.pages import text
from localdev.workspace.pages.run_page import page_of_task
from localdev.workspace.pages.spans import machine_time, moment_words, span_words
from localdev.workspace.pages.triggers import starter_words

_TEMPLATES = Path(__file__).parent / "templates"


def environment() -> Environment:
    """Return the templates, which refuse names that they were not given."""
    templates = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=text.finalized,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Any] = {"span": span_words, "moment": _time_element, "line": _line, "starter": starter_words}
    templates.filters.update(filters)
    templates.globals["page_of_task"] = page_of_task
    return templates


def _time_element(moment: datetime | None) -> Markup:
    if moment is None:
        return Markup("—")
    return Markup('<time datetime="{}">{}</time>').format(machine_time(moment), moment_words(moment))


def _line(value: object, limit: int = 200) -> str:
    return text.clipped(text.on_one_line(str(value)), limit)

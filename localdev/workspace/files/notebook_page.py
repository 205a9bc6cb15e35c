"""A notebook as a page of HTML, with what a run of it left behind."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from string import Template

from localdev.workspace.files import notebook_formats
from localdev.workspace.files.workspace_objects import WorkspaceObject

_PAGE = Template(
    "<!DOCTYPE html>\n"
    '<html lang="en"><head><meta charset="utf-8">'
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    "<title>$title</title><style>pre{padding:.6em;background:#f4f4f4;white-space:pre-wrap}</style></head>\n"
    "<body><h1>$title</h1>\n$cells\n$outputs</body></html>\n"
)


def page(notebook: WorkspaceObject, content: bytes, outputs: Sequence[tuple[str, str]]) -> str:
    """Return the page of a notebook; `outputs` are headings and texts. Raises ApiError where it cannot be read."""
    language = notebook.language or "PYTHON"
    source = notebook_formats.jupyter_to_source(content) if notebook.is_jupyter else content
    cells = "\n".join(f"<pre>{escape(cell)}</pre>" for cell in notebook_formats.source_cells(source, language))
    shown = "".join(f"<h2>{escape(heading)}</h2><pre>{escape(text)}</pre>\n" for heading, text in outputs)
    return _PAGE.substitute(title=escape(notebook.path.rpartition("/")[2]), cells=cells, outputs=shown)

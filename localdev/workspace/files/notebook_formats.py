"""Notebooks from one format to the other: Databricks' source with its cells between comments, and Jupyter's JSON.

https://docs.databricks.com/aws/en/notebooks/notebook-format, https://nbformat.readthedocs.io/en/latest/format_description.html
"""

from __future__ import annotations

import json
import re
from typing import Any

from localdev.workspace.errors import invalid
from localdev.workspace.files.workspace_objects import COMMENTS, header

_MARK = " MAGIC"


def as_source(text: bytes, language: str) -> bytes:
    """Return a notebook's source with the first line that makes it one, added where it is missing."""
    if text.removeprefix(b"\xef\xbb\xbf").partition(b"\n")[0].rstrip() == header(language).encode():
        return text
    return header(language).encode() + b"\n" + text


def check_jupyter(content: bytes) -> None:
    """Raise ApiError for what is no Jupyter notebook."""
    _jupyter_cells(content)


def jupyter_to_source(content: bytes) -> bytes:
    """Return a Jupyter notebook in Python as Databricks' source; raises ApiError for one that is broken."""
    cells = [_source_cell(cell) for cell in _jupyter_cells(content)]
    return f"{header('PYTHON')}\n".encode() + "\n\n# COMMAND ----------\n\n".join(cells).encode() + b"\n"


def source_to_jupyter(content: bytes, language: str) -> bytes:
    """Return Databricks' source as a Jupyter notebook; raises ApiError where it is no text."""
    cells = [_jupyter_cell(text) for text in source_cells(content, language)]
    notebook = {
        "cells": cells,
        "metadata": {"language_info": {"name": language.lower()}},
        "nbformat": 4,
        "nbformat_minor": 0,
    }
    return json.dumps(notebook, ensure_ascii=False, indent=1).encode()


def source_cells(content: bytes, language: str) -> list[str]:
    """Return the cells of Databricks' source, a `%md` one without the marks that comment it out; raises ApiError."""
    comment = COMMENTS[language]
    _, _, rest = _text(content).partition("\n")
    cells = re.split(rf"^{re.escape(comment)} COMMAND -+[ \t]*$", rest, flags=re.MULTILINE)
    return [_without_marks(cell.strip("\n"), comment) for cell in cells]


def _without_marks(cell: str, comment: str) -> str:
    lines = [line for line in cell.split("\n") if not line.startswith(f"{comment} DBTITLE")]
    if not all(line.startswith(comment + _MARK) for line in lines if line.strip()):
        return "\n".join(lines)
    return "\n".join(line.removeprefix(comment + _MARK).removeprefix(" ") for line in lines)


def _source_cell(cell: dict[str, Any]) -> str:
    source = cell["source"]
    text = source if isinstance(source, str) else "".join(source)
    if cell["cell_type"] == "markdown":
        text = f"%md\n{text}"
    return "\n".join(f"# MAGIC {line}".rstrip() for line in text.split("\n")) if text.startswith("%") else text


def _jupyter_cell(text: str) -> dict[str, Any]:
    if text.startswith("%md"):
        return {"cell_type": "markdown", "metadata": {}, "source": text.removeprefix("%md").lstrip()}
    return {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": text}


def _jupyter_cells(content: bytes) -> list[dict[str, Any]]:
    try:
        cells: list[dict[str, Any]] = json.loads(content)["cells"]
        if all(cell["cell_type"] and isinstance(cell["source"], str | list) for cell in cells):
            "".join(line for cell in cells for line in cell["source"]).encode()  # half a character is in no source
            return [cell for cell in cells if cell["cell_type"] != "raw"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise invalid("The content is no Jupyter notebook.") from error
    raise invalid("The content is no Jupyter notebook: a cell has no source.")


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise invalid("The notebook is no UTF-8 text.") from error

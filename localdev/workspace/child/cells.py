"""Notebooks as lists of cells: Databricks source files (.py) and Jupyter files (.ipynb).

https://docs.databricks.com/aws/en/notebooks/notebook-format
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

HEADER = "# Databricks notebook source"
_SEPARATOR = re.compile(r"^# COMMAND -+[ \t]*$", re.MULTILINE)
_MAGIC = re.compile(r"# MAGIC ?")
_TITLE = "# DBTITLE"


class NotANotebook(Exception):
    """The file is no notebook that can run here."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: its number from 1, the language of its magic command ("python" without one), and its text."""

    number: int
    language: str
    text: str


def read_cells(file: Path) -> list[Cell]:
    """Return a notebook's cells; raises NotANotebook."""
    try:
        text = file.read_text(encoding="utf-8-sig")
        sources = _jupyter_sources(text) if file.suffix == ".ipynb" else _source_cells(text)
    except (UnicodeDecodeError, json.JSONDecodeError, TypeError, KeyError) as error:
        raise NotANotebook(f"{file.name} cannot be read as a notebook: {error!r}") from error
    return [_cell(number, source) for number, source in enumerate(sources, start=1)]


def _source_cells(text: str) -> list[str]:
    header, _, rest = text.partition("\n")
    if header.rstrip() != HEADER:
        raise NotANotebook(f"This is a file and no notebook: a notebook's first line is {HEADER!r}.")
    return [_without_magic_marks(cell) for cell in _SEPARATOR.split(rest)]


def _without_magic_marks(cell: str) -> str:
    """Return a cell that is wholly commented out by `# MAGIC` as what it is; any other one as it stands."""
    lines = [line for line in cell.strip("\n").split("\n") if not line.startswith(_TITLE)]
    marked = [line for line in lines if line.strip()]
    if not marked or not all(_MAGIC.match(line) for line in marked):
        return cell.strip("\n")
    return "\n".join(_MAGIC.sub("", line, count=1) for line in lines)


def _jupyter_sources(text: str) -> list[str]:
    notebook = json.loads(text)
    language = notebook.get("metadata", {}).get("language_info", {}).get("name", "python")
    if language != "python":
        raise NotANotebook(f"The notebook is written in {language}: the local workspace runs Python only.")
    return [_joined(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]


def _joined(source: str | list[str]) -> str:
    return source if isinstance(source, str) else "".join(source)


def _cell(number: int, source: str) -> Cell:
    stripped = source.lstrip()
    if not stripped.startswith("%"):
        return Cell(number, "python", source)
    command, _, rest = stripped[1:].partition("\n")
    language, _, argument = command.partition(" ")
    return Cell(number, language.strip(), f"{argument}\n{rest}" if argument.strip() else rest)

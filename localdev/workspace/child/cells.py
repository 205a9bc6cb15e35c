"""Notebooks as lists of cells: Databricks source files (.py, .sql) and Jupyter files (.ipynb).

https://docs.databricks.com/aws/en/notebooks/notebook-format
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_HEADER = "Databricks notebook source"
_MARKS = {"#": "python", "--": "sql"}  # how a comment begins, and the language of cells without a magic command
_OTHER_LANGUAGES = {"//": "Scala"}
# Commands of IPython for one line, which may stand above code in a cell that is Python all the same.
_LINE_COMMANDS = {"pip", "conda", "matplotlib", "load_ext", "reload_ext", "autoreload", "config"}
_COMMAND = re.compile(r"%([\w-]+)")


class NotANotebook(Exception):
    """The file is no notebook that can run here."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: its number from 1, its language (of its magic command, else the notebook's), and its text.

    The rest of a magic command's line is the first line of the text.
    """

    number: int
    language: str
    text: str


def read_cells(file: Path) -> list[Cell]:
    """Return a notebook's cells; raises NotANotebook."""
    language, sources = read_sources(file)
    return [as_cell(number, source, language) for number, source in enumerate(sources, start=1)]


def read_sources(file: Path) -> tuple[str, list[str]]:
    """Return a notebook's language and what stands in its cells, in Jupyter's those with code; raises NotANotebook."""
    try:
        text = file.read_text(encoding="utf-8-sig")
        return _jupyter_sources(text) if file.suffix == ".ipynb" else _source_cells(text)
    except (UnicodeDecodeError, json.JSONDecodeError, AttributeError, TypeError, KeyError) as error:
        raise NotANotebook(f"{file.name} cannot be read as a notebook: {error!r}") from error


def as_cell(number: int, source: str, default: str = "python") -> Cell:
    """Return a cell from what stands in it; `default` is the language of its notebook."""
    command = _COMMAND.match(source.lstrip())
    if command is None or command[1] in _LINE_COMMANDS:
        return Cell(number, default, source)
    first, _, rest = source.lstrip()[command.end() :].partition("\n")
    return Cell(number, command[1], f"{first.strip()}\n{rest}" if first.strip() else rest)


def line_commands(source: str) -> tuple[list[tuple[str, str]], str]:
    """Return the commands of IPython for one line that a cell has, with their arguments, and the cell without them.

    Their lines stay, as empty ones, so that the others keep their numbers.
    """
    commands, lines = [], source.split("\n")
    for number, line in enumerate(lines):
        command = _COMMAND.match(line)
        if command is not None and command[1] in _LINE_COMMANDS:
            commands.append((command[1], line[command.end() :].strip()))
            lines[number] = ""
    return commands, "\n".join(lines)


def _source_cells(text: str) -> tuple[str, list[str]]:
    header, _, rest = text.partition("\n")
    mark = header.rstrip().removesuffix(_HEADER).rstrip()
    if header.rstrip() != f"{mark} {_HEADER}" or mark not in _MARKS:
        raise NotANotebook(_no_header(header, mark))
    separator = re.compile(rf"^{mark} COMMAND -+[ \t]*$", re.MULTILINE)
    return _MARKS[mark], [_without_marks(cell, mark) for cell in separator.split(rest)]


def _no_header(header: str, mark: str) -> str:
    if _HEADER in header and mark in _OTHER_LANGUAGES:
        return f"The notebook is written in {_OTHER_LANGUAGES[mark]}: the local workspace runs Python and SQL."
    return f"This is a file and no notebook: a notebook's first line is '# {_HEADER}', or in SQL '-- {_HEADER}'."


def _without_marks(cell: str, mark: str) -> str:
    """Return a cell that is wholly commented out by MAGIC as what it is; any other one as it stands."""
    magic = re.compile(rf"{mark} MAGIC ?")
    lines = [line for line in cell.strip("\n").split("\n") if not line.startswith(f"{mark} DBTITLE")]
    marked = [line for line in lines if line.strip()]
    if not marked or not all(magic.match(line) for line in marked):
        return cell.strip("\n")
    return "\n".join(magic.sub("", line, count=1) for line in lines)


def _jupyter_sources(text: str) -> tuple[str, list[str]]:
    notebook = json.loads(text)
    language = str(notebook.get("metadata", {}).get("language_info", {}).get("name", "python")).lower()
    if language not in _MARKS.values():
        raise NotANotebook(f"The notebook is written in {language}: the local workspace runs Python and SQL.")
    return language, [joined(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]


def joined(source: Any) -> str:
    """Return a cell's source, which Jupyter keeps as one string or as a list of lines."""
    return source if isinstance(source, str) else "".join(source)

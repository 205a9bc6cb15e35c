"""Notebook files as cells."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localdev.workspace.child.cells import Cell, NotANotebook, as_cell, line_commands, read_cells

SOURCE = """# Databricks notebook source
# MAGIC %md
# MAGIC # Ingestion
# MAGIC Reads one file.

# COMMAND ----------

# DBTITLE 1,Parameters
dbutils.widgets.text("file_path", "")

# COMMAND ----------

# MAGIC %run ./helpers

# COMMAND ----------

# MAGIC %sql
# MAGIC SELECT 1
# MAGIC

# COMMAND ----------

# MAGIC %python
# MAGIC x = 1
"""


def write(folder: Path, name: str, text: str) -> Path:
    """Write a file."""
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def test_source_notebook_is_split(tmp_path: Path) -> None:
    """Cells lie between COMMAND lines; a cell of MAGIC lines is what it says."""
    cells = read_cells(write(tmp_path, "n.py", SOURCE))

    assert [cell.language for cell in cells] == ["md", "python", "run", "sql", "python"]
    assert [cell.number for cell in cells] == [1, 2, 3, 4, 5]
    assert cells[1].text == '# DBTITLE 1,Parameters\ndbutils.widgets.text("file_path", "")\n'.strip()
    assert cells[2].text.strip() == "./helpers"
    assert cells[3].text.strip() == "SELECT 1"
    assert cells[4].text.strip() == "x = 1"


def test_comments_that_mention_magic_stay_code(tmp_path: Path) -> None:
    """Only a cell that is wholly made of MAGIC lines is one."""
    cells = read_cells(write(tmp_path, "n.py", "# Databricks notebook source\n# MAGIC %sql\nx = 1\n"))

    assert cells == [Cell(1, "python", "# MAGIC %sql\nx = 1")]


def test_windows_line_ends_are_read(tmp_path: Path) -> None:
    """A notebook exported on another system is the same notebook."""
    file = tmp_path / "n.py"
    file.write_bytes(SOURCE.replace("\n", "\r\n").encode("utf-8-sig"))

    assert [cell.language for cell in read_cells(file)] == ["md", "python", "run", "sql", "python"]


def test_jupyter_notebook_is_read(tmp_path: Path) -> None:
    """Code cells only, whose source is a string or a list of lines."""
    notebook = {
        "cells": [
            {"cell_type": "markdown", "source": "# Title"},
            {"cell_type": "code", "source": ["x = 1\n", "y = 2"]},
            {"cell_type": "code", "source": "%sql SELECT 1"},
        ],
        "metadata": {"language_info": {"name": "python"}},
        "nbformat": 4,
    }

    cells = read_cells(write(tmp_path, "n.ipynb", json.dumps(notebook)))

    assert [(cell.language, cell.text.strip()) for cell in cells] == [("python", "x = 1\ny = 2"), ("sql", "SELECT 1")]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("n.py", "print('a file')\n", "no notebook: a notebook's first line is"),
        ("n.py", "", "no notebook: a notebook's first line is"),
        ("n.ipynb", "{", "cannot be read as a notebook"),
        ("n.ipynb", "{}", "cannot be read as a notebook"),
        ("n.ipynb", '{"cells": [{"cell_type": "code", "source": 3}]}', "cannot be read as a notebook"),
        ("n.ipynb", '{"cells": [], "metadata": {"language_info": {"name": "scala"}}}', "written in scala"),
        ("n.ipynb", "[]", "cannot be read as a notebook"),
        ("n.scala", "// Databricks notebook source\nval x = 1", "written in Scala"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, name: str, text: str, message: str) -> None:
    """What is no Python notebook does not run as one."""
    with pytest.raises(NotANotebook, match=message):
        read_cells(write(tmp_path, name, text))


# What may stand in a cell: no line of it separates cells, is a title, or looks like MAGIC or a magic command.
LINES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp", "Cs"]), max_size=30).filter(
    lambda line: not line.lstrip().startswith(("#", "--", "%")) and line == line.rstrip("\ufeff")
)
TEXTS = st.lists(LINES, min_size=1, max_size=4).map("\n".join).filter(lambda text: text.strip() != "")
LANGUAGES = st.sampled_from(["python", "sql", "md", "sh", "fs", "scala"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["#", "--"]), st.lists(st.tuples(LANGUAGES, TEXTS), min_size=1, max_size=5))
def test_cells_come_back_as_they_were_written(tmp_path: Path, mark: str, cells: list[tuple[str, str]]) -> None:
    """Whatever stands in them, in notebooks of both languages: code as it is, anything else behind MAGIC marks."""
    own = {"#": "python", "--": "sql"}[mark]
    written = [
        text
        if language == own
        else "\n".join(f"{mark} MAGIC {line}".rstrip(" ") for line in [f"%{language}", *text.split("\n")])
        for language, text in cells
    ]
    separator = f"\n\n{mark} COMMAND ----------\n\n"
    file = tmp_path / "n.py"
    file.write_bytes(f"{mark} Databricks notebook source\n{separator.join(written)}\n".encode())

    found = read_cells(file)

    assert [cell.number for cell in found] == list(range(1, len(cells) + 1))
    for cell, (language, text) in zip(found, cells, strict=True):
        assert cell.language == language
        lines, wanted = cell.text.split("\n"), text.split("\n")
        if language == own:
            assert cell.text == text.strip("\n")
        else:
            assert [line.rstrip(" ") for line in lines] == [line.rstrip(" ") for line in wanted]


@given(st.text(max_size=200))
def test_every_cell_is_something(source: str) -> None:
    """No text of a cell makes the parser fail or loses code."""
    cell = as_cell(1, source)

    assert cell.language == "python" or source.lstrip().startswith(f"%{cell.language}")
    assert cell.text.replace("\n", "").strip() in source.replace("\n", "")


def test_commands_for_one_line_leave_the_others() -> None:
    """They may stand above code and between it, which keeps its line numbers."""
    source = "%pip install a\n%pip install 'b c'\nx = 1\n%matplotlib inline\ny = 2 %pip\n"

    commands, code = line_commands(source)

    assert commands == [("pip", "install a"), ("pip", "install 'b c'"), ("matplotlib", "inline")]
    assert code == "\n\nx = 1\n\ny = 2 %pip\n"
    assert as_cell(1, source) == Cell(1, "python", source)


def test_notebooks_in_sql_are_read(tmp_path: Path) -> None:
    """Their marks begin with two dashes, and cells without a magic command are SQL."""
    text = "-- Databricks notebook source\nSELECT 1\n-- COMMAND ----------\n-- MAGIC %python\n-- MAGIC x = 1\n"

    cells = read_cells(write(tmp_path, "n.sql", text))

    assert cells == [Cell(1, "sql", "SELECT 1"), Cell(2, "python", "x = 1")]

"""Notebook files as cells."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from localdev.workspace.child.cells import Cell, NotANotebook, read_cells

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
    ],
)
def test_other_files_are_refused(tmp_path: Path, name: str, text: str, message: str) -> None:
    """What is no Python notebook does not run as one."""
    with pytest.raises(NotANotebook, match=message):
        read_cells(write(tmp_path, name, text))

"""What is in the workspace's tree, and which file of the notebooks folder it is.

A notebook is a file with the suffix of its language and Databricks' first line, or a Jupyter file; the tree shows it
without its suffix. https://docs.databricks.com/aws/en/notebooks/notebook-format
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from localdev.workspace.json_fields import Document

NOTEBOOK, FILE, DIRECTORY = "NOTEBOOK", "FILE", "DIRECTORY"
JUPYTER_SUFFIX = ".ipynb"
SUFFIXES = {"PYTHON": ".py", "SQL": ".sql", "SCALA": ".scala", "R": ".r"}
COMMENTS = {"PYTHON": "#", "SQL": "--", "SCALA": "//", "R": "#"}
_LANGUAGES = {suffix: language for language, suffix in SUFFIXES.items()}
_SOURCE = "Databricks notebook source"
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkspaceObject:
    """One thing in the tree."""

    path: str  # "/ETL/01_Ingestion"
    type: str
    file: Path
    language: str | None = None

    @property
    def is_jupyter(self) -> bool:
        """Tell whether it is a notebook in Jupyter's format."""
        return self.type == NOTEBOOK and self.file.suffix == JUPYTER_SUFFIX

    def view(self) -> Document:
        """Return it as workspace/get-status shows it. https://docs.databricks.com/api/workspace/workspace/getstatus."""
        number = int.from_bytes(hashlib.sha256(self.path.encode("utf-8", "surrogateescape")).digest()[:6], "big")
        view: Document = {"path": self.path, "object_type": self.type, "object_id": number, "resource_id": str(number)}
        if self.language is not None:
            view["language"] = self.language
        if self.type == FILE:
            status = self.file.stat()
            modified = round(status.st_mtime * 1000)
            view |= {"size": status.st_size, "created_at": modified, "modified_at": modified}
        return view


def header(language: str) -> str:
    """Return the first line of a notebook in a language."""
    return f"{COMMENTS[language]} {_SOURCE}"


def language_of(suffix: str, content: bytes) -> str | None:
    """Return the language of a notebook, None for what is none: a suffix alone makes no notebook, but Jupyter's."""
    if suffix == JUPYTER_SUFFIX:
        return "PYTHON"
    language = _LANGUAGES.get(suffix.lower())
    first_line = content.removeprefix(_BOM).partition(b"\n")[0].rstrip()
    return language if language is not None and first_line == header(language).encode() else None


def object_of(file: Path, path: str) -> WorkspaceObject:
    """Return what a file or folder is; `path` is its name in the tree with its suffix. Raises OSError."""
    if file.is_dir():
        return WorkspaceObject(path=path, type=DIRECTORY, file=file)
    language = _language_of(file)
    if language is None:
        return WorkspaceObject(path=path, type=FILE, file=file)
    return WorkspaceObject(path=path.removesuffix(file.suffix), type=NOTEBOOK, file=file, language=language)


def _language_of(file: Path) -> str | None:
    if file.suffix.lower() not in _LANGUAGES and file.suffix != JUPYTER_SUFFIX:
        return None
    try:
        with file.open("rb") as content:
            return language_of(file.suffix, content.read(200))
    except PermissionError:  # it can be listed all the same
        return None

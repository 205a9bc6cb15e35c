"""What a program is, and the places that it is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from localdev.workspace.files.notebooks import Notebooks
from localdev.workspace.model.job import TaskKind


class ResourceMissing(Exception):
    """A path that a task names is not there."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


class LibraryMissing(ResourceMissing):
    """A library that a task names is not there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Places:
    """The folders of one workspace and of one task."""

    notebooks: Notebooks
    data: Path  # what tasks share: the warehouse, environments
    task: Path  # the task's own folder

    def find(self, path: str, kind: TaskKind) -> Path:
        """Return the file of a workspace path; raises ResourceMissing."""
        found = self.notebooks.find(path, kind)
        if found is None:
            raise ResourceMissing(path)
        return found

    def find_folder(self, path: str) -> Path:
        """Return the folder of a workspace path; raises ResourceMissing."""
        found = self.notebooks.find_folder(path)
        if found is None:
            raise ResourceMissing(path)
        return found


@dataclass(frozen=True, kw_only=True, slots=True)
class Program:
    """One kind's part of what a task's process is told."""

    folder: Path  # the working directory
    instructions: Mapping[str, object] = field(default_factory=dict)  # beside the common ones; see child/run.py

"""From paths in the workspace to files in the notebooks folder, and never out of it."""

from __future__ import annotations

from pathlib import Path

from localdev.workspace.model import TaskKind

_SUFFIXES = {TaskKind.NOTEBOOK: ("", ".py", ".ipynb"), TaskKind.PYTHON: ("",)}


class Notebooks:
    """A folder on disk that stands for the workspace's tree: /Workspace/ETL/x and /ETL/x are ETL/x in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()

    def find(self, path: str, kind: TaskKind) -> Path | None:
        """Return the file of a workspace path, None when there is none inside the folder."""
        inside = path.removeprefix("/Workspace/").lstrip("/")
        try:
            return next(filter(self._is_ours, (self._file(f"{inside}{suffix}") for suffix in _SUFFIXES[kind])), None)
        except (OSError, RuntimeError, ValueError):  # too long, links in a circle, or no name that a disk could hold
            return None

    def _file(self, name: str) -> Path:
        return (self.folder / name).resolve()

    def _is_ours(self, file: Path) -> bool:
        return file.is_relative_to(self.folder) and file.is_file()

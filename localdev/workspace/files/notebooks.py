"""From paths in the workspace to files in the notebooks folder, and never out of it."""

from __future__ import annotations

from pathlib import Path

from localdev.workspace.model.job import TaskKind

_SUFFIXES = {
    TaskKind.NOTEBOOK: ("", ".py", ".ipynb", ".sql"),
    TaskKind.PYTHON: ("",),
    TaskKind.SQL: ("",),
    TaskKind.PIPELINE: (".py", ".sql"),
}


class Notebooks:
    """A folder on disk that stands for the workspace's tree: /Workspace/ETL/x and /ETL/x are ETL/x in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()

    def find(self, path: str, kind: TaskKind) -> Path | None:
        """Return the file of a workspace path, None when there is none inside the folder."""
        candidates = (self._inside(f"{path}{suffix}") for suffix in _SUFFIXES[kind])
        return next((file for file in candidates if file is not None and file.is_file()), None)

    def find_file(self, path: str) -> Path | None:
        """Return the file of exactly that workspace path, None when there is none inside the folder."""
        file = self._inside(path)
        return file if file is not None and file.is_file() else None

    def find_folder(self, path: str) -> Path | None:
        """Return the folder of a workspace path, None when there is none inside the notebooks folder."""
        folder = self._inside(path)
        return folder if folder is not None and folder.is_dir() else None

    def _inside(self, path: str) -> Path | None:
        """Return where a workspace path leads, None when that is outside the folder or nowhere on a disk."""
        try:
            found = (self.folder / f"{path}/".removeprefix("/Workspace/").strip("/")).resolve()
            found.stat()
        except (OSError, RuntimeError, ValueError):  # not there, too long, links in a circle, or no name for a file
            return None
        return found if found.is_relative_to(self.folder) else None

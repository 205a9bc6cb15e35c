"""What the tasks of a workspace share: folders, a database, secrets, and what they may do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from localdev.workspace.files.secret_scopes import Scopes


@dataclass(frozen=True, kw_only=True, slots=True)
class Belongings:
    """What every task finds, whichever run it is of."""

    dbfs: Path  # stands for DBFS, and its folder Volumes for the volumes
    warehouse: Path  # the DuckDB file behind SQL
    secrets: Scopes = field(default_factory=dict, repr=False)
    allow_shell: bool = False  # %sh cells, and %pip install

    def instructions(self, folder: Path) -> Mapping[str, object]:
        """Return what a task's process is told of it; `folder` is the task's own."""
        return {
            "folders": {"task": str(folder), "dbfs": str(self.dbfs), "warehouse": str(self.warehouse)},
            "secrets": self.secrets,
            "shell": self.allow_shell,
        }

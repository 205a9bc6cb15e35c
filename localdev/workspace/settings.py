"""How a local workspace is set up."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from shared.secret import Secret

API_VERSIONS = ("2.1", "2.2")


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkspaceSettings:
    """What the owner of a workspace decides."""

    data: Path  # where it remembers; made when it is not there
    notebooks: Path  # what /Workspace stands for
    token: Secret  # the one bearer token that is let in
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)  # of every task; may hold secrets
    running_tasks: int = field(default_factory=lambda: os.cpu_count() or 1)  # at once, over all runs
    organisation: int = 1234567890123456  # the workspace id, as X-Databricks-Org-Id says it
    api_versions: tuple[str, ...] = API_VERSIONS  # fewer to test a client's way back to 2.1
    faults: bool = False  # whether requests can ask for faults, see faults.py

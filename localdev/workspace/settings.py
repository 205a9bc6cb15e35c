"""How a local workspace is set up."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from localdev.workspace.notifications.options import NotificationOptions
from shared.secret import Secret
from shared.storage_connection import StorageConnection

API_VERSIONS = ("2.0", "2.1", "2.2")


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkspaceSettings:
    """What the owner of a workspace decides."""

    data: Path  # where it remembers; made when it is not there
    notebooks: Path  # what /Workspace stands for
    token: Secret  # of its owner, who may do everything
    users: Mapping[str, Secret] = field(default_factory=dict)  # other users and their tokens, by name
    clients: Mapping[str, Secret] = field(default_factory=dict)  # service principals and their OAuth secrets, by id
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)  # of every task; may hold secrets
    running_tasks: int = field(default_factory=lambda: os.cpu_count() or 1)  # at once, over all runs
    install_libraries: bool = False  # whether a task's libraries may be fetched from a package index
    host: str = "127.0.0.1"  # where it listens, and a name that its pages answer to beside localhost's
    organisation: int = 1234567890123456  # the workspace id, as X-Databricks-Org-Id says it
    api_versions: tuple[str, ...] = API_VERSIONS  # fewer to test a client's way back to 2.1
    dbfs: Path | None = None  # the folder that stands for DBFS and the volumes; DATA/dbfs without
    secrets: Path | None = None  # the file of dbutils.secrets, see secret_scopes.py
    storage: StorageConnection | None = None  # the account whose containers file_arrival triggers watch
    allow_shell: bool = False  # whether notebooks may use %sh, and install with %pip
    notifications: NotificationOptions = field(default_factory=NotificationOptions)
    url: str = ""  # where it listens, for links in messages; no trailing slash
    faults: bool = False  # whether requests can ask for faults, see faults.py
    rate_limits: bool = False  # whether the published rates are kept to, see rate_limits.py
    short_pages: bool = False  # whether pages of lists hold fewer elements than asked for, see paging.py

"""The workspace behind its doors: what endpoints, triggers and pages act on."""

from __future__ import annotations

from dataclasses import dataclass

from localdev.workspace.files.workspace_files import WorkspaceFiles
from localdev.workspace.flow.scheduler import Scheduler
from localdev.workspace.runners.runner import TaskRunner
from localdev.workspace.storage.store import Store
from shared.clock import Clock


@dataclass(frozen=True, kw_only=True, slots=True)
class Core:
    """The workspace behind the endpoints."""

    store: Store
    scheduler: Scheduler
    runner: TaskRunner
    clock: Clock
    files: WorkspaceFiles
    allow_http_webhooks: bool = False
    short_pages: bool = False

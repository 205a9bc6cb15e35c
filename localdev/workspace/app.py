"""Puts the workspace together; the only place that knows all its parts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Protocol

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route

from localdev.workspace.access.oauth import TOKEN_PATH
from localdev.workspace.api.door import Door
from localdev.workspace.core import Core
from localdev.workspace.errors import WorkspaceNotStarted
from localdev.workspace.faults import FaultInjector, FaultPlan
from localdev.workspace.files import secret_scopes
from localdev.workspace.files.belongings import Belongings
from localdev.workspace.files.notebooks import Notebooks
from localdev.workspace.files.workspace_files import WorkspaceFiles
from localdev.workspace.flow.launching import Place
from localdev.workspace.flow.scheduler import Scheduler
from localdev.workspace.notifications import wiring as notifications
from localdev.workspace.pages.door import Pages
from localdev.workspace.runners.planned_outcomes import PlannedRunner
from localdev.workspace.runners.process_runner import ProcessRunner
from localdev.workspace.runners.runner import TaskRunner
from localdev.workspace.settings import WorkspaceSettings
from localdev.workspace.storage.store import Store
from localdev.workspace.triggers.places import Places
from localdev.workspace.triggers.trigger_loop import TriggerLoop
from shared.clock import Clock, SystemClock

_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def create_app(
    settings: WorkspaceSettings,
    *,
    clock: Clock | None = None,
    runner: TaskRunner | None = None,
    faults: FaultPlan | None = None,
) -> Starlette:
    """Return the workspace as an ASGI application, which works between its lifespan's start and end.

    A test gives its own clock, a `ScriptedRunner` and a `FaultPlan`; raises WorkspaceNotStarted.
    """
    clock = clock or SystemClock()
    plan = faults or FaultPlan()
    runner = PlannedRunner(runner or _process_runner(settings), plan.outcomes)
    store = _store(settings)  # last of what may fail: it holds a file open
    notifier = notifications.notifier(store, settings, clock)
    scheduler = Scheduler(
        store,
        runner,
        clock,
        running_tasks=settings.running_tasks,
        place=Place(workspace_id=settings.organisation),
    )
    files = WorkspaceFiles(settings.notebooks)
    core = Core(
        store=store,
        scheduler=scheduler,
        runner=runner,
        clock=clock,
        files=files,
        allow_http_webhooks=settings.notifications.allow_http,
        short_pages=settings.short_pages,
    )
    door = Door(core, settings, plan)
    pages = Pages(core, settings)
    triggers = TriggerLoop(core, Places(_dbfs(settings), settings.storage))

    routes = [
        Route("/.well-known/databricks-config", door.host_metadata),
        Route("/oidc/.well-known/oauth-authorization-server", door.oauth_metadata),
        Route(TOKEN_PATH, door.token, methods=["POST"]),
        Route("/api/{path:path}", door.api, methods=_METHODS),
        *pages.rules(),
    ]
    if settings.faults:
        routes.append(Route("/__workspace/faults", door.faults, methods=["POST", "DELETE"]))
    injected = [Middleware(FaultInjector, plan=plan, clock=clock)] if settings.faults or faults is not None else []
    return Starlette(
        routes=routes,
        middleware=injected,
        lifespan=_lifespan(store, notifier, scheduler, triggers),
        exception_handlers={404: pages.missing},
    )


class _Loop(Protocol):
    """What works as long as the application does."""

    async def start(self) -> None:
        """Begin to work."""

    async def stop(self) -> None:
        """End, and leave nothing running."""


def _lifespan(store: Store, *loops: _Loop) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    """Return what starts the loops with the application, and stops them the other way round."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        del app
        for loop in loops:
            await loop.start()
        try:
            yield
        finally:
            for loop in reversed(loops):
                await loop.stop()
            store.close()

    return lifespan


def _store(settings: WorkspaceSettings) -> Store:
    try:
        settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise WorkspaceNotStarted(f"The data folder {settings.data} cannot be made: {error.strerror}.") from error
    return Store(settings.data)


def _process_runner(settings: WorkspaceSettings) -> ProcessRunner:
    if not settings.notebooks.is_dir():
        raise WorkspaceNotStarted(
            f"The notebooks folder {settings.notebooks} does not exist.", hint="Make it, or name another folder."
        )
    return ProcessRunner(
        notebooks=Notebooks(settings.notebooks),
        folder=settings.data / "tasks",
        environment=settings.environment,
        belongings=_belongings(settings),
        install_libraries=settings.install_libraries,
    )


def _dbfs(settings: WorkspaceSettings) -> Path:
    return (settings.dbfs or settings.data / "dbfs").absolute()


def _belongings(settings: WorkspaceSettings) -> Belongings:
    return Belongings(
        dbfs=_dbfs(settings),
        warehouse=settings.data.absolute() / "warehouse.duckdb",
        secrets=secret_scopes.read(settings.secrets) if settings.secrets is not None else {},
        allow_shell=settings.allow_shell,
    )

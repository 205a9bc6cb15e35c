"""Puts the workspace together; the only place that knows all its parts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route

from localdev.workspace.door import Door
from localdev.workspace.endpoint import Core
from localdev.workspace.errors import WorkspaceNotStarted
from localdev.workspace.faults import FaultInjector, FaultPlan
from localdev.workspace.notebooks import Notebooks
from localdev.workspace.process_runner import ProcessRunner
from localdev.workspace.runner import TaskRunner
from localdev.workspace.scheduler import Scheduler
from localdev.workspace.settings import WorkspaceSettings
from localdev.workspace.store import Store
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
    runner = runner or _process_runner(settings)
    store = _store(settings)  # last of what may fail: it holds a file open
    scheduler = Scheduler(store, runner, clock, running_tasks=settings.running_tasks)
    door = Door(Core(store=store, scheduler=scheduler, runner=runner, clock=clock), settings, plan)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        del app
        await scheduler.start()
        try:
            yield
        finally:
            await scheduler.stop()
            store.close()

    routes = [
        Route("/.well-known/databricks-config", door.host_metadata),
        Route("/api/{path:path}", door.api, methods=_METHODS),
    ]
    if settings.faults:
        routes.append(Route("/__workspace/faults", door.faults, methods=["POST", "DELETE"]))
    injected = [Middleware(FaultInjector, plan=plan, clock=clock)] if settings.faults or faults is not None else []
    return Starlette(routes=routes, middleware=injected, lifespan=lifespan)


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
        notebooks=Notebooks(settings.notebooks), folder=settings.data / "tasks", environment=settings.environment
    )

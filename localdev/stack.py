"""The whole of Landfall on a laptop: Azurite, a workspace, a Functions host with the app, and the event simulator.

The app is the one that is deployed, unmodified; only its settings say that all of this is local.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from localdev.azurite import Azurite
from localdev.child_process import ChildNotStarted, ChildProcess, supervised
from localdev.ports import free_port
from localdev.stack_setup import DEAD_LETTER_CONTAINER, check_jobs, create_containers, create_jobs, run_first_pass
from shared.errors import LandfallError
from shared.rules import Rules
from shared.settings import SETTINGS
from shared.wiring import APP_ROOT, load_rules

START_SECONDS = 60.0
WATCH_SECONDS = 0.5
TIMER = "on_reconcile_timer"
# func says localhost; it listens at 127.0.0.1, and `localhost` may mean ::1.
_URL = re.compile(r"http://(?:127\.0\.0\.1|localhost):(\d+)")
# What Landfall waits for in Azure is minutes; on a laptop somebody sits in front of it.
LOCAL_SETTINGS = {
    "FUNCTIONS_WORKER_RUNTIME": "python",
    "RECONCILE_SCHEDULE": "*/10 * * * * *",
    "RECONCILE_GRACE": "30s",
    "SETTLE_INTERVAL": "1s",
    "SWEEP_QUEUE": "landfall-sweep",
    "AzureFunctionsJobHost__extensions__queues__maxPollingInterval": "00:00:01",
    "DEAD_LETTER_CONTAINER": DEAD_LETTER_CONTAINER,
}


@dataclass(frozen=True, kw_only=True)
class StackOptions:
    """What to start, and where it keeps its state."""

    state: Path
    rules: Path
    jobs: Path = APP_ROOT / "samples" / "jobs"
    notebooks: Path = APP_ROOT / "samples" / "notebooks"
    schema: str = "eventgrid"
    host: str = "embedded"  # or "func": Azure Functions Core Tools
    remote: bool = False  # start no workspace: DATABRICKS_HOST and its token are in the environment
    settings: Mapping[str, str] = field(default_factory=dict)
    fault_plan: Mapping[str, list[Any]] = field(default_factory=dict)
    time_scale: float = 0.1  # of Event Grid's retry schedule
    host_port: int | None = None  # tried first; any free one otherwise
    workspace_port: int | None = None


class Stack:
    """The running processes; use it as a context manager, so that all of them end."""

    def __init__(
        self,
        options: StackOptions,
        *,
        say: Callable[[str], None] = lambda _: None,
        on_line: Callable[[str, str], None] | None = None,
    ) -> None:
        self.options = options
        self.azurite = Azurite(options.state / "azurite")
        self.environment: dict[str, str] = {}
        self.host_url = ""
        self.children: dict[str, ChildProcess] = {}
        self._say = say
        self._on_line = on_line
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._paused: set[str] = set()
        self._is_described = False

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> Self:
        """Start everything, in the order of dependence; the rules are active when it returns.

        Raises LandfallError with what a person must mend: a rule, a setting, a program that is not installed.
        """
        rules = load_rules(self.options.rules)  # before anything slow: a typo is told at once
        (self.options.state / "logs").mkdir(parents=True, exist_ok=True)
        self._say("Azurite")
        self.azurite.start()
        create_containers(self.azurite.connection_string, rules)
        self.environment = {
            **LOCAL_SETTINGS,
            "AzureWebJobsStorage": self.azurite.connection_string,
            "RULES_FILE": str(self.options.rules.resolve()),
        }
        self.environment |= {**self._databricks(), **self.options.settings}
        for fault in check_jobs(self.environment):
            self._say(fault)
        self._say("Functions host")
        self.host_url = self._launch("host", self._host_command(free_port(self.options.host_port)))
        self._say("First reconcile pass")
        run_first_pass(self.host_url, TIMER, self.environment)
        self._say("Event simulator")
        self._launch("events", self._simulator_command(rules))
        self._write_description()
        threading.Thread(target=self._watch, name="stack-watch", daemon=True).start()
        return self

    def stop(self) -> None:
        """End every process, the one that feeds the others first; safe to repeat."""
        self._ending.set()
        with self._lock:
            for name in ("events", "host", "workspace"):
                if name in self.children:
                    self.children[name].stop()
            self.azurite.stop()
            if self._is_described:  # else the file is of another stack, which may be running
                (self.options.state / "stack.json").unlink(missing_ok=True)

    def pause(self, name: str) -> None:
        """Stop one process and leave it stopped until `resume`: an outage."""
        with self._lock:
            self._paused.add(name)
            self.azurite.stop() if name == "azurite" else self.children[name].stop()

    def resume(self, name: str) -> None:
        """Start a paused process again, where it was."""
        with self._lock:
            self._paused.discard(name)
            self.azurite.start() if name == "azurite" else self.children[name].start(START_SECONDS)

    def kill(self, name: str) -> None:
        """Kill a process as a crash would; it is started again as any that dies."""
        self.children[name].kill()

    def _databricks(self) -> dict[str, str]:
        if self.options.remote:
            wanted = ("DATABRICKS_", "AZURE_")
            return {name: value for name, value in os.environ.items() if name.startswith(wanted)}
        self._say("Workspace")
        token = _kept_token(self.options.state / "workspace-token")
        arguments = ["--data", str(self.options.state / "workspace"), "--notebooks", str(self.options.notebooks)]
        arguments += ["--token-file", str(self.options.state / "workspace-token")]
        arguments += [
            "--env",
            "LANDING_CONNECTION",
            "--storage",
            "LANDING_CONNECTION",
            "--port",
            str(free_port(self.options.workspace_port)),
        ]
        extra = {"LANDING_CONNECTION": self.azurite.connection_string}
        url = self._launch("workspace", supervised("localdev.workspace", *arguments), extra)
        create_jobs(url, token, self.options.jobs)
        # The local workspace has no limits; its tasks are what takes time.
        return {"DATABRICKS_HOST": url, "DATABRICKS_TOKEN": token, "DATABRICKS_RATE_PERCENT": "10000"}

    def _host_command(self, port: int) -> list[str]:
        if self.options.host == "func":
            func = shutil.which("func")
            if func is None:
                raise ChildNotStarted(
                    "There is no `func` on the PATH.",
                    hint="Install Azure Functions Core Tools 4, or leave out `--host func`.",
                )
            return [func, "start", "--port", str(port)]
        state = str(self.options.state / "host")
        # Only what this stack says counts, and not what somebody prepared for `func start`.
        settings = self.options.state / "no-settings.json"
        settings.write_text("{}", encoding="utf-8")
        places = ("--app", str(APP_ROOT), "--state", state, "--settings", str(settings))
        return supervised("localdev.functions_host", *places, "--port", str(port))

    def _simulator_command(self, rules: Rules) -> list[str]:
        # As an event subscription's filter would: nothing from containers that no rule watches.
        watched = {rule.path.container or "" for rule in rules}
        plan = self.options.state / "fault-plan.json"
        plan.write_text(json.dumps(dict(self.options.fault_plan)), encoding="utf-8")
        return supervised(
            "localdev.event_grid",
            *("--webhook", self.host_url),
            *("--containers", "" if "" in watched else ",".join(sorted(watched))),
            *("--schema", self.options.schema),
            *("--time-scale", str(self.options.time_scale)),
            *("--dead-letter-container", DEAD_LETTER_CONTAINER),
            *("--plan", str(plan)),
            *("--summary-json", str(self.options.state / "events.json")),
        )

    def _launch(self, name: str, command: list[str], extra: Mapping[str, str] | None = None) -> str:
        child = ChildProcess(
            name,
            command,
            environment={**_inherited(), **self.environment, **(extra or {})},
            folder=APP_ROOT,
            log=self.options.state / "logs" / f"{name}.log",
            ready=_READY[name],
            on_line=self._on_line,
        )
        self.children[name] = child
        port = child.start(START_SECONDS)
        return f"http://127.0.0.1:{port}"

    def _write_description(self) -> None:
        """Tell the other commands, in other terminals, where this stack is."""
        description = {"host_url": self.host_url, "environment": self.environment, "pid": os.getpid()}
        self._is_described = True
        file = self.options.state / "stack.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps(description), encoding="utf-8")

    def _watch(self) -> None:
        """Start again whatever has died, as Azure would."""
        while not self._ending.wait(WATCH_SECONDS):
            with self._lock:
                for name, child in self.children.items():
                    if self._ending.is_set() or name in self._paused or child.running:
                        continue
                    self._say(f"{name} has died; it is started again")
                    try:
                        child.start(START_SECONDS)
                    except LandfallError as error:
                        self._say(str(error))


_READY = {"host": _URL, "workspace": _URL, "events": re.compile(r"(eventgrid\.started)")}


def _inherited() -> dict[str, str]:
    """Return the environment without any setting of Landfall: only what the stack says counts."""
    names = {setting.name for setting in SETTINGS}
    return {name: value for name, value in os.environ.items() if name.split("__")[0] not in names}


def _kept_token(file: Path) -> str:
    """Return the workspace's token, made once and kept, so that a restarted stack is the same workspace."""
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(24), encoding="utf-8")
    return file.read_text(encoding="utf-8").strip()

"""`kill -9` of the real server, again and again, while everything that it can do goes on at once."""

from __future__ import annotations

import json
import random
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from localdev.workspace.storage.store import FILE_NAME
from tests.fakes.waiting import block_until
from tests.localdev.workspace.kit import Json, job, notebook, task
from tests.localdev.workspace.test_command_line import Server, server

pytestmark = pytest.mark.proof

KILLS = 10
ORDERS_A_CYCLE = 4
LONGEST_LIFE = 1.5  # seconds from listening to the kill
GOOD = {"SUCCESS", "SUCCESS_WITH_FAILURES"}
EVENTS = ("on_start", "on_success", "on_failure")
# Each execution is one line: the task run's id and the process's.
NOTE = "import os\nwith open({!r}, 'a') as file:\n    file.write(f\"{{dbutils.widgets.get('id')}} {{os.getpid()}}\\n\")"


@dataclass
class Receiver:
    """A web server in a thread of this process: what notifications reached it."""

    url: str = ""
    told: set[tuple[str, int]] = field(default_factory=set)  # event and run id


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Take notifications on a free port of loopback."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            receiver.told.add((body["event_type"].removeprefix("jobs."), body["run"]["run_id"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
            del format, args

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    thread = threading.Thread(target=http.serve_forever, args=[0.05])
    thread.start()
    receiver.url = f"http://127.0.0.1:{http.server_port}/hook"
    try:
        yield receiver
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


def write_notebooks(folder: Path, executed: Path) -> None:
    """Write what the jobs run; each begins with a line in the list of what was executed."""
    note = NOTE.format(str(executed))
    notebook(folder, "extract", note, "dbutils.jobs.taskValues.set('parts', [1, 2, 3])")
    notebook(folder, "part", note, "dbutils.notebook.exit(dbutils.widgets.get('part'))")
    total = "dbutils.jobs.taskValues.get('extract', 'parts', debugValue=None)"
    notebook(folder, "report", note, f"dbutils.notebook.exit(str(sum({total})))")
    notebook(folder, "quick", note)
    notebook(folder, "slow", note, "import time\ntime.sleep(0.4)")
    fails = "marker = dbutils.widgets.get('marker')\nfirst = not os.path.exists(marker)\nopen(marker, 'w').close()"
    notebook(folder, "flaky", note, fails, "assert not first, 'the first time always fails'")


def work(key: str, name: str, *upstream: str, parameters: Json | None = None, **more: Any) -> Json:
    """Return a task that runs a notebook and tells it which task run it is."""
    base = {"id": "{{task.run_id}}", **(parameters or {})}
    return {**task(key, *upstream, **more), "notebook_task": {"notebook_path": f"/{name}", "base_parameters": base}}


def jobs_of(folder: Path, told: Json, small: int) -> dict[str, Json]:
    """Return the jobs of the load, by name; `small` is the id of the job that another one runs."""
    retried: Json = {"max_retries": 5, "min_retry_interval_millis": 10}
    loop = {
        "task_key": "loop",
        "depends_on": [{"task_key": "extract"}],
        "for_each_task": {
            "inputs": "{{tasks.extract.values.parts}}",
            "concurrency": 2,
            "task": work("each", "part", parameters={"part": "{{input}}"}, **retried),
        },
        **retried,
    }
    etl = [work("extract", "extract", **retried), loop, work("report", "report", "extract", "loop", **retried)]
    marker = {"marker": f"{folder}/marker-{{{{job.run_id}}}}"}
    call = {"task_key": "call", "run_job_task": {"job_id": small}}
    arrival = {"file_arrival": {"url": f"file:{folder}/inbox"}}
    schedule = {"quartz_cron_expression": "* * * * * ?", "timezone_id": "UTC"}
    many: Json = {"max_concurrent_runs": 100, **told}
    return {
        "etl": job(*etl, name="etl", **many),
        "flaky": job(work("main", "flaky", parameters=marker, **retried), name="flaky", **many),
        "repaired": job(
            work("main", "flaky", parameters=marker), work("after", "quick", "main"), name="repaired", **many
        ),
        "caller": job(call, work("after", "quick", "call", run_if="ALL_DONE"), name="caller", **many),
        "slow": job(work("main", "slow"), name="slow", queue={"enabled": True}, max_concurrent_runs=2, **told),
        "scheduled": job(work("main", "quick"), name="scheduled", schedule=schedule, **many),
        "arrived": job(work("main", "quick"), name="arrived", trigger=arrival, **many),
    }


@dataclass
class Load:
    """What was asked of the servers, and what they have answered so far."""

    folder: Path
    receiver: Receiver
    jobs: dict[str, int] = field(default_factory=dict)
    orders: list[tuple[str, str]] = field(default_factory=list)  # token and job
    answered: dict[str, int] = field(default_factory=dict)  # run ids by token

    def prepare(self, running: Server) -> None:
        """Make the jobs, and where they tell of themselves."""
        body = {"display_name": "test", "config": {"generic_webhook": {"url": self.receiver.url}}}
        made = running.client.post("/api/2.0/notification-destinations", json=body).raise_for_status().json()
        told = {"webhook_notifications": {event: [{"id": made["id"]}] for event in EVENTS}}
        small = running.post("create", job(work("main", "quick"), name="small", max_concurrent_runs=100, **told))
        self.jobs["small"] = small["job_id"]
        for name, settings in jobs_of(self.folder, told, small["job_id"]).items():
            self.jobs[name] = running.post("create", settings)["job_id"]

    def order_more(self, cycle: int) -> None:
        """Add what the next server is asked to do, and a file for it to find."""
        names = ("etl", "flaky", "repaired", "caller", "slow")
        self.orders += [(f"{cycle}-{n}", names[(cycle + n) % len(names)]) for n in range(ORDERS_A_CYCLE)]
        (self.folder / "inbox" / f"{cycle}.csv").touch()

    def ask(self, running: Server) -> None:
        """Ask for all that has not been answered, and repair what has failed; raises httpx.TransportError."""
        for token, name in self.orders:
            if token not in self.answered:
                body = {"job_id": self.jobs[name], "idempotency_token": token}
                self.answered[token] = running.post("run-now", body)["run_id"]
        self.repair(running)

    def repair(self, running: Server) -> None:
        """Repair every run of the job for it that has failed."""
        ended = running.get("runs/list", job_id=self.jobs["repaired"], completed_only="true", limit=25).get("runs", [])
        for run in ended:
            if run["state"].get("result_state") not in GOOD:
                body = {"run_id": run["run_id"], "rerun_all_failed_tasks": True}
                history = running.get("runs/get", run_id=run["run_id"], include_history="true")["repair_history"]
                if len(history) > 1:
                    body["latest_repair_id"] = history[-1]["id"]
                running.post("runs/repair", body)

    def has_runs(self, running: Server, name: str) -> bool:
        """Tell whether a job has had a run."""
        return bool(running.get("runs/list", job_id=self.jobs[name]).get("runs"))

    def until_quiet(self, running: Server) -> list[Json]:
        """Stop what starts by itself, once it has, wait until nothing is active, and return every run there is."""
        for name in ("scheduled", "arrived"):
            block_until(partial(self.has_runs, running, name))
            body = {"job_id": self.jobs[name], "fields_to_remove": ["schedule", "trigger"]}
            running.post("update", body)
        block_until(lambda: not running.get("runs/list", active_only="true").get("runs"), 60)
        return all_runs(running)


def all_runs(running: Server) -> list[Json]:
    """Return every run, with all of its task runs."""
    found, token = [], ""
    while True:
        page = running.get("runs/list", limit=25, page_token=token)
        found += page.get("runs", [])
        token = page.get("next_page_token", "")
        if not token:
            return [running.get("runs/get", run_id=run["run_id"]) for run in found]


def processes_of(folder: Path) -> list[psutil.Process]:
    """Return the processes that were started for tasks below a folder, zombies left out."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and str(folder) in process.environ().get("HOME", ""):
                found.append(process)
        except psutil.Error:
            continue
    return found


def lines_of(file: Path) -> list[int]:
    """Return the ids of the task runs that were executed, once for each execution."""
    return [int(line.split()[0]) for line in file.read_text("utf-8").splitlines()]


def attempts_in(file: Path) -> dict[int, tuple[int, str, str]]:
    """Return the run, the task and the result of every task run, iterations included, after checking the file."""
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        rows = connection.execute("SELECT id, run_id, task_key, outcome FROM attempts").fetchall()
    return {number: (run, key, json.loads(outcome)["result_state"]) for number, run, key, outcome in rows}


def test_killed_ten_times_under_load(tmp_path: Path) -> None:
    """Every run that was answered for has ended, nothing ran twice in secret, and everybody was told."""
    executed, chance = tmp_path / "executed", random.Random(20261123)
    write_notebooks(tmp_path / "notebooks", executed)
    (tmp_path / "inbox").mkdir()
    with receiving() as receiver:
        load = Load(tmp_path, receiver)
        for cycle in range(KILLS):
            load.order_more(cycle)
            with server(tmp_path, "--running-tasks", "6") as running:
                if cycle == 0:
                    load.prepare(running)
                killer = threading.Timer(chance.uniform(0.05, LONGEST_LIFE), running.process.kill)
                killer.start()
                try:
                    while True:
                        load.ask(running)
                        killer.join(0.05)
                except httpx.TransportError:
                    pass  # that was the kill
                killer.join()
                running.process.wait()

        with server(tmp_path, "--running-tasks", "6") as running:
            load.ask(running)
            runs = load.until_quiet(running)
            again = {
                token: running.post("run-now", {"job_id": load.jobs[name], "idempotency_token": token})["run_id"]
                for token, name in load.orders
            }
            expected = {event for run in runs for event in told_of(run)}
            block_until(lambda: expected <= receiver.told, 30)
            running.process.terminate()
            assert running.process.wait(20) == 0
    block_until(lambda: not processes_of(tmp_path), 10)

    by_id = {run["run_id"]: run for run in runs}
    counts = Counter(lines_of(executed))
    attempts = attempts_in(tmp_path / "data" / FILE_NAME)
    assert len(load.answered) == KILLS * ORDERS_A_CYCLE
    assert again == load.answered
    assert len(set(load.answered.values())) == len(load.answered)
    assert set(load.answered.values()) <= by_id.keys()
    assert all(run["state"]["life_cycle_state"] in {"TERMINATED", "INTERNAL_ERROR", "SKIPPED"} for run in runs)
    for name in ("etl", "flaky", "repaired", "caller", "slow"):
        asked = sum(order == name for _, order in load.orders)
        assert sum(run["job_id"] == load.jobs[name] for run in runs) == asked
    assert {run["trigger"] for run in runs} >= {"ONE_TIME", "RUN_JOB_TASK", "PERIODIC", "FILE_ARRIVAL"}
    assert set(counts.values()) == {1}
    assert counts.keys() <= attempts.keys()
    successes = Counter((run, key) for run, key, result in attempts.values() if result == "SUCCESS")
    assert set(successes.values()) == {1}
    lost = [each for each in attempts.values() if each[2] not in {"SUCCESS", "UPSTREAM_FAILED", "EXCLUDED"}]
    assert lost  # the kills hit tasks: were it none, the test would prove nothing


def told_of(run: Json) -> Iterator[tuple[str, int]]:
    """Yield what must have been told of a run that has ended."""
    if run["state"]["life_cycle_state"] != "SKIPPED":
        yield "on_start", run["run_id"]
    yield "on_success" if run["state"].get("result_state") in GOOD else "on_failure", run["run_id"]

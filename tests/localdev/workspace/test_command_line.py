"""`python -m localdev.workspace` as a process: starting, stopping, being killed, and starting again."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from localdev.workspace.__main__ import TOKEN_VARIABLE, _parser, _settings, main
from tests.fakes.waiting import block_until
from tests.localdev.workspace.kit import TOKEN, Json, job, notebook, sign_in, task

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True, kw_only=True)
class Server:
    """A workspace in a process of its own."""

    process: subprocess.Popen[str]
    client: httpx.Client

    def post(self, endpoint: str, body: Json) -> Json:
        """Return the answer to a POST."""
        return dict(self.client.post(f"/api/2.2/jobs/{endpoint}", json=body).raise_for_status().json())

    def get(self, endpoint: str, **query: Any) -> Json:
        """Return the answer to a GET."""
        return dict(self.client.get(f"/api/2.2/jobs/{endpoint}", params=query).raise_for_status().json())

    def ended(self, run_id: int) -> Json:
        """Return a run once it has ended."""
        block_until(lambda: bool(self.get("runs/get", run_id=run_id)["end_time"]))
        return self.get("runs/get", run_id=run_id)


def arguments(folder: Path, *more: str) -> list[str]:
    """Return the arguments of a workspace below a folder."""
    (folder / "notebooks").mkdir(parents=True, exist_ok=True)
    return ["--port", "0", "--data", str(folder / "data"), "--notebooks", str(folder / "notebooks"), *more]


@contextmanager
def server(folder: Path, *more: str) -> Iterator[Server]:
    """Start the command and wait for its line; kill it in the end if the test has not."""
    environment = {**os.environ, TOKEN_VARIABLE: TOKEN}
    with subprocess.Popen(
        [sys.executable, "-m", "localdev.workspace", *arguments(folder, *more)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        address = re.fullmatch(r"Local workspace listening at (http://127\.0\.0\.1:\d+)\n", line)
        try:
            assert address, process.stderr and process.stderr.read()
            with httpx.Client(base_url=address[1], headers=sign_in(TOKEN), timeout=20) as client:
                yield Server(process=process, client=client)
        finally:
            process.kill()


def exit_of(process: subprocess.Popen[str]) -> int:
    """Return a process's exit code once it has ended."""
    return process.wait(timeout=20)


def pids_in(file: Path) -> list[int]:
    """Return the numbers that a task wrote, one a line, once there are two."""
    block_until(lambda: file.exists() and file.read_text().count("\n") >= 2)
    return [int(line) for line in file.read_text().split()]


def alive(pid: int) -> bool:
    """Tell whether a process still runs; a zombie does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def sleeping_notebook(folder: Path, name: str = "main") -> Path:
    """Write a notebook that starts a process, notes its own id and that one's, and sleeps; return the note."""
    note = folder / "pids"
    notebook(
        folder / "notebooks",
        name,
        "import os, subprocess, time\nchild = subprocess.Popen(['sleep', '600'])",
        f"with open({str(note)!r}, 'a') as note:\n    note.write(f'{{os.getpid()}}\\n{{child.pid}}\\n')",
        "time.sleep(600)",
    )
    return note


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_stop_it_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    """It ends with code 0, its tasks with it, and writes no traceback."""
    note = sleeping_notebook(tmp_path)
    with server(tmp_path) as running:
        running.post("run-now", {"job_id": running.post("create", job())["job_id"]})
        pids = pids_in(note)
        running.process.send_signal(number)
        code = exit_of(running.process)
        errors = running.process.stderr.read() if running.process.stderr else ""

    assert code == 0
    assert "Traceback" not in errors
    assert not any(alive(pid) for pid in pids)


def test_killed_server_takes_its_tasks_along(tmp_path: Path) -> None:
    """`kill -9` leaves no orphan, and the next start tells the truth about every run and starts none twice."""
    note = sleeping_notebook(tmp_path)
    notebook(tmp_path / "notebooks", "quick", "dbutils.notebook.exit('done')")
    with server(tmp_path) as first:
        job_id = first.post("create", job())["job_id"]
        quick = first.post("create", job({"task_key": "q", "notebook_task": {"notebook_path": "/quick"}}))["job_id"]
        done = first.post("run-now", {"job_id": quick, "idempotency_token": "quick"})["run_id"]
        first.ended(done)
        active = first.post("run-now", {"job_id": job_id, "idempotency_token": "one"})["run_id"]
        pids = pids_in(note)
        waiting = first.post("run-now", {"job_id": job_id, "idempotency_token": "two"})["run_id"]
        first.process.kill()
        first.process.wait()
    block_until(lambda: not any(alive(pid) for pid in pids))
    notebook(tmp_path / "notebooks", "main", "dbutils.notebook.exit('after')")

    with server(tmp_path) as second:
        lost, late, kept = second.ended(active), second.ended(waiting), second.get("runs/get", run_id=done)
        tokens = {
            token: second.post("run-now", {"job_id": target, "idempotency_token": token})["run_id"]
            for token, target in (("quick", quick), ("one", job_id), ("two", job_id))
        }
        everything = second.get("runs/list")["runs"]

    assert lost["state"]["life_cycle_state"] == "INTERNAL_ERROR"
    assert "The local workspace stopped while this task was running" in lost["state"]["state_message"]
    assert late["state"]["result_state"] == kept["state"]["result_state"] == "SUCCESS"
    assert tokens == {"quick": done, "one": active, "two": waiting}
    assert [run["run_id"] for run in everything] == [waiting, active, done]
    assert len(note.read_text().split()) == 2


def test_task_frozen_when_the_server_died_is_ended_later(tmp_path: Path) -> None:
    """A process that could not notice its server's death is ended by the next server before anything else."""
    note = sleeping_notebook(tmp_path)
    with server(tmp_path) as first:
        job_id = first.post("create", job(task(max_retries=1)))["job_id"]
        run_id = first.post("run-now", {"job_id": job_id})["run_id"]
        pids = pids_in(note)
        os.kill(pids[0], signal.SIGSTOP)
        block_until(lambda: psutil.Process(pids[0]).status() == psutil.STATUS_STOPPED)
        first.process.kill()
        first.process.wait()
    survived = alive(pids[0])
    notebook(tmp_path / "notebooks", "main", "dbutils.notebook.exit('again')")

    with server(tmp_path) as second:
        run = second.ended(run_id)
    leftovers = [pid for pid in pids if alive(pid)]
    for pid in leftovers:  # a failing test leaves nothing frozen behind
        os.kill(pid, signal.SIGKILL)

    assert survived
    assert leftovers == []
    assert [each["state"]["result_state"] for each in run["tasks"]] == ["FAILED", "SUCCESS"]


def test_no_run_is_forgotten_or_started_twice(tmp_path: Path) -> None:
    """Killed again and again while runs come in and go on: every answered run exists, and ran once at most."""
    executed = tmp_path / "executed"
    notebook(
        tmp_path / "notebooks",
        "main",
        f"with open({str(executed)!r}, 'a') as file:\n    file.write(dbutils.widgets.get('token') + '\\n')",
    )
    answered: dict[str, int] = {}
    job_id = 0
    for cycle in range(3):
        with server(tmp_path) as running:
            job_id = job_id or running.post("create", job(max_concurrent_runs=100))["job_id"]
            for number in range(2 + 3 * cycle):
                token = f"{cycle}-{number}"
                body = {"job_id": job_id, "idempotency_token": token, "notebook_params": {"token": token}}
                answered[token] = running.post("run-now", body)["run_id"]
            running.process.kill()
            running.process.wait()

    with server(tmp_path) as running:
        runs = {token: running.ended(run_id) for token, run_id in answered.items()}
        again = {
            token: running.post("run-now", {"job_id": job_id, "idempotency_token": token})["run_id"]
            for token in answered
        }

    counts = Counter(executed.read_text().split())
    results = {token: run["state"]["life_cycle_state"] for token, run in runs.items()}
    assert again == answered
    assert len(set(answered.values())) == len(answered) == 15
    assert set(counts.values()) <= {1}
    assert set(results.values()) <= {"TERMINATED", "INTERNAL_ERROR"}
    assert all(counts[token] == 1 for token, state in results.items() if state == "TERMINATED")


def test_taken_port_is_a_clear_message(tmp_path: Path) -> None:
    """No traceback: what is wrong, and what to do."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = command(*arguments(tmp_path), "--port", str(port))

    assert ended.returncode == 1
    assert ended.stderr == f"Port {port} is taken. Stop what uses it, or choose another one; 0 takes a free one.\n"


def test_second_server_on_a_folder_is_refused(tmp_path: Path) -> None:
    """Two servers would start the same runs."""
    with server(tmp_path):
        ended = command(*arguments(tmp_path))

    assert ended.returncode == 1
    assert "Another local workspace uses the data folder" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--notebooks", "/nonexistent"], "The notebooks folder /nonexistent does not exist."),
        (["--token-file", "/nonexistent"], "The token file /nonexistent cannot be read."),
        (["--env", "NOT_SET_ANYWHERE"], "--env NOT_SET_ANYWHERE has no value."),
        (["--env", "=x"], "--env  has no value."),
        (["--data", "/dev/null/x"], "The data folder /dev/null/x cannot be made"),
        (["--host", "192.0.2.1"], "The workspace cannot listen at 192.0.2.1:0"),
    ],
)
def test_unusable_options_are_clear_messages(
    tmp_path: Path, more: list[str], message: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each names the option's value and what is wrong with it."""
    monkeypatch.setenv(TOKEN_VARIABLE, TOKEN)

    code = main([*arguments(tmp_path), *more])

    assert code == 1
    assert message in capsys.readouterr().err


def test_empty_token_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An empty token would let everybody in."""
    (tmp_path / "token").write_text("\n")

    code = main([*arguments(tmp_path), "--token-file", str(tmp_path / "token")])

    assert code == 1
    assert "is empty" in capsys.readouterr().err


def test_token_that_cannot_be_kept_is_a_clear_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rather than a traceback."""
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)

    code = main([*arguments(tmp_path), "--data", "/dev/null/x"])

    assert code == 1
    assert "The token cannot be kept in /dev/null/x/token" in capsys.readouterr().err


def test_token_is_made_when_none_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, for its owner's eyes only, and never printed."""
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    for _ in range(2):
        main([*arguments(tmp_path), "--notebooks", "/nonexistent"])
    file = tmp_path / "data" / "token"

    assert len(file.read_text().strip()) >= 32
    assert file.stat().st_mode & 0o777 == 0o600


def test_variables_reach_tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """--env gives a value, or passes on the one that is set here; nothing else gets through."""
    monkeypatch.setenv("FROM_HERE", "here")
    monkeypatch.setenv("CANARY", "canary")
    notebook(tmp_path / "notebooks", "main", "import os\ndbutils.notebook.exit(repr(sorted(os.environ.items())))")
    with server(tmp_path, "--env", "GIVEN=a=b", "--env", "FROM_HERE") as running:
        run = running.ended(running.post("run-now", {"job_id": running.post("create", job())["job_id"]})["run_id"])
        output = running.get("runs/get-output", run_id=run["tasks"][0]["run_id"])

    result = output["notebook_output"]["result"]
    assert "('GIVEN', 'a=b')" in result
    assert "('FROM_HERE', 'here')" in result
    assert "canary" not in result
    assert TOKEN not in result


def test_help_explains_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    """The command can be used without its document."""
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    text = capsys.readouterr().out

    assert end.value.code == 0
    for action in _parser()._actions:
        assert action.help, action.option_strings
        assert action.option_strings[-1] in text
    assert TOKEN_VARIABLE in text
    assert "python -m localdev.workspace --data .workspace --notebooks samples/notebooks" in " ".join(text.split())


@pytest.mark.parametrize("number", ["0", "-1", "x"])
def test_running_tasks_must_be_positive(tmp_path: Path, number: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With none at all no run would ever go on."""
    with pytest.raises(SystemExit):
        main([*arguments(tmp_path), "--running-tasks", number])

    assert f"--running-tasks: {number!r} is no number from 1 on" in capsys.readouterr().err


def command(*more: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "localdev.workspace", *more],
        cwd=ROOT,
        env={**os.environ, TOKEN_VARIABLE: TOKEN},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_folders_mean_the_same_in_every_task() -> None:
    """Each task runs in a folder of its own, so that a relative path is made absolute at once."""
    options = _parser().parse_args(["--data", "data", "--notebooks", "notebooks"])

    assert (options.data, options.notebooks) == (Path.cwd() / "data", Path.cwd() / "notebooks")


@pytest.mark.parametrize("name", ["faults", "rate_limits", "short_pages", "allow_shell", "install_libraries"])
def test_switches_are_off_unless_named(tmp_path: Path, name: str) -> None:
    """Each option switches its own thing on, and nothing else does."""
    common = ["--data", str(tmp_path), "--notebooks", str(tmp_path)]
    environment = {TOKEN_VARIABLE: "dapi"}

    off = _settings(_parser().parse_args(common), environment)
    on = _settings(_parser().parse_args([*common, f"--{name.replace('_', '-')}"]), environment)

    switched: Json = {name: True}
    assert getattr(off, name) is False
    assert on == replace(off, **switched)


def test_users_and_clients_come_from_files(tmp_path: Path) -> None:
    """Each has a name, and a file for the secret; the file's name may hold what it likes."""
    (tmp_path / "ada=1.token").write_text("dapi-ada\n")
    (tmp_path / "client").write_text("dose-secret\n")
    options = ["--user", f"ada@example.com={tmp_path / 'ada=1.token'}", "--client", f"app-id={tmp_path / 'client'}"]
    with server(tmp_path, *options) as running:
        url = str(running.client.base_url)
        me = httpx.get(f"{url}/api/2.0/preview/scim/v2/Me", headers=sign_in("dapi-ada")).json()
        form = {"grant_type": "client_credentials", "scope": "all-apis"}
        token = httpx.post(f"{url}/oidc/v1/token", data=form, auth=("app-id", "dose-secret"))

    assert me["userName"] == "ada@example.com"
    assert token.status_code == 200


@pytest.mark.parametrize("option", ["--user", "--client"])
@pytest.mark.parametrize("value", ["ada", "=file", "ada=", "ada=/nonexistent/file"])
def test_users_without_a_secret_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, value: str
) -> None:
    """The message names the option and how it is written, or the file that cannot be read."""
    code = main(arguments(tmp_path, option, value))

    said = capsys.readouterr().err
    assert code == 1
    assert f"Write {option} NAME=FILE." in said or "The token file /nonexistent/file cannot be read." in said

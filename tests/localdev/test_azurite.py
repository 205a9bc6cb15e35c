"""Azurite comes up on free ports, keeps what it was told to keep, and never outlives us."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from localdev.azurite import Azurite
from localdev.azurite_process import AzuriteError, Ports
from shared.storage_connection import read_connection
from tests.fakes.waiting import block_until

pytestmark = pytest.mark.azurite
REPOSITORY = Path(__file__).parents[2]
# Starts Azurite, tells its process id, and then does what the test asks.
STARTER = """
import sys, time
from localdev.azurite import Azurite
azurite = Azurite().start()
print(azurite.pid, flush=True)
{then}
"""


@pytest.fixture(autouse=True)
def _azurite_can_run(azurite: Azurite) -> None:
    """Skip, or fail, where the session's own Azurite cannot run."""


def test_all_three_services_answer() -> None:
    """The connection string serves the blob, queue and table clients of the official SDKs."""
    with Azurite() as azurite:
        with BlobServiceClient.from_connection_string(azurite.connection_string) as blobs:
            blobs.create_container("landing")
            containers = [container.name for container in blobs.list_containers()]
        with QueueServiceClient.from_connection_string(azurite.connection_string) as queues:
            queues.create_queue("work").close()
            queue_names = [queue.name for queue in queues.list_queues()]
        with TableServiceClient.from_connection_string(azurite.connection_string) as tables:
            tables.create_table("ledger").close()
            table_names = [table.name for table in tables.list_tables()]

    assert (containers, queue_names, table_names) == (["landing"], ["work"], ["ledger"])


def test_connection_is_what_settings_would_read(azurite: Azurite) -> None:
    """`connection` and `connection_string` are the same account, read by the service's own parser."""
    read = read_connection("STORAGE", {"STORAGE": azurite.connection_string})

    assert read == azurite.connection
    assert azurite.connection.blob_endpoint == f"http://127.0.0.1:{azurite.ports.blob}/devstoreaccount1"


def test_newest_rows_survive_a_restart(tmp_path: Path) -> None:
    """A stop lets Azurite save its tables, and a start finds them on the same ports."""
    with Azurite(tmp_path / "data") as azurite:
        ports = azurite.ports
        with TableServiceClient.from_connection_string(azurite.connection_string) as tables:
            with tables.create_table("ledger") as table:
                for number in range(50):
                    table.create_entity({"PartitionKey": "p", "RowKey": str(number)})
            azurite.stop()
            azurite.start()
            with tables.get_table_client("ledger") as table:
                rows = sum(1 for _ in table.list_entities())

    assert rows == 50
    assert azurite.ports == ports


def test_stopped_azurite_refuses_connections() -> None:
    """A stop is an outage: nobody answers on its ports until the next start."""
    with Azurite() as azurite:
        azurite.stop()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", azurite.ports.blob), timeout=5)
        azurite.start()
        socket.create_connection(("127.0.0.1", azurite.ports.blob), timeout=5).close()

        assert azurite.running


def test_memory_forgets_over_a_restart() -> None:
    """Without a folder nothing is kept."""
    with Azurite() as azurite, BlobServiceClient.from_connection_string(azurite.connection_string) as blobs:
        blobs.create_container("landing")
        azurite.stop()
        azurite.start()

        assert list(blobs.list_containers()) == []


def test_start_and_stop_may_be_repeated() -> None:
    """A second start or stop changes nothing."""
    azurite = Azurite().start()
    pid = azurite.pid

    assert azurite.start().pid == pid
    azurite.stop()
    azurite.stop()
    assert not azurite.running
    assert not psutil.pid_exists(pid)


def test_start_replaces_a_process_that_died() -> None:
    """An Azurite that was killed from outside is started anew, on the ports it had."""
    with Azurite() as azurite:
        ports, pid = azurite.ports, azurite.pid
        os.kill(pid, signal.SIGKILL)
        block_until(lambda: not azurite.running)
        azurite.start()

        assert azurite.pid != pid
        assert azurite.ports == ports


def test_two_get_different_ports(azurite: Azurite) -> None:
    """Several Azurites live beside each other."""
    with Azurite() as other:
        ports = {azurite.ports.blob, azurite.ports.queue, azurite.ports.table}

        assert ports.isdisjoint({other.ports.blob, other.ports.queue, other.ports.table})


def test_chosen_ports_that_are_taken_are_chosen_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Losing the race for a port costs another choice, not the start."""
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        taken, first = stranger.getsockname()[1], _free_ports()
        choices = iter([Ports(blob=first.blob, queue=taken, table=first.table), second := _free_ports()])
        monkeypatch.setattr("localdev.azurite._choose_ports", lambda: next(choices))
        with Azurite() as azurite:
            assert azurite.ports == second


def test_given_port_that_is_taken_is_an_error() -> None:
    """A stranger on a port we were told to use is named, never talked to."""
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port, free = stranger.getsockname()[1], _free_ports()
        azurite = Azurite(ports=Ports(blob=free.blob, queue=free.queue, table=port))
        with pytest.raises(AzuriteError, match=f"EADDRINUSE.*{port}"):
            azurite.start()

        assert not azurite.running


def test_two_may_not_share_a_folder(tmp_path: Path) -> None:
    """Two Azurites on one folder would overwrite each other's data: the second is refused, until the first stops."""
    with Azurite(tmp_path) as first:
        with pytest.raises(AzuriteError, match="Another Azurite uses"):
            Azurite(tmp_path).start()
        first.stop()
        with Azurite(tmp_path) as second:
            assert second.running


def test_folder_that_cannot_be_used_is_an_error(tmp_path: Path) -> None:
    """What Azurite says when it gives up is in our error."""
    (tmp_path / "__azurite_db_blob__.json").mkdir()

    with pytest.raises(AzuriteError, match=r"did not start.*EISDIR"):
        Azurite(tmp_path).start()


@pytest.mark.parametrize(
    ("then", "send"),
    [
        pytest.param("sys.exit(0)", None, id="at the interpreter's exit"),
        pytest.param("raise SystemError", None, id="at an error"),
        pytest.param("time.sleep(60)", signal.SIGINT, id="at Ctrl-C"),
        pytest.param("time.sleep(60)", signal.SIGTERM, id="at SIGTERM"),
        pytest.param("time.sleep(60)", signal.SIGKILL, id="at SIGKILL"),
    ],
)
def test_azurite_ends_with_its_parent(then: str, send: signal.Signals | None) -> None:
    """However the process that started it ends, Azurite ends too."""
    with subprocess.Popen(
        [sys.executable, "-c", STARTER.format(then=then)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as parent:
        assert parent.stdout
        pid = int(parent.stdout.readline())
        if send is not None:
            parent.send_signal(send)
        parent.wait(30)

    block_until(lambda: not psutil.pid_exists(pid))


def test_nothing_is_known_before_the_start() -> None:
    """Ports, and what is made of them, are refused before there are any."""
    azurite = Azurite()

    with pytest.raises(AzuriteError, match="no ports"):
        _ = azurite.connection_string
    with pytest.raises(AzuriteError, match="not running"):
        _ = azurite.pid


def test_lock_file_is_pinned_and_names_no_registry() -> None:
    """The very same packages are installed from whichever registry npm is set up for."""
    wanted = json.loads((REPOSITORY / "localdev" / "package.json").read_text())["dependencies"]
    locked = json.loads((REPOSITORY / "localdev" / "package-lock.json").read_text())["packages"]

    assert "azurite" in wanted
    assert wanted == {name: locked[f"node_modules/{name}"]["version"] for name in wanted}
    assert not [name for name, package in locked.items() if "resolved" in package]
    assert not [name for name, package in locked.items() if name and "integrity" not in package]


def _free_ports() -> Ports:
    with (
        socket.create_server(("127.0.0.1", 0)) as blob,
        socket.create_server(("127.0.0.1", 0)) as queue,
        socket.create_server(("127.0.0.1", 0)) as table,
    ):
        return Ports(blob=blob.getsockname()[1], queue=queue.getsockname()[1], table=table.getsockname()[1])

"""What runs on a laptop: on loopback only, for this machine's own names, and without a secret on a command line."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import psutil
import pytest

from cli.demo.command import options
from localdev.azurite import Azurite
from localdev.functions_host.server import listening_socket
from localdev.stack import Stack
from localdev.workspace.__main__ import _parser
from shared.storage_connection import EMULATOR_KEY
from tests.localdev.functions_host.serving import served
from tests.security.canaries import Canaries


def test_host_listens_on_loopback_only() -> None:
    """Nobody else in the café reaches it; there is no option to change that."""
    with listening_socket(0) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"
        assert listener.family is socket.AF_INET


def test_workspace_listens_on_loopback_unless_told() -> None:
    """It runs whatever notebook it is given, for whoever has its token."""
    asked = _parser().parse_args(["--data", "d", "--notebooks", "n"])

    assert asked.host == "127.0.0.1"


@pytest.mark.parametrize("name", ["evil.example", "evil.example:7071", "127.0.0.1.evil.example", "169.254.169.254", ""])
async def test_host_answers_to_its_own_name_only(name: str) -> None:
    """A page of the web whose name suddenly means 127.0.0.1 still says its own name (DNS rebinding)."""
    async with served() as (_, client):
        for path in ("/admin/host/status", "/api/hello/bob", "/runtime/webhooks/eventgrid?functionName=f"):
            assert (await client.post(path, headers={"host": name})).status_code == 400
        assert (await client.get("/admin/host/status", headers={"host": "localhost:1"})).status_code == 200


@pytest.mark.acceptance
def test_no_command_line_of_the_local_stack_holds_a_secret(azurite: Azurite, tmp_path: Path) -> None:
    """Every user of the machine sees every command line; environments are their owner's."""
    del azurite
    with Stack(options(tmp_path / "state", "eventgrid")) as stack:
        lines = [" ".join(child.cmdline()) for child in psutil.Process().children(recursive=True)]
        secrets = Canaries({"token": stack.environment["DATABRICKS_TOKEN"], "key": EMULATOR_KEY})
        kept = [path for path in (tmp_path / "state").rglob("*") if path.name in {"stack.json", "workspace-token"}]
        modes = {path.name: path.stat().st_mode & 0o077 for path in kept}
        logs = "".join(path.read_text("utf-8") for path in (tmp_path / "state" / "logs").iterdir())

    assert len(lines) >= 4
    assert secrets.found_in("\n".join(lines)) == []
    assert secrets.found_in(logs) == []
    assert modes == ({"stack.json": 0, "workspace-token": 0} if os.name == "posix" else modes)

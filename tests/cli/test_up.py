"""What `landfall up` says when everything runs."""

from __future__ import annotations

from pathlib import Path

from cli.up import _welcome
from localdev.azurite_process import Ports
from localdev.stack import Stack, StackOptions
from localdev.workspace.pages.access import is_key
from shared.secret import Secret

TOKEN = "dapi-canary"


def a_stack(tmp_path: Path, *, remote: bool) -> Stack:
    """Return a stack as it is once it runs, of which nothing was started."""
    stack = Stack(StackOptions(state=tmp_path, rules=tmp_path / "rules.yaml", remote=remote))
    stack.azurite._ports = Ports(blob=10000, queue=10001, table=10002)
    stack.environment = {"DATABRICKS_HOST": "http://127.0.0.1:8765", "DATABRICKS_TOKEN": TOKEN}
    return stack


def test_up_links_to_the_pages_of_the_workspace(tmp_path: Path) -> None:
    """With a key that signs a browser in, and without the token."""
    words = _welcome(a_stack(tmp_path, remote=False)).split()

    link = next(word for word in words if "?key=" in word)
    assert link.startswith("http://127.0.0.1:8765/?key=")
    assert is_key(link.partition("?key=")[2], Secret(TOKEN))
    assert TOKEN not in " ".join(words)


def test_up_tells_where_the_token_is(tmp_path: Path) -> None:
    """Whoever wants to ask the API by hand needs it."""
    assert f"{tmp_path}/workspace-token" in _welcome(a_stack(tmp_path, remote=False))
    assert "workspace-token" not in _welcome(a_stack(tmp_path, remote=True))


def test_remote_workspace_has_pages_of_its_own(tmp_path: Path) -> None:
    """Nothing that is made of its token is printed."""
    assert "?key=" not in _welcome(a_stack(tmp_path, remote=True))

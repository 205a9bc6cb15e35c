"""The file of secrets."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from localdev.workspace.errors import WorkspaceNotStarted
from localdev.workspace.files import secret_scopes


def write(folder: Path, text: str, mode: int = 0o600) -> Path:
    """Write a secrets file."""
    file = folder / "secrets"
    file.write_text(text, encoding="utf-8")
    file.chmod(mode)
    return file


@pytest.mark.parametrize("text", ['{"etl": {"key": "canary", "number": "1"}}', "etl:\n  key: canary\n  number: '1'\n"])
def test_yaml_and_json_are_read(tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture) -> None:
    """As scopes of keys and values; nothing is said of a file that is its owner's alone."""
    assert secret_scopes.read(write(tmp_path, text)) == {"etl": {"key": "canary", "number": "1"}}
    assert caplog.records == []


def test_open_file_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is used all the same: it may be a file of a team."""
    with caplog.at_level(logging.WARNING):
        secret_scopes.read(write(tmp_path, '{"etl": {"key": "canary"}}', 0o644))

    assert "can be read by others: chmod 600" in caplog.text
    assert "canary" not in caplog.text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"no YAML or JSON that can be read \(line 1\)"),
        ("etl: {key: canary", "no YAML or JSON that can be read"),
        ("- canary", r"a mapping is expected here: scope, then key, then value \(line 1\)"),
        ("etl: canary", "a mapping is expected here"),
        ("etl:\n  key: 17", r"a secret is text: put it in quotes \(line 2\)"),
    ],
)
def test_other_files_stop_the_start(tmp_path: Path, text: str, message: str) -> None:
    """With the line, and without what stands there."""
    with pytest.raises(WorkspaceNotStarted, match=message) as refusal:
        secret_scopes.read(write(tmp_path, text))

    assert "canary" not in str(refusal.value)


def test_missing_file_stops_the_start(tmp_path: Path) -> None:
    """Rather than every task that wants a secret."""
    with pytest.raises(WorkspaceNotStarted, match="cannot be read"):
        secret_scopes.read(tmp_path / "nothing")

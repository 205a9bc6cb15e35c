"""`--storage`: which account's containers file_arrival triggers watch."""

from __future__ import annotations

from pathlib import Path

import pytest

from localdev.workspace.__main__ import STORAGE_VARIABLE, _parser, _settings, main
from shared.storage_connection import EMULATOR_ACCOUNT

AZURITE = "UseDevelopmentStorage=true"
NO_KEY = "BlobEndpoint=https://lake.blob.core.windows.net/;SharedAccessSignature=sv=canary"


def account(folder: Path, environment: dict[str, str], *more: str) -> str | None:
    """Return the account that the command would watch."""
    arguments = ["--data", str(folder), "--notebooks", str(folder), *more]
    storage = _settings(_parser().parse_args(arguments), environment).storage
    return None if storage is None else storage.account


def test_storage_names_the_variable(tmp_path: Path) -> None:
    """The connection string stands in the environment, where no list of processes shows it."""
    assert account(tmp_path, {"MINE": AZURITE}, "--storage", "MINE") == EMULATOR_ACCOUNT
    assert account(tmp_path, {STORAGE_VARIABLE: AZURITE}) == EMULATOR_ACCOUNT


def test_usual_variable_may_hold_anything(tmp_path: Path) -> None:
    """Nobody asked for it: a form that is of no use here is no reason not to start."""
    assert account(tmp_path, {STORAGE_VARIABLE: NO_KEY}) is None
    assert account(tmp_path, {}) is None


@pytest.mark.parametrize("text", ["", NO_KEY])
def test_named_variable_must_hold_a_connection_string(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    """The message names the variable and not what it holds."""
    monkeypatch.setenv("MINE", text)

    code = main(["--data", str(tmp_path), "--notebooks", str(tmp_path), "--port", "0", "--storage", "MINE"])

    message = capsys.readouterr().err
    assert code == 1
    assert "MINE" in message
    assert "canary" not in message

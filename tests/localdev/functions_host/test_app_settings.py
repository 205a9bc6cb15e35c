"""App settings: local.settings.json under the environment, and what bindings look up in them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from localdev.functions_host.app_settings import (
    AppSettings,
    SettingUnresolved,
    placed_in_environment,
    read_settings_file,
    settings_in_force,
)
from shared.errors import ConfigurationError, Fault
from shared.storage_connection import StorageConnection

CONNECTION = "AccountName=acct;AccountKey=c2VjcmV0LWNhbmFyeQ==;EndpointSuffix=core.windows.net"


def settings_file(folder: Path, document: object) -> Path:
    """Write a local.settings.json."""
    path = folder / "local.settings.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document), "utf-8")
    return path


def test_environment_wins_over_the_file() -> None:
    """A setting that the environment holds is not the file's."""
    settings = settings_in_force({"A": "file", "B": "file"}, {"A": "environment"})

    assert (settings.get("A"), settings.get("B"), settings.get("C")) == ("environment", "file", None)


def test_names_are_found_whatever_their_case() -> None:
    """A name is found in another case, as .NET configuration finds it."""
    assert AppSettings({"Reconcile_Schedule": "x"}).get("RECONCILE_SCHEDULE") == "x"


def test_file_values_are_read_as_text(tmp_path: Path) -> None:
    """Values are strings; numbers and booleans read as their .NET text."""
    path = settings_file(tmp_path, {"IsEncrypted": False, "Values": {"A": "text", "B": 5, "C": True}, "Host": {}})

    assert read_settings_file(path) == {"A": "text", "B": "5", "C": "True"}


def test_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    """A file saved with a byte order mark reads like any other."""
    path = settings_file(tmp_path, "\ufeff" + json.dumps({"Values": {"A": "1"}}))

    assert read_settings_file(path) == {"A": "1"}


def test_missing_file_has_no_settings(tmp_path: Path) -> None:
    """Without the file there are no settings."""
    assert read_settings_file(tmp_path / "local.settings.json") == {}


@pytest.mark.parametrize(
    ("document", "said"),
    [
        pytest.param("{", "cannot be read as JSON", id="no JSON"),
        pytest.param("[]", "must be an object", id="list"),
        pytest.param({"Values": []}, "must be an object", id="values as list"),
        pytest.param({"IsEncrypted": True, "Values": {"A": "c2VjcmV0"}}, "encrypted", id="encrypted"),
        pytest.param({"Values": {"A": {"canary": 1}, "B": None}}, "Values.A must be a string", id="nested"),
        pytest.param({"Values": {"A=B": "canary"}}, "no environment variable", id="bad name"),
        pytest.param({"Values": {"A": "canary\0"}}, "no environment variable", id="bad value"),
    ],
)
def test_unusable_file_is_refused_without_its_values(tmp_path: Path, document: object, said: str) -> None:
    """A file that cannot be used is refused with the reason, and never with a value."""
    with pytest.raises(ConfigurationError, match=said) as refused:
        read_settings_file(settings_file(tmp_path, document))

    assert "canary" not in str(refused.value)


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    """Two faulty values make two faults."""
    with pytest.raises(ConfigurationError) as refused:
        read_settings_file(settings_file(tmp_path, {"Values": {"A": [], "B": None, "C": "fine"}}))

    assert len(refused.value.faults) == 2


def test_placed_settings_are_taken_out_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings are in the environment for as long as they are placed there, and no longer."""
    monkeypatch.setenv("SAMPLE_HELD", "environment")

    with placed_in_environment({"SAMPLE_HELD": "file", "SAMPLE_NEW": "file"}):
        during = os.environ["SAMPLE_HELD"], os.environ["SAMPLE_NEW"]

    assert during == ("environment", "file")
    assert os.environ["SAMPLE_HELD"] == "environment"
    assert "SAMPLE_NEW" not in os.environ


@pytest.mark.parametrize(
    ("text", "expected"),
    [("%A%", "one"), ("x%A%y%B%z", "xoneytwoz"), ("plain", "plain"), ("", ""), ("%EMPTY%", "")],
)
def test_setting_expressions_are_resolved(text: str, expected: str) -> None:
    """Every %NAME% in a binding stands for its setting."""
    assert AppSettings({"A": "one", "B": "two", "EMPTY": ""}).resolve(text) == expected


@pytest.mark.parametrize(("text", "said"), [("%NOWHERE%", "NOWHERE is not defined"), ("100%", "no closing %")])
def test_unresolved_expressions_are_refused(text: str, said: str) -> None:
    """An undefined setting and an open % are refused, each by name or place."""
    with pytest.raises(SettingUnresolved, match=said):
        AppSettings({}).resolve(text)


@pytest.mark.parametrize(
    ("values", "account"),
    [
        pytest.param({"Landing": CONNECTION}, "acct", id="by its name"),
        pytest.param({"AzureWebJobsLanding": CONNECTION, "Landing": "nonsense"}, "acct", id="by its prefixed name"),
        pytest.param({"Landing__accountName": "other"}, "other", id="by identity"),
    ],
)
def test_connection_is_found_in_each_form(values: dict[str, str], account: str) -> None:
    """A binding's connection is a connection string or an identity, under its name or AzureWebJobs and its name."""
    found = AppSettings(values).connection("Landing")

    assert isinstance(found, StorageConnection)
    assert found.account == account


def test_binding_without_connection_uses_the_hosts_storage() -> None:
    """A binding that names no connection uses AzureWebJobsStorage."""
    found = AppSettings({"AzureWebJobsStorage": "UseDevelopmentStorage=true"}).connection("")

    assert isinstance(found, StorageConnection)
    assert found.is_emulator


def test_missing_connection_is_a_fault() -> None:
    """A connection that nothing defines is a fault that names it."""
    found = AppSettings({}).connection("Landing")

    assert isinstance(found, Fault)
    assert "Landing is not defined" in found.message
    with pytest.raises(ConfigurationError, match="Landing"):
        AppSettings({}).usable_connection("Landing")


@pytest.mark.parametrize(
    ("name", "value", "disabled"),
    [
        ("AzureWebJobs.work.Disabled", "true", True),
        ("AzureWebJobs__work__Disabled", "1", True),
        ("AzureWebJobs_work_Disabled", "True", True),
        ("AzureWebJobs.work.Disabled", "false", False),
        ("AzureWebJobs.other.Disabled", "true", False),
    ],
)
def test_setting_disables_a_function(name: str, value: str, disabled: bool) -> None:  # noqa: FBT001 - a parameter
    """A function is off when its Disabled setting is true or 1, in each form of its name."""
    assert AppSettings({name: value}).is_disabled("work") is disabled


def test_settings_are_not_shown() -> None:
    """The settings' text form holds no value."""
    assert "canary" not in repr(AppSettings({"A": "canary"}))

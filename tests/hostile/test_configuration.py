"""Hostile configuration: each fault names what to mend, none shows a secret, and nothing worse comes of it."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import ConfigurationError, SettingsError
from shared.rules_file import parse_rules
from shared.settings import SETTINGS, Settings, read_settings, secret_texts
from tests.fakes.arrivals import arrival
from tests.fakes.world import World
from tests.hostile.tally import count

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "configuration.json").read_text("utf-8"))
CANARY = "canary-5f1c7e90aa"
ENOUGH = {
    "DATABRICKS_HOST": "https://adb-1.2.azuredatabricks.net",
    "DATABRICKS_TOKEN": "dapi-token",
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
}
# What people and templates really leave in a setting, and what nobody should get to see.
BAD_VALUES = (
    "null",
    "None",
    "-1",
    "1e9",
    "nan",
    "٣s",
    "0",
    "\x00",
    "a\nb",
    "é" * 10,
    "\ud800",
    "$(id)",
    "{{secret}}",
    "../../etc/passwd",
    "https://[",
    "https://user:pw-of-somebody@host/",
    "http://169.254.169.254/",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/s)",
    "AccountName=a",
    "AccountName=a;AccountKey=k;BlobEndpoint=https://[",
    "UseDevelopmentStorage=true;DevelopmentStorageProxyUri=gopher://h",
    "x" * 100_000,
)
NAMES = [setting.name for setting in SETTINGS]
SECRETS = [setting.name for setting in SETTINGS if setting.secret]


def configure(hostile: dict[str, Any]) -> Any:
    """Return the rules or the settings of a case; raises ConfigurationError."""
    if "rules" in hostile:
        items = "\n".join(f"  - {rule}" for rule in hostile["rules"])
        return parse_rules(f"version: 1\nrules:\n{items}\n", "rules.yaml")
    return read_settings(ENOUGH | hostile["settings"])


@pytest.mark.parametrize("hostile", CASES, ids=lambda case: f"{case['number']}-{case['title']}")
def test_hostile_configuration_is_told_or_harmless(hostile: dict[str, Any]) -> None:
    """A fault names the setting or the rule; what is accepted starts exactly what it should."""
    expected = hostile["expected"]
    if fault := expected.get("fault"):
        with pytest.raises(ConfigurationError) as caught:
            configure(hostile)
        assert any(fault in each.message for each in caught.value.faults), caught.value.faults
    else:
        configured = configure(hostile)
        for path, rules in expected.get("starts", {}).items():
            container, _, name = path.partition("/")
            found = configured.match(arrival(name, container=container))
            assert [match.rule.name for match in found] == rules, path
    count("corpus")


def read_or_refuse(name: str, value: str) -> Settings | None:
    """Return the settings with one value, or None when it is refused with faults that are fit to be shown."""
    try:
        return read_settings(ENOUGH | {name: value})
    except SettingsError as error:
        faults = [fault.message for fault in error.faults]
    (fault,) = faults
    assert name in fault
    assert len(fault) < 1_000
    assert "pw-of-somebody" not in fault
    return None


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", BAD_VALUES, ids=lambda value: ascii(value)[:30])
def test_bad_value_is_one_fault_that_names_its_setting(name: str, value: str) -> None:
    """No value of any setting raises anything but SettingsError, or is told at length, or with a password."""
    settings = read_or_refuse(name, value)

    assert settings is None or len(repr(settings)) < 3_000 + len(value)


@given(st.sampled_from(NAMES), st.text())
def test_any_value_is_read_or_refused(name: str, value: str) -> None:
    """The same for every text there is."""
    count("fuzzed")
    read_or_refuse(name, value)


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("form", ["{}", "{} ", "x={}", "AccountKey={}", "http://h/?sig={}", "https://[{}", "{}\n\x00"])
def test_malformed_secret_is_never_shown(name: str, form: str) -> None:
    """A secret is a secret even when it is put down wrong, and the net below the log knows it too."""
    environment = ENOUGH | {name: form.format(CANARY)}
    told = ""
    try:
        told = repr(read_settings(environment))
    except SettingsError as error:
        told = f"{error} {error!r} {error.faults!r}"

    assert CANARY not in told
    assert any(CANARY in text for text in secret_texts(environment))


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith(("RECONCILE_", "SETTLE", "SWEEP_DEEP"))])
async def test_longest_length_of_time_breaks_no_pass(name: str) -> None:
    """What is accepted works: no date is reckoned off the calendar."""
    if name in {"RECONCILE_SCHEDULE", "RECONCILE_GRACE"}:
        return
    longest = {"LEDGER_RETENTION": "3660d", "RECONCILE_LOOK_BACK": "1830d"}
    world = World(**{**longest, name: "1830d"})
    world.landing.upload("landing/erp/a.csv")

    world.clock.advance(timedelta(hours=1).total_seconds())
    outcome = await world.reconciler.run()

    assert outcome.failures == []


def test_every_case_about_configuration_is_there() -> None:
    """Cases 88 to 93 of the corpus."""
    assert {case["number"] for case in CASES} == set(range(88, 94))

"""Settings: read once, every fault in one message, nothing secret shown."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.errors import SettingsError
from shared.settings import SETTINGS, AuthType, Settings, read_settings

CANARY = "canary-d6d1c1f0"
ENOUGH = {
    "DATABRICKS_HOST": "https://adb-1.2.azuredatabricks.net",
    "DATABRICKS_TOKEN": CANARY,
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
}


def read(**changes: str) -> Settings:
    """Return the settings of an environment that is enough, with changes."""
    return read_settings(ENOUGH | changes)


def faults(**changes: str) -> list[str]:
    """Return what is wrong with an environment that would be enough without these changes."""
    with pytest.raises(SettingsError) as caught:
        read(**changes)
    return [fault.message for fault in caught.value.faults]


def test_few_settings_are_enough() -> None:
    """A host, a token and the Functions host's storage: everything else has a sane default."""
    settings = read()

    assert settings.databricks.auth_type is AuthType.PAT
    assert settings.databricks.workspace == "adb-1.2.azuredatabricks.net"
    assert settings.landing.blob_endpoint == "http://127.0.0.1:10000/devstoreaccount1"
    assert settings.ledger == settings.landing
    assert settings.reconcile_grace == timedelta(minutes=5)
    assert settings.dispatch_lease == timedelta(seconds=60)


def test_empty_environment_names_all_that_is_missing() -> None:
    """Somebody who starts with nothing is told everything at once."""
    with pytest.raises(SettingsError) as caught:
        read_settings({})

    assert str(caught.value) == (
        "settings: DATABRICKS_HOST is missing: set it to the workspace's address, https://adb-….azuredatabricks.net.\n"
        "settings: AzureWebJobsStorage is missing: Azure Functions and Landfall keep their state there.\n"
        "docs/settings.md explains every setting."
    )


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("DATABRICKS_HOST", "http://adb-1.azuredatabricks.net", "it must be https:// and a host, without a path"),
        ("DATABRICKS_HOST", "https://adb-1.azuredatabricks.net/path", "it must be https:// and a host, without a path"),
        ("DATABRICKS_API_VERSION", "3.0", "it must be 2.1 or 2.2"),
        ("DATABRICKS_AUTH_TYPE", "password", "it must be one of pat, oauth-m2m, azure-msi"),
        ("LEDGER_TABLE", "land-fall", "it must be 3 to 63 letters and digits, a letter first"),
        ("RECONCILE_GRACE", "soon", "it must be a number and a unit"),
        ("RECONCILE_LOOK_BACK", "9999999d", "it must be a number and a unit"),
        ("DISPATCH_LEASE", "5s", "it must be at least 25s"),
        ("RECONCILE_LOOK_BACK", "1m", "RECONCILE_LOOK_BACK must be longer than RECONCILE_GRACE"),
        ("LANDING_STORAGE", "AccountName=a", "LANDING_STORAGE is no connection string with AccountName and AccountKey"),
        ("LANDING_STORAGE__credential", "managedidentity", "LANDING_STORAGE__accountName is missing"),
    ],
)
def test_fault_says_what_is_wrong_and_what_to_write(name: str, value: str, message: str) -> None:
    """Each fault names the setting, the value and the remedy."""
    (fault,) = faults(**{name: value})

    assert name.split("__", maxsplit=1)[0] in fault
    assert message in fault


def test_faults_are_reported_together() -> None:
    """Nobody mends one setting only to learn of the next."""
    assert len(faults(DATABRICKS_HOST="", RECONCILE_GRACE="x", SETTLE_INTERVAL="y")) == 3


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"DATABRICKS_TOKEN": "t"}, AuthType.PAT),
        ({"DATABRICKS_TOKEN": "", "DATABRICKS_CLIENT_ID": "i", "DATABRICKS_CLIENT_SECRET": "s"}, AuthType.OAUTH_M2M),
        (
            {"DATABRICKS_TOKEN": "", "AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "i", "AZURE_CLIENT_SECRET": "s"},
            AuthType.AZURE_CLIENT_SECRET,
        ),
        ({"DATABRICKS_TOKEN": "", "IDENTITY_ENDPOINT": "http://127.0.0.1/msi"}, AuthType.AZURE_MSI),
        ({"DATABRICKS_TOKEN": ""}, AuthType.AZURE_CLI),
        ({"DATABRICKS_AUTH_TYPE": "azure-msi"}, AuthType.AZURE_MSI),
    ],
)
def test_sign_in_follows_from_what_is_set(environment: dict[str, str], expected: AuthType) -> None:
    """The method need not be named: the credentials that are there tell it; naming it wins."""
    assert read(**environment).databricks.auth_type is expected


def test_named_sign_in_wants_its_credentials() -> None:
    """A method that is asked for and cannot work is a fault, not a silent fall-back."""
    assert faults(DATABRICKS_AUTH_TYPE="oauth-m2m") == [
        "DATABRICKS_CLIENT_ID is missing: DATABRICKS_AUTH_TYPE=oauth-m2m needs it.",
        "DATABRICKS_CLIENT_SECRET is missing: DATABRICKS_AUTH_TYPE=oauth-m2m needs it.",
    ]


def test_host_may_leave_out_its_scheme() -> None:
    """People copy the host from the browser's address bar with or without https://."""
    assert read(DATABRICKS_HOST="adb-1.2.azuredatabricks.net/").databricks.host == "https://adb-1.2.azuredatabricks.net"


def test_loopback_workspace_may_speak_http() -> None:
    """The local workspace has no certificate."""
    assert read(DATABRICKS_HOST="http://127.0.0.1:8080").databricks.host == "http://127.0.0.1:8080"


def test_host_with_a_password_is_refused_without_showing_it() -> None:
    """Credentials in an address would end up in logs."""
    (fault,) = faults(DATABRICKS_HOST=f"https://user:{CANARY}@adb-1.azuredatabricks.net")

    assert CANARY not in fault


@pytest.mark.parametrize("name", [setting.name for setting in SETTINGS if setting.secret])
def test_secret_is_neither_shown_nor_reported(name: str) -> None:
    """No repr and no error gives a secret away."""
    value = f"DefaultEndpointsProtocol=https;AccountName=acct;AccountKey={CANARY}" if "Storage" in name else CANARY
    value = value if "STORAGE" not in name else f"AccountName=acct;AccountKey={CANARY}"
    value = value if name != "RULES_URL" else f"https://acct.blob.core.windows.net/settings/rules.yaml?sig={CANARY}"
    settings = read(**{name: value})

    assert CANARY not in repr(settings)
    assert CANARY not in str(settings)
    assert not any(CANARY in fault for fault in faults(**{name: value, "SETTLE_INTERVAL": "x"}))


@pytest.mark.parametrize("url", ["http://acct.blob.core.windows.net/c/rules.yaml?sig=", "https://acct/rules.yaml?sig="])
def test_unusable_address_of_the_rules_is_told_without_its_signature(url: str) -> None:
    """RULES_URL must be the https address of a blob, and may hold a shared access signature."""
    (fault,) = faults(RULES_URL=url + CANARY)

    assert fault.strip().startswith("RULES_URL must be the https:// address of a blob")
    assert CANARY not in fault

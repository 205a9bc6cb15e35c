"""The environment, read once into one frozen value; every fault is reported in one message.

The table SETTINGS is the only place that names a setting: docs/settings.md and local.settings.sample.json are
held against it by tests.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from urllib.parse import unquote, urlsplit

from shared.addresses import is_loopback
from shared.errors import SettingsError
from shared.redaction import redacted
from shared.secret import Secret
from shared.setting_reader import SettingReader
from shared.storage_connection import EMULATOR_KEY, StorageConnection


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its name, its default (None: there is none), and whether its value is a secret."""

    name: str
    default: str | None
    secret: bool = False


SETTINGS = (
    Setting("DATABRICKS_HOST", None),
    Setting("DATABRICKS_AUTH_TYPE", ""),
    Setting("DATABRICKS_TOKEN", "", secret=True),
    Setting("DATABRICKS_CLIENT_ID", ""),
    Setting("DATABRICKS_CLIENT_SECRET", "", secret=True),
    Setting("DATABRICKS_API_VERSION", "2.2"),
    Setting("DATABRICKS_RATE_PERCENT", "50"),
    Setting("AZURE_TENANT_ID", ""),
    Setting("AZURE_CLIENT_ID", ""),
    Setting("AZURE_CLIENT_SECRET", "", secret=True),
    Setting("LANDING_STORAGE", "", secret=True),
    Setting("LEDGER_STORAGE", "", secret=True),
    Setting("AzureWebJobsStorage", None, secret=True),
    Setting("LEDGER_TABLE", "landfall"),
    Setting("RULES_FILE", "rules.yaml"),
    Setting("RULES_URL", "", secret=True),
    Setting("RULES_REFRESH", "30s"),
    Setting("DISPATCH", "on"),
    Setting("MOST_RUNS_PER_HOUR", "10000"),
    Setting("DISPATCH_BUDGET", "10s"),
    Setting("DISPATCH_LEASE", "60s"),
    Setting("RECONCILE_SCHEDULE", "0 * * * * *"),
    Setting("RECONCILE_BUDGET", "4m"),
    Setting("RECONCILE_GRACE", "5m"),
    Setting("RECONCILE_LOOK_BACK", "48h"),
    Setting("SWEEP_DEEP_EVERY", "1h"),
    Setting("SWEEP_ZONES", "-12h..+14h"),
    Setting("SWEEP_QUEUE", "landfall-sweep"),
    Setting("SWEEP_QUEUE_ABOVE", "200000"),
    Setting("LEDGER_RETENTION", "90d"),
    Setting("DEAD_LETTER_CONTAINER", ""),
    Setting("DEAD_LETTER_STORAGE", "", secret=True),
    Setting("DATABRICKS_WEBHOOK_SECRET", "", secret=True),
    Setting("SETTLE_INTERVAL", "30s"),
)

# Others put these beside ours: the key to the managed identity's endpoint, and the password of a certificate.
_SECRETS_OF_OTHERS = ("IDENTITY_HEADER", "MSI_SECRET", "AZURE_CLIENT_CERTIFICATE_PASSWORD")
_SECRET_PARTS = frozenset({"AccountKey", "SharedAccessSignature", "sig"})
_DEFAULTS = {setting.name: setting.default for setting in SETTINGS}
# Of a queue's 63 characters the host takes seven for `-poison`:
# https://learn.microsoft.com/rest/api/storageservices/naming-queues-and-metadata
_QUEUE_NAME = re.compile(r"(?=.{3,56}$)[a-z0-9]+(?:-[a-z0-9]+)*")
_ON_OR_OFF = re.compile("on|off")
# https://learn.microsoft.com/azure/storage/common/storage-account-overview#storage-account-endpoints
_BLOB_HOST = re.compile(
    r"[a-z0-9]{3,24}(?:-secondary)?(?:\.z[0-9]{1,2})?\.blob\."
    r"(?:core\.windows\.net|storage\.azure\.net|core\.chinacloudapi\.cn|core\.usgovcloudapi\.net)"
)
_TABLE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]{2,62}")
# run-now is given up after at most 20 s (shared/jobs); a lease that ends earlier invites a needless second sender.
SHORTEST_LEASE = timedelta(seconds=25)


class AuthType(StrEnum):
    """How Landfall signs in to Databricks, in the words of Databricks' own unified authentication."""

    PAT = "pat"
    OAUTH_M2M = "oauth-m2m"
    AZURE_MSI = "azure-msi"
    AZURE_CLIENT_SECRET = "azure-client-secret"  # noqa: S105 - the name of a method, not a password
    AZURE_CLI = "azure-cli"


@dataclass(frozen=True, kw_only=True, slots=True)
class DatabricksSettings:
    """The workspace and our identity in it."""

    host: str  # https://adb-….azuredatabricks.net, no trailing slash
    auth_type: AuthType
    api_version: str
    token: Secret
    client_id: str
    client_secret: Secret
    azure_tenant_id: str
    azure_client_id: str
    azure_client_secret: Secret
    rate_percent: int = 50  # of the workspace's published limits, for this process

    @property
    def workspace(self) -> str:
        """Return what names the workspace in tokens: its host, without the scheme."""
        return urlsplit(self.host).netloc.lower()


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """All that the environment tells Landfall. RECONCILE_SCHEDULE is not here: the Functions host reads it."""

    databricks: DatabricksSettings
    landing: StorageConnection
    ledger: StorageConnection
    ledger_table: str
    rules_file: str
    rules_url: Secret  # may hold a shared access signature
    rules_refresh: timedelta
    dispatch_is_on: bool  # off: files are claimed, and nothing is started
    most_runs_per_hour: int  # of all rules together; 0: no limit
    dispatch_budget: timedelta
    dispatch_lease: timedelta
    reconcile_budget: timedelta
    reconcile_grace: timedelta
    reconcile_look_back: timedelta
    sweep_deep_every: timedelta
    sweep_behind: timedelta  # how far the clocks that paths are named by are behind UTC at most
    sweep_ahead: timedelta
    sweep_queue: str
    sweep_queue_above: int  # blobs of one round; 0: always
    retention: timedelta
    dead_letter_container: str  # "" where Event Grid keeps none
    dead_letters: StorageConnection
    host_storage: StorageConnection  # where the queue is
    webhook_secret: Secret  # empty: the door for Databricks' notifications is shut
    settle_interval: timedelta


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Return the settings of an environment; raises SettingsError with everything that is wrong at once."""
    reader = SettingReader(environment, _DEFAULTS)
    behind, ahead = reader.zones("SWEEP_ZONES")
    settings = Settings(
        databricks=_databricks(reader),
        landing=reader.connection("LANDING_STORAGE"),
        ledger=reader.connection("LEDGER_STORAGE"),
        ledger_table=reader.matching("LEDGER_TABLE", _TABLE_NAME, "3 to 63 letters and digits, a letter first"),
        rules_file=reader.text("RULES_FILE"),
        rules_url=reader.blob_url("RULES_URL"),
        rules_refresh=reader.duration("RULES_REFRESH"),
        dispatch_is_on=reader.matching("DISPATCH", _ON_OR_OFF, "on or off") == "on",
        most_runs_per_hour=reader.count("MOST_RUNS_PER_HOUR"),
        dispatch_budget=reader.duration("DISPATCH_BUDGET"),
        dispatch_lease=reader.duration("DISPATCH_LEASE", shortest=SHORTEST_LEASE),
        reconcile_budget=reader.duration("RECONCILE_BUDGET"),
        reconcile_grace=reader.duration("RECONCILE_GRACE", shortest=timedelta(0)),
        reconcile_look_back=reader.duration("RECONCILE_LOOK_BACK"),
        sweep_deep_every=reader.duration("SWEEP_DEEP_EVERY"),
        sweep_behind=behind,
        sweep_ahead=ahead,
        sweep_queue=reader.matching("SWEEP_QUEUE", _QUEUE_NAME, "a queue's name: 3 to 56 of a-z, 0-9 and single -"),
        sweep_queue_above=reader.count("SWEEP_QUEUE_ABOVE"),
        retention=reader.duration("LEDGER_RETENTION"),
        dead_letter_container=reader.container("DEAD_LETTER_CONTAINER"),
        dead_letters=reader.connection("DEAD_LETTER_STORAGE"),
        host_storage=reader.connection("AzureWebJobsStorage"),
        webhook_secret=reader.secret("DATABRICKS_WEBHOOK_SECRET"),
        settle_interval=reader.duration("SETTLE_INTERVAL"),
    )
    if not reader.faults:
        _check_together(settings, reader)
    if reader.faults:
        raise SettingsError("settings", reader.faults, hint="docs/settings.md explains every setting.")
    return settings


def secret_texts(environment: Mapping[str, str]) -> Iterator[str]:
    """Yield every secret that an environment holds, whether its settings are well formed or not.

    Of connection strings and of addresses that is the whole and its secret part. Azurite's key is none.
    """
    names = (*(setting.name for setting in SETTINGS if setting.secret), *_SECRETS_OF_OTHERS)
    for text in filter(None, (environment.get(name, "").strip() for name in names)):
        parts = [part.partition("=") for part in re.split("[;&?]", text)]
        secrets = {value for name, _, value in parts if name.strip() in _SECRET_PARTS}
        if EMULATOR_KEY in secrets or text.startswith("UseDevelopmentStorage"):
            continue
        yield text
        yield from secrets | {unquote(secret) for secret in secrets}


def _check_together(settings: Settings, reader: SettingReader) -> None:
    if settings.databricks.rate_percent == 0:
        reader.fault("DATABRICKS_RATE_PERCENT must be at least 1, or nothing could be asked.")
    if settings.reconcile_look_back <= settings.reconcile_grace:
        reader.fault("RECONCILE_LOOK_BACK must be longer than RECONCILE_GRACE, or the sweep looks at nothing.")
    if not _may_see_our_identity(settings):
        reader.fault("RULES_URL has no signature, and its host is not Azure Blob Storage: it would see our token.")
    # What is pruned is unknown again: a file that the sweep still looks at would run a second time.
    if settings.retention < 2 * settings.reconcile_look_back:
        reader.fault("LEDGER_RETENTION must be at least twice RECONCILE_LOOK_BACK: the sweep needs what it compares.")


def _may_see_our_identity(settings: Settings) -> bool:
    """Tell whether the rules' address may be asked as us; a signature asks as itself, and Azure's hosts are safe."""
    address = urlsplit(settings.rules_url.reveal())
    if not address.netloc or "sig=" in address.query or is_loopback(address):
        return True
    ours = settings.rules_url.reveal().startswith(f"{settings.landing.blob_endpoint}/")
    return ours or bool(_BLOB_HOST.fullmatch(address.hostname or ""))


def _databricks(reader: SettingReader) -> DatabricksSettings:
    return DatabricksSettings(
        host=reader.host("DATABRICKS_HOST"),
        auth_type=_auth_type(reader),
        api_version=reader.matching("DATABRICKS_API_VERSION", re.compile(r"2\.[12]"), "2.1 or 2.2"),
        token=reader.token("DATABRICKS_TOKEN"),
        client_id=reader.text("DATABRICKS_CLIENT_ID"),
        client_secret=reader.secret("DATABRICKS_CLIENT_SECRET"),
        azure_tenant_id=reader.text("AZURE_TENANT_ID"),
        azure_client_id=reader.text("AZURE_CLIENT_ID"),
        azure_client_secret=reader.secret("AZURE_CLIENT_SECRET"),
        rate_percent=reader.count("DATABRICKS_RATE_PERCENT"),
    )


_NEEDS = {
    AuthType.PAT: ("DATABRICKS_TOKEN",),
    AuthType.OAUTH_M2M: ("DATABRICKS_CLIENT_ID", "DATABRICKS_CLIENT_SECRET"),
    AuthType.AZURE_CLIENT_SECRET: ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"),
}


def _auth_type(reader: SettingReader) -> AuthType:
    """Return the method asked for, else the first for which the environment holds what it needs."""
    asked = reader.text("DATABRICKS_AUTH_TYPE")
    if not asked:
        for auth_type, names in _NEEDS.items():
            if all(reader.text(name) for name in names):
                return auth_type
        return AuthType.AZURE_MSI if reader.has("IDENTITY_ENDPOINT") else AuthType.AZURE_CLI
    if asked not in list(AuthType):
        reader.fault(f"DATABRICKS_AUTH_TYPE is {redacted(asked)[:80]!r}; it must be one of {', '.join(AuthType)}.")
        return AuthType.PAT
    auth_type = AuthType(asked)
    for name in _NEEDS.get(auth_type, ()):
        if not reader.text(name):
            reader.fault(f"{name} is missing: DATABRICKS_AUTH_TYPE={asked} needs it.")
    return auth_type

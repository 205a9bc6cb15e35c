"""The composition root: one service per event loop, nothing heavy before it is needed, everything closed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from localdev.azurite import Azurite
from shared import wiring
from shared.errors import RulesError, SettingsError
from shared.settings import read_settings
from tests.fakes.world import ENVIRONMENT, RULES

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return an environment with rules of its own."""
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES, encoding="utf-8")
    return {**ENVIRONMENT, "RULES_FILE": str(rules)}


async def test_service_is_built_once_per_loop(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """All doors of a worker share one service, and with it every connection."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    service = wiring.service()

    assert wiring.service() is service
    await service.close()


async def test_build_makes_no_request_and_closes_cleanly(environment: dict[str, str]) -> None:
    """A service over an account that does not exist can be built and closed."""
    service = wiring.build(environment)
    await service.close()
    await service.close()

    assert [rule.name for rule in await service.rule_book.current()] == ["crm", "erp"]


async def test_identity_is_used_where_there_is_no_key(environment: dict[str, str]) -> None:
    """An account that is named without a key is reached by identity, one for each account."""
    del environment["AzureWebJobsStorage"]
    service = wiring.build({**environment, "AzureWebJobsStorage__accountName": "acct"})
    await service.close()

    assert len(service.identities) == 1
    assert service.settings.landing.blob_endpoint == "https://acct.blob.core.windows.net"


def test_missing_settings_and_rules_are_named(environment: dict[str, str], tmp_path: Path) -> None:
    """What is missing is told with its name; rules are relative to the app's folder."""
    with pytest.raises(SettingsError):
        wiring.build({})
    with pytest.raises(RulesError, match="cannot be read: No such file"):
        wiring.build({**environment, "RULES_FILE": str(tmp_path / "nowhere.yaml")})
    assert wiring.load_rules(wiring.APP_ROOT / "rules.yaml").by_name("inbox")


def test_rules_that_are_no_text_are_refused(tmp_path: Path) -> None:
    """A file in another encoding is one clear message."""
    file = tmp_path / "rules.yaml"
    file.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(RulesError, match="it is not UTF-8 text"):
        wiring.load_rules(file)


@pytest.mark.parametrize(
    ("endpoint", "dfs_host"),
    [
        ("https://acct.blob.core.windows.net", "acct.dfs.core.windows.net"),
        ("https://acct.blob.core.chinacloudapi.cn", "acct.dfs.core.chinacloudapi.cn"),
        ("http://127.0.0.1:10000/devstoreaccount1", None),
    ],
)
def test_dfs_host_follows_from_the_blob_endpoint(endpoint: str, dfs_host: str | None) -> None:
    """Spark reads by the dfs endpoint of the same cloud; Azurite has none."""
    settings = read_settings({**ENVIRONMENT, "LANDING_STORAGE": f"AccountName=a;AccountKey=k;BlobEndpoint={endpoint}"})

    assert wiring.locations(settings.landing).dfs_host == dfs_host


@pytest.mark.azurite
def test_worker_leaves_quietly(environment: dict[str, str], azurite: Azurite) -> None:
    """A worker that ends without closing its service, as they do, logs no errors about open connections."""
    program = (
        "import asyncio\nfrom shared import wiring\n"
        "async def main():\n    service = wiring.service()\n    print(await service.bookkeeping.standings())\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**environment, "AzureWebJobsStorage": azurite.connection_string},
        capture_output=True,
        text=True,
        check=True,
    )

    assert (done.stdout, done.stderr) == ("{}\n", "")

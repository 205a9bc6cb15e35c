"""What every test starts from: an environment without settings, and the machine's time."""

from __future__ import annotations

import os
import signal

import pytest
from hypothesis import HealthCheck, settings

from shared.settings import SETTINGS
from tests.fakes.azurite_fixture import azurite  # noqa: F401 - a fixture is found by its name

# Tests share their machine with Azurite and child processes: slow generation says nothing about our code.
settings.register_profile("landfall", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("landfall")

# A shell starts what it puts into the background with Ctrl-C ignored, and every child inherits that: tests of Ctrl-C
# would wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees a setting of the machine it runs on."""
    names = {setting.name for setting in SETTINGS}
    for name in list(os.environ):
        if name in names or name.split("__")[0] in names:
            monkeypatch.delenv(name)

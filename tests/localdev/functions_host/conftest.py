"""The sample app on an embedded host, for all tests of this folder."""

from tests.localdev.functions_host.sample import host  # noqa: F401 - a fixture is found by its name

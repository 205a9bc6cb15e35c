"""What a local stack prepares, and what it tells the app."""

from __future__ import annotations

import pytest
from azure.storage.blob import BlobServiceClient

from localdev.azurite import Azurite
from localdev.functions_host import EmbeddedHost
from localdev.stack import LOCAL_SETTINGS
from localdev.stack_setup import DEAD_LETTER_CONTAINER, create_containers
from shared.containers import is_system_container
from shared.rules_file import parse_rules
from shared.wiring import APP_ROOT

RULES = 'version: 1\nrules:\n  - {name: r, path: "stack-setup/{name}", job: {id: 1}}\n'


@pytest.mark.azurite
def test_containers_are_there_before_anybody_needs_them(azurite: Azurite) -> None:
    """The landing containers, that for results and that for dead letters are made; to repeat it does no harm."""
    rules = parse_rules(RULES, "rules.yaml")
    create_containers(azurite.connection_string, rules)
    create_containers(azurite.connection_string, rules)

    with BlobServiceClient.from_connection_string(azurite.connection_string) as service:
        found = {container.name for container in service.list_containers()}
    assert {"stack-setup", "curated", DEAD_LETTER_CONTAINER} <= found


def test_no_rule_can_watch_the_dead_letters() -> None:
    """The container of dead letters is Landfall's own, in which no event starts anything."""
    assert is_system_container(DEAD_LETTER_CONTAINER)


def test_local_settings_open_every_door() -> None:
    """With what the stack sets no function of the app is in error, and its queue is looked at every second."""
    settings = {**LOCAL_SETTINGS, "AzureWebJobsStorage": "UseDevelopmentStorage=true"}

    with EmbeddedHost(APP_ROOT, settings) as host:
        problems = [function.problem for function in host.functions.values() if function.problem]
        longest = host.options.queues.max_polling_interval.total_seconds()

    assert problems == []
    assert longest == 1

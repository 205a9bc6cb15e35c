"""The sample app, its settings, and the events it is given."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localdev.functions_host import EmbeddedHost

FOLDER = Path(__file__).parent / "sample_app"
EVENTS = Path(__file__).parents[2] / "events"
SETTINGS = {
    "SAMPLE_SCHEDULE": "0 */5 * * * *",
    "SAMPLE_QUEUE": "work",
    "SampleStorage": "UseDevelopmentStorage=true",
    "SAMPLE_GREETING": "hello from the settings",
}


@pytest.fixture
def host() -> Iterator[EmbeddedHost]:
    """Yield a host of the sample app that is not started."""
    with EmbeddedHost(FOLDER, SETTINGS) as embedded:
        yield embedded


def event(name: str) -> Any:
    """Return a stored event by its file name."""
    document = json.loads((EVENTS / f"{name}.json").read_text("utf-8"))
    return document[0] if isinstance(document, list) else document

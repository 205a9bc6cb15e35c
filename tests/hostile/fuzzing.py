"""How long to fuzz: a few seconds a test, or as many times more as the environment says."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

from hypothesis import settings

_T = TypeVar("_T")
_Refusal = TypeVar("_Refusal", bound=Exception)

# `LANDFALL_FUZZ=50 pytest tests/hostile` draws fifty times as many examples.
TIMES = int(os.environ.get("LANDFALL_FUZZ", "1"))


def outcome(work: Callable[[], _T], refusal: type[_Refusal]) -> _T | _Refusal:
    """Return what some work gives, or the error of one kind that it may raise; any other is raised."""
    try:
        return work()
    except refusal as error:
        return error


def fuzzed(examples: int) -> settings:
    """Return the settings of a test that draws so many examples in an ordinary run."""
    return settings(max_examples=examples * TIMES)

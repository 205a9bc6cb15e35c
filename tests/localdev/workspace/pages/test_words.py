"""States, spans and triggers in words."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localdev.workspace.flow import outcomes
from localdev.workspace.model.request import TriggerType
from localdev.workspace.model.run import Outcome, Phase
from localdev.workspace.pages.looks import Tone, look_of
from localdev.workspace.pages.spans import machine_time, moment_words, span_words
from localdev.workspace.pages.triggers import starter_words, trigger_words
from tests.localdev.workspace.kit import START


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 ms"),
        (0.34, "340 ms"),
        (3.44, "3.4 s"),
        (59.96, "1 min"),
        (125, "2 min 5 s"),
        (3600, "1 h"),
        (3725, "1 h 2 min"),
        (86400 * 2 + 3600 * 3, "2 d 3 h"),
        (-5, "0 ms"),
    ],
)
def test_spans_have_two_units_at_most(seconds: float, words: str) -> None:
    """A reader compares them at a glance; a clock that went back counts as no time."""
    assert span_words(timedelta(seconds=seconds)) == words


@given(st.timedeltas())
def test_every_span_has_words(span: timedelta) -> None:
    """Whatever a clock did."""
    assert span_words(span)


def test_moments_are_utc_for_reader_and_machine() -> None:
    """Both say the zone."""
    assert moment_words(START) == "2026-11-22 12:00:00 UTC"
    assert machine_time(START.replace(microsecond=7_999)) == "2026-11-22T12:00:00.007Z"


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase is not Phase.ENDED])
def test_active_phases_look_active(phase: Phase) -> None:
    """None of them has the colour of an end, and each has its own words."""
    look = look_of(phase, None)

    assert look.tone in {Tone.BUSY, Tone.WAITING}
    assert look.words == phase.value.lower().replace("_for_", " to ").replace("_", " ")


@pytest.mark.parametrize(
    ("outcome", "tone", "words"),
    [
        (outcomes.SUCCEEDED, Tone.GOOD, "succeeded"),
        (outcomes.FAILED, Tone.BAD, "failed"),
        (outcomes.CANCELLED, Tone.STOPPED, "canceled"),
        (outcomes.timed_out(timedelta(seconds=1)), Tone.LATE, "timed out"),
        (outcomes.UPSTREAM_FAILED, Tone.SKIPPED, "upstream failed"),
        (outcomes.skipped(1), Tone.SKIPPED, "skipped"),
    ],
)
def test_ends_look_like_what_happened(outcome: Outcome, tone: Tone, words: str) -> None:
    """By the result, since INTERNAL_ERROR is the state of an ordinary failure."""
    look = look_of(Phase.ENDED, outcome)

    assert (look.tone, look.words) == (tone, words)


def test_new_result_is_shown_under_its_own_name() -> None:
    """https://docs.databricks.com: additional states might be introduced."""
    outcome = Outcome(life_cycle_state="TERMINATED", result_state="BRAND_NEW", code="X", type="X", message="")

    assert look_of(Phase.ENDED, outcome).words == "brand new"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "on request"),
        (
            {"schedule": {"quartz_cron_expression": "0 0 2 * * ?", "timezone_id": "Europe/Paris"}},
            "cron 0 0 2 * * ? (Europe/Paris)",
        ),
        (
            {"trigger": {"file_arrival": {"url": "/landing"}, "pause_status": "PAUSED"}},
            "files arriving at /landing, paused",
        ),
        ({"trigger": {"periodic": {"interval": 2, "unit": "HOURS"}}}, "every 2 hours"),
        ({"continuous": {"pause_status": "UNPAUSED"}}, "continuous"),
        ({"trigger": {"model": {}}}, "trigger: model"),
        ({"triggers": [{"table_update": {}}, "x"]}, "updates of tables"),
        ({"schedule": None, "trigger": "x", "triggers": {}}, "on request"),
    ],
)
def test_triggers_are_told_in_words(settings: dict[str, Any], words: str) -> None:
    """What nobody has taught the page is named, and never breaks it."""
    assert trigger_words(settings) == words


def test_every_start_has_words_of_its_own() -> None:
    """A reader sees what started a run without knowing the API's names."""
    words = {kind: starter_words(kind) for kind in TriggerType}

    assert words[TriggerType.ONE_TIME] == "a request"
    assert words[TriggerType.FILE_ARRIVAL] == "files arriving"
    assert len(set(words.values())) == len(TriggerType)

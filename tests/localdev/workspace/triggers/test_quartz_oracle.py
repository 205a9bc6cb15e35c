"""Cron expressions that nobody thought of, against real Quartz."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.localdev.workspace.triggers.quartz_oracle import QUESTIONS, Question, ask_quartz, differences, require_quartz


@pytest.fixture(scope="module", autouse=True)
def _quartz() -> None:
    require_quartz()


# Not shrunk: each try would be a Java process, and the assertion names the very questions.
@pytest.mark.proof
@settings(
    max_examples=10,
    deadline=None,
    phases=(Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example, HealthCheck.data_too_large],
)
@given(st.lists(QUESTIONS, min_size=40, max_size=100))
def test_we_answer_as_quartz_does(questions: list[Question]) -> None:
    """The same expressions are accepted, in the same words refused, and fire at the same next five times.

    A batch is one Java process; what `quartz_fields` refuses on purpose is not among the questions.
    """
    assert differences(questions, ask_quartz(questions)) == []

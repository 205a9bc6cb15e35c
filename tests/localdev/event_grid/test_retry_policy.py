"""Event Grid's patience is as Microsoft documents it."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localdev.event_grid.retry_policy import Answer, EndpointType, RetryPolicy

MINUTE, HOUR = 60, 3600
FAILED = Answer.of_status(500)
RETRIED = st.integers(100, 599).map(Answer.of_status).filter(lambda answer: RetryPolicy().retries(answer))


class NoJitter(random.Random):
    """Randomness that always draws the lowest number."""

    def uniform(self, a: float, b: float) -> float:
        """Return the lower bound."""
        return min(a, b)


def test_waits_follow_the_documented_schedule() -> None:
    """10 s, 30 s, 1 m, 5 m, 10 m, 30 m, 1 h, 3 h, 6 h, and every 12 h from then on."""
    waits = [RetryPolicy().wait(attempts, FAILED, NoJitter()) for attempts in range(1, 13)]

    assert waits[:5] == [10, 30, MINUTE, 5 * MINUTE, 10 * MINUTE]
    assert waits[5:] == [30 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, 12 * HOUR, 12 * HOUR]


@pytest.mark.parametrize(("status", "seconds"), [(404, 5 * MINUTE), (408, 2 * MINUTE), (503, 30), (429, 10), (500, 10)])
def test_some_answers_are_given_more_time(status: int, seconds: int) -> None:
    """The first retry after these comes later than the schedule says."""
    assert RetryPolicy().wait(1, Answer.of_status(status), NoJitter()) == seconds


def test_longer_step_of_the_schedule_wins() -> None:
    """The least wait of an answer does not shorten a later step."""
    assert RetryPolicy().wait(7, Answer.of_status(503), NoJitter()) == HOUR


@given(st.integers(1, 40), RETRIED, st.floats(0.001, 10), st.randoms(use_true_random=False))
def test_waits_are_random_but_never_early(
    attempts: int, answer: Answer, scale: float, randomness: random.Random
) -> None:
    """A wait is at most a tenth longer than its step, at every scale."""
    step = RetryPolicy(time_scale=scale).wait(attempts, answer, NoJitter())
    wait = RetryPolicy(time_scale=scale).wait(attempts, answer, randomness)

    assert step <= wait <= step * 1.1 + 1e-9


def test_only_200_to_204_is_success() -> None:
    """Every other answer, 2xx ones included, counts as a failure."""
    assert [status for status in range(600) if Answer.of_status(status).success] == [200, 201, 202, 203, 204]


@pytest.mark.parametrize(
    ("endpoint", "given_up"),
    [(EndpointType.WEB_HOOK, [400, 401, 403, 413]), (EndpointType.AZURE_FUNCTION, [400, 403, 413])],
)
def test_hopeless_answers_are_not_retried(endpoint: EndpointType, given_up: list[int]) -> None:
    """What says that a delivery cannot ever succeed ends it; a 401 does so for webhooks only."""
    policy = RetryPolicy(endpoint=endpoint)

    assert [status for status in range(205, 600) if not policy.retries(Answer.of_status(status))] == given_up


def test_no_answer_is_retried() -> None:
    """A time-out or a refused connection may pass."""
    assert RetryPolicy().retries(Answer(status=0, outcome="TimedOut"))


def test_scale_shortens_every_duration() -> None:
    """A hundredth of the time scale makes the day of an event 864 seconds."""
    policy = RetryPolicy(time_scale=0.01)

    assert policy.wait(1, FAILED, NoJitter()) == pytest.approx(0.1)
    assert policy.scaled(timedelta(minutes=5)) == 3
    assert [policy.expired(age) for age in (863.9, 864)] == [False, True]


def test_outcomes_are_event_grids_words() -> None:
    """A dead letter names the last outcome as Event Grid does."""
    statuses = (202, 400, 401, 403, 404, 408, 413, 429, 500, 502, 503)

    assert [Answer.of_status(status).outcome for status in statuses] == [
        "Delivered",
        "BadRequest",
        "Unauthorized",
        "Forbidden",
        "NotFound",
        "TimedOut",
        "PayloadTooLarge",
        "Busy",
        "GenericError",
        "GenericError",
        "Busy",
    ]

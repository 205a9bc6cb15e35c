"""Quartz cron expressions: what they mean, in plain rows and against what Quartz itself has answered."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from localdev.workspace.triggers.quartz import QuartzError, parse
from tests.localdev.workspace.triggers.quartz_oracle import CORPUS, Answer, Question, differences

BOTH_DAYS = "Support for specifying both a day-of-week AND a day-of-month parameter is not implemented."
PARIS = ZoneInfo("Europe/Paris")


def walls(expression: str, start: str, count: int, zone: ZoneInfo = PARIS) -> list[str]:
    """Return the next times of an expression after a local time, as the wall clock shows them."""
    quartz, moment = parse(expression), datetime.fromisoformat(start).replace(tzinfo=zone).astimezone(UTC)
    shown = []
    for _ in range(count):
        following = quartz.next_after(moment, zone)
        assert following is not None
        shown.append(following.astimezone(zone).strftime("%Y-%m-%d %a %H:%M:%S"))
        moment = following
    return shown


@pytest.mark.parametrize(
    ("expression", "times"),
    [
        ("0 0 2 * * ?", ["2026-11-24 Tue 02:00:00", "2026-11-25 Wed 02:00:00"]),
        ("0 */4 * * * ?", ["2026-11-23 Mon 12:04:00", "2026-11-23 Mon 12:08:00"]),
        ("0 0 */4 * * ?", ["2026-11-23 Mon 16:00:00", "2026-11-23 Mon 20:00:00"]),
        ("0 0 0 ? * MON", ["2026-11-30 Mon 00:00:00", "2026-12-07 Mon 00:00:00"]),
        ("0 0 9 1 * ?", ["2026-12-01 Tue 09:00:00", "2027-01-01 Fri 09:00:00"]),
        ("0 30 8-17 ? * MON-FRI", ["2026-11-23 Mon 12:30:00", "2026-11-23 Mon 13:30:00"]),
        ("0 0 12 L * ?", ["2026-11-30 Mon 12:00:00", "2026-12-31 Thu 12:00:00"]),
        ("0 0 12 L-3 * ?", ["2026-11-27 Fri 12:00:00", "2026-12-28 Mon 12:00:00"]),
        ("0 0 12 LW * ?", ["2026-11-30 Mon 12:00:00", "2026-12-31 Thu 12:00:00", "2027-01-29 Fri 12:00:00"]),
        ("0 0 12 15W * ?", ["2026-12-15 Tue 12:00:00", "2027-01-15 Fri 12:00:00", "2027-02-15 Mon 12:00:00"]),
        ("0 0 12 ? * 2#1", ["2026-12-07 Mon 12:00:00", "2027-01-04 Mon 12:00:00"]),
        ("0 0 12 ? * 6L", ["2026-11-27 Fri 12:00:00", "2026-12-25 Fri 12:00:00"]),
        ("0 0 22-2 * * ?", ["2026-11-23 Mon 22:00:00", "2026-11-23 Mon 23:00:00", "2026-11-24 Tue 00:00:00"]),
        ("0 0 6 ? * FRI-MON", ["2026-11-27 Fri 06:00:00", "2026-11-28 Sat 06:00:00", "2026-11-29 Sun 06:00:00"]),
        ("0 0 6 29 2 ? 2028", ["2028-02-29 Tue 06:00:00"]),
        ("0 /20 13 * * ?", ["2026-11-23 Mon 13:00:00", "2026-11-23 Mon 13:20:00"]),
    ],
)
def test_expression_fires_when_quartz_fires(expression: str, times: list[str]) -> None:
    """Sunday is day 1, steps begin at the least value, ranges go round, and L, W and # mean what Quartz says."""
    assert walls(expression, "2026-11-23 12:00:00", len(times)) == times


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("0 0 0 * * MON", BOTH_DAYS),
        ("0 30 8-17 * * MON-FRI", BOTH_DAYS),
        ("0 0 0 * *", "Unexpected end of expression."),
        ("", "Unexpected end of expression."),
        ("0 0 0 ? * ?", "'?' can only be specified for Day-of-Month -OR- Day-of-Week."),
        ("0 */90 * * * ?", "Increment > 60 : 90"),
        ("0 0 24 * * ?", "Hour values must be between 0 and 23"),
        ("0 0 0 ? * 0", "Day-of-Week values must be between 1 and 7"),
        ("0 0 0 ? * MON#6", "A numeric value between 1 and 5 must follow the '#' option"),
        ("0 0 0 L,3 * ?", "Support for specifying 'L' and 'LW' with other days of the month is not implemented"),
        ("0 0 0 1 FOO ?", "Invalid Month value: 'FOO'"),
    ],
)
def test_refusal_has_the_words_of_quartz(expression: str, message: str) -> None:
    """Whoever searches for the message finds what others wrote about it."""
    with pytest.raises(QuartzError) as refused:
        parse(expression)

    assert refused.value.message == message


def test_refusal_says_where() -> None:
    """The position is that of the item in the expression, not in its field."""
    with pytest.raises(QuartzError) as refused:
        parse("0 0  6,7,25 * * ?")

    assert refused.value.position == len("0 0  6,7,")


@pytest.mark.parametrize(
    "expression",
    ["0 99 * * * ?", "0 0 0 98 * MON", "0 0 0 0W * ?", "0 0 0 ? * 8#1", "0 0 0 1 L ?", "L 0 0 1 * ?", "0 0 0 1 * ? 99"],
)
def test_accidents_of_quartz_are_refused(expression: str) -> None:
    """Quartz takes these and does what nobody means, or fails or hangs when it fires: here we are stricter."""
    with pytest.raises(QuartzError):
        parse(expression)


def test_time_left_out_in_spring_does_not_fire() -> None:
    """On the day that has no 02:00 the daily job does not run at all."""
    assert walls("0 0 2 * * ?", "2027-03-26 12:00:00", 3) == [
        "2027-03-27 Sat 02:00:00",
        "2027-03-29 Mon 02:00:00",
        "2027-03-30 Tue 02:00:00",
    ]


def test_time_repeated_in_autumn_fires_once() -> None:
    """Hourly and daily jobs alike run in one of the two hours from 02:00 to 03:00: the second one."""
    quartz = parse("0 0/30 * * * ?")
    moment = datetime(2027, 10, 30, 23, 30, tzinfo=UTC)
    times: list[str] = []
    while len(times) < 4:
        moment = quartz.next_after(moment, PARIS) or moment
        times.append(moment.strftime("%H:%M"))

    assert times == ["01:00", "01:30", "02:00", "02:30"]
    assert walls("0 30 2 * * ?", "2027-10-30 12:00:00", 2) == ["2027-10-31 Sun 02:30:00", "2027-11-01 Mon 02:30:00"]


def test_expression_that_has_no_more_times_says_so() -> None:
    """A year that is over, or a day that never comes, is no error and no time."""
    moment = datetime(2026, 11, 23, tzinfo=UTC)

    assert parse("0 0 0 1 1 ? 2020").next_after(moment, PARIS) is None
    assert parse("0 0 0 30 2 ?").next_after(moment, PARIS) is None


def test_fractions_of_a_second_are_cut_off() -> None:
    """The next time is after the moment's whole second, and a whole second itself."""
    moment = datetime(2026, 11, 23, 12, 0, 0, 999_999, tzinfo=UTC)

    assert parse("* * * * * ?").next_after(moment, UTC) == datetime(2026, 11, 23, 12, 0, 1, tzinfo=UTC)


def test_recorded_answers_of_quartz_are_ours() -> None:
    """What real Quartz answered once to hundreds of expressions holds here, also without Java."""
    rows = json.loads(CORPUS.read_text(encoding="utf-8"))["rows"]
    questions = [Question(**row["question"]) for row in rows]
    answers = [Answer(row["answer"]["kind"], tuple(row["answer"]["times"]), row["answer"]["message"]) for row in rows]

    assert len(rows) >= 400
    assert sum(answer.kind == "times" for answer in answers) >= 200
    assert differences(questions, answers) == []

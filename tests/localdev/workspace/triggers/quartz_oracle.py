"""Quartz itself as the judge of our cron expressions: real Java, run for a batch of questions.

On Debian: `apt-get install -y --no-install-recommends openjdk-17-jdk-headless libquartz2-java libslf4j-java`.

`python -m tests.localdev.workspace.triggers.quartz_oracle` asks it anew for quartz_corpus.json.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import strategies as st

from localdev.workspace.triggers.quartz import QuartzError, parse

PROGRAM = Path(__file__).parent / "oracle" / "QuartzOracle.java"
CORPUS = Path(__file__).parent / "quartz_corpus.json"
JARS = (Path("/usr/share/java/quartz2.jar"), Path("/usr/share/java/slf4j-api.jar"))
TIMES = 5
# Ordinary ones, one without summer time, one whose summer is the southern one and begins at midnight, one that moves
# by half an hour, and one whose winter time is the odd one.
ZONES = (
    "UTC",
    "Europe/Paris",
    "America/New_York",
    "Asia/Kolkata",
    "America/Santiago",
    "Australia/Lord_Howe",
    "Europe/Dublin",
)


@dataclass(frozen=True, slots=True)
class Question:
    """When does an expression fire, after a moment (seconds since 1970), in a zone?"""

    moment: int
    zone: str
    expression: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The next times (seconds since 1970), or why there are none; `broken` is accepted, and fails when asked."""

    kind: str  # "times", "refused" or "broken"
    times: tuple[int, ...] = ()
    message: str = ""


def require_quartz() -> None:
    """Skip on a laptop without Java or the jar, and fail where CI is set: a skip there would be a hole."""
    missing = [str(path) for path in JARS if not path.exists()]
    if shutil.which("java") is None or missing:
        _do_without(f"{' and '.join(missing)} is not there" if missing else "Java is not there")


def ask_quartz(questions: Sequence[Question]) -> list[Answer]:
    """Return Quartz's answers, in order."""
    java = shutil.which("java")
    lines = "".join(f"{each.moment}\t{each.zone}\t{TIMES}\t{each.expression}\n" for each in questions)
    done = subprocess.run(
        [java or "java", "-XX:TieredStopAtLevel=1", "-cp", os.pathsep.join(map(str, JARS)), str(PROGRAM)],
        input=lines,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        encoding="utf-8",
    )
    answers = [_answer(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(questions), done.stderr
    return answers


def ask_us(question: Question) -> Answer:
    """Return our answer."""
    try:
        quartz = parse(question.expression)
    except QuartzError as error:
        return Answer("refused", message=error.message)
    times: list[int] = []
    moment: datetime | None = datetime.fromtimestamp(question.moment, UTC)
    for _ in range(TIMES):
        moment = quartz.next_after(moment, ZoneInfo(question.zone)) if moment else None
        if moment is None:
            break
        times.append(int(moment.timestamp()))
    return Answer("times", times=tuple(times))


def differences(questions: Sequence[Question], theirs: Sequence[Answer]) -> list[tuple[Question, Answer, Answer]]:
    """Return the questions that we answer otherwise than Quartz, with its answer and ours."""
    pairs = [(question, answer, ask_us(question)) for question, answer in zip(questions, theirs, strict=True)]
    return [pair for pair in pairs if not _agree(pair[1], pair[2])]


def _agree(theirs: Answer, ours: Answer) -> bool:
    """Tell whether two answers mean the same; where Quartz names a Java exception, our words are our own."""
    if theirs.kind == "times":
        return ours == theirs
    if ours.kind != "refused":
        return False
    if theirs.kind == "broken" or theirs.message.startswith("Illegal cron expression format"):
        return ours.message.startswith("Illegal cron expression format")
    return ours.message == theirs.message.split(" (pos=")[0]


def _answer(line: str) -> Answer:
    kind, _, rest = line.partition("\t")
    if kind == "times":
        return Answer(kind, times=tuple(int(each) for each in rest.split(",") if each))
    return Answer(kind, message=rest)


def _do_without(reason: str) -> None:
    text = f"{reason}: apt-get install openjdk-17-jdk-headless libquartz2-java libslf4j-java"
    if os.environ.get("CI"):
        pytest.fail(text, pytrace=False)
    pytest.skip(text)


def _numbers(least: int, most: int) -> st.SearchStrategy[str]:
    return st.integers(least, most).map(str)


def _items(least: int, most: int, names: Sequence[str] = ()) -> st.SearchStrategy[str]:
    number = _numbers(least, most)
    step = _numbers(0, most + 3)
    forms = [
        number,
        st.builds("{}-{}".format, number, number),
        st.builds("{}-{}/{}".format, number, number, step),
        st.builds("{}/{}".format, number, step),
        st.builds("*/{}".format, step),
        st.builds("/{}".format, step),
    ]
    if names:
        name = st.sampled_from(names)
        forms += [name, st.builds("{}-{}".format, name, name), name.map(str.lower)]
    return st.one_of(forms)


def _fields(least: int, most: int, names: Sequence[str] = ()) -> st.SearchStrategy[str]:
    lists = st.lists(_items(least, most, names), min_size=1, max_size=3).map(",".join)
    return st.one_of(st.just("*"), _numbers(least, most), lists)


_DAY_NAMES = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_MONTH_NAMES = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_SPECIAL_DAYS = st.one_of(
    st.sampled_from(("L", "LW", "L-W", "31W", "1W", "L-0", "L-30", "L-31")),
    st.builds("L-{}".format, st.integers(0, 31)),
    st.builds("L-{}W".format, st.integers(0, 26)),  # with 28 and more Quartz itself never comes back
    st.builds("{}W".format, st.integers(1, 33)),
)
_SPECIAL_WEEKDAYS = st.one_of(
    st.just("L"),
    st.builds("{}L".format, st.integers(0, 8)),
    st.builds("{}L".format, st.sampled_from(_DAY_NAMES)),
    st.builds("{}#{}".format, st.integers(1, 7), st.integers(0, 6)),
    st.builds("{}#{}".format, st.sampled_from(_DAY_NAMES), st.integers(0, 6)),
    st.builds("{},{}#{}".format, st.integers(1, 7), st.integers(1, 7), st.integers(1, 5)),
)
_SECONDS = st.one_of(st.just("0"), _fields(0, 59))
_CLOCK = st.tuples(_SECONDS, _fields(0, 59), _fields(0, 23))
_MONTHS = st.one_of(st.just("*"), _fields(1, 12, _MONTH_NAMES))
_DAYS = st.one_of(
    st.tuples(st.one_of(_fields(1, 31), _SPECIAL_DAYS), _MONTHS, st.just("?")),
    st.tuples(st.just("?"), _MONTHS, st.one_of(_fields(1, 7, _DAY_NAMES), _SPECIAL_WEEKDAYS)),
)
_YEARS = st.one_of(
    st.just(()), st.tuples(st.one_of(st.just("*"), _numbers(2024, 2040), st.sampled_from(("2026-2030", "2025/3"))))
)
WELL_MEANT = st.builds(lambda clock, days, years: " ".join((*clock, *days, *years)), _CLOCK, _DAYS, _YEARS)
# Anything made of what expressions are made of: mostly refused, and by the same words. Of 98 and 99, 0W, 0#1 and 8#1
# our reader says why we part from Quartz.
_SCRAPS = st.text("0123456789*/,-?LW#ABEFIJMNORSTU+", min_size=1, max_size=6).filter(
    lambda text: not any(part in text for part in ("98", "99", "0W", "0#", "8#", "9#")) and "W" not in text[:1]
)
ILL_MEANT = st.lists(st.one_of(_SCRAPS, st.just("*"), st.just("?"), _items(0, 60, _DAY_NAMES)), max_size=8).map(
    " ".join
)
MOMENTS = st.one_of(
    st.integers(1_767_225_600, 1_861_920_000),  # 2026 to 2028
    # around the changes of clocks: Paris, New York, Santiago, Lord Howe
    st.builds(
        int.__add__,
        st.sampled_from(
            (1_806_192_000, 1_824_336_000, 1_804_921_200, 1_825_480_800, 1_806_804_000, 1_822_132_800, 1_806_764_400)
        ),
        st.integers(-90_000, 90_000),
    ),
)
QUESTIONS = st.builds(Question, MOMENTS, st.sampled_from(ZONES), st.one_of(WELL_MEANT, WELL_MEANT, ILL_MEANT))


def record() -> None:
    """Ask Quartz about the corpus's questions, and about new ones until there are 400."""
    known = json.loads(CORPUS.read_text(encoding="utf-8"))["rows"] if CORPUS.exists() else []
    questions = [Question(**row["question"]) for row in known]
    source = random.Random(232)
    while len(questions) < 400:
        expression = source.choice((WELL_MEANT, WELL_MEANT, WELL_MEANT, ILL_MEANT)).example()
        questions.append(Question(MOMENTS.example(), source.choice(ZONES), expression))
    rows = [
        {"question": asdict(question), "answer": asdict(answer)}
        for question, answer in zip(questions, ask_quartz(questions), strict=True)
    ]
    made = "Quartz 2.3.2 (Debian's libquartz2-java 2.3.2-4) on OpenJDK 17, by quartz_oracle.py"
    text = json.dumps({"made by": made, "rows": rows}, indent=None, separators=(",", ":")).replace(
        '{"question"', '\n{"question"'
    )
    CORPUS.write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    record()

"""Rule sets of any size and the paths that come for them, the rule that each path is for known from how it was made.

Numbers in the templates are different for all rules, so that no two rules match the same path.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from shared.model import Arrival, Source

PATHS = 20_000
MISSES = 0.1  # of all paths: half of them nearly match a rule, half come from somewhere else altogether
_NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)

Captured = dict[str, str]
# Takes a source of chance and a rule's number; returns a path that the rule matches, and what it captures.
_Make = Callable[[random.Random, int], tuple[str, Captured]]


@dataclass(frozen=True, slots=True)
class Kind:
    """Rules alike: their template, and how to make a path for the one with a number."""

    share: int  # per cent of the rules
    template: str  # `#` stands for the number
    make: _Make


@dataclass(frozen=True, slots=True)
class Mix:
    """Kinds of rules that together stand for a way in which people lay out their files."""

    name: str
    says: str
    kinds: Sequence[Kind]


@dataclass(frozen=True, slots=True)
class Case:
    """An arrival, and the number of the rule that is for it (None: no rule is) with what that captures."""

    arrival: Arrival
    rule: int | None
    captured: Captured


@dataclass(frozen=True, slots=True)
class Workload:
    """The rules of a mix as templates, in the order of the file, and arrivals."""

    templates: Sequence[str]
    cases: Sequence[Case]


def workload(mix: Mix, count: int, seed: int = 20261122) -> Workload:
    """Return `count` rules of a mix and the arrivals for them; the same for the same seed."""
    chance = random.Random(seed)  # noqa: S311 - a benchmark repeats itself
    kinds = _kinds_in_order(mix, count, chance)
    templates = [kind.template.replace("#", f"{number:06}") for number, kind in enumerate(kinds)]
    return Workload(templates, [_case(kinds, chance) for _ in range(PATHS)])


def _kinds_in_order(mix: Mix, count: int, chance: random.Random) -> list[Kind]:
    dealt = [kind for kind in mix.kinds for _ in range(kind.share)]
    chance.shuffle(dealt)
    return [dealt[number % len(dealt)] for number in range(count)]


def _case(kinds: Sequence[Kind], chance: random.Random) -> Case:
    number = chance.randrange(len(kinds))
    path, captured = kinds[number].make(chance, number)
    if chance.random() >= MISSES:
        return Case(_arrival(path), number, captured)
    if chance.random() < 0.5:
        return Case(_arrival(f"{path}.tmp~"), None, {})
    return Case(_arrival(f"elsewhere/{_word(chance)}/{_day(chance)}/{_word(chance)}.bin"), None, {})


def _arrival(full_path: str) -> Arrival:
    container, _, path = full_path.partition("/")
    return Arrival(
        account="account", container=container, path=path, version="0x8", committed_at=_NOON, source=Source.EVENT
    )


def _word(chance: random.Random) -> str:
    return chance.choice(("orders", "customers", "returns", "stock", "prices", "eu", "us", "crm", "erp", "part"))


def _day(chance: random.Random) -> str:
    return f"2026-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}"


def _plain(path: str) -> _Make:
    """Return what makes paths without captures: `#` the rule's number, `@` a word, `=` a day."""

    def make(chance: random.Random, number: int) -> tuple[str, Captured]:
        made = path.replace("#", f"{number:06}").replace("=", _day(chance))
        while "@" in made:
            made = made.replace("@", _word(chance), 1)
        return made, {}

    return make


def _folder_captures(chance: random.Random, number: int) -> tuple[str, Captured]:
    captured = {"area": _word(chance), "name": _word(chance)}
    return f"landing/source_{number:06}/{captured['area']}/{captured['name']}.csv", captured


def _name_captures(chance: random.Random, number: int) -> tuple[str, Captured]:
    captured = {"area": _word(chance), "part": str(chance.randrange(10_000))}
    return f"landing/{captured['area']}/orders{number:06}_{captured['part']}.csv", captured


def _daily(chance: random.Random, number: int) -> tuple[str, Captured]:
    captured = {"source": chance.choice(("crm", "erp", "sap")), "date": _day(chance), "name": _word(chance)}
    return f"landing/{captured['source']}/feed_{number:06}/{captured['date']}/{captured['name']}.csv", captured


def _hourly(chance: random.Random, number: int) -> tuple[str, Captured]:
    captured = {"date": _day(chance).replace("-", "/"), "hour": f"{chance.randrange(24):02}"}
    captured["part"] = str(chance.randrange(1_000))
    return (
        f"landing/feed_{number:06}/{captured['date']}/{captured['hour']}/part-{captured['part']}.parquet",
        captured,
    )


def _dated_name(chance: random.Random, number: int) -> tuple[str, Captured]:
    captured = {"region": _word(chance), "date": _day(chance).replace("-", "")}
    return f"landing/{captured['region']}/feed_{number:06}_{captured['date']}.csv", captured


MIXES = (
    Mix(
        "folders",
        "literal first segments with some captures, `**` and leading wildcards",
        (
            Kind(60, "landing/source_#/*/orders_*.csv", _plain("landing/source_#/=/orders_@.csv")),
            Kind(15, "landing/source_#/{area}/{name}.csv", _folder_captures),
            Kind(10, "raw/source_#/**/*.json", _plain("raw/source_#/@/=/@.json")),
            Kind(5, "*/source_#/export/*.xml", _plain("landing/source_#/export/@.xml")),
            Kind(5, "**/source_#_manifest_*.txt", _plain("raw/@/source_#_manifest_@.txt")),
            Kind(5, "landing/exact/file_#.csv", _plain("landing/exact/file_#.csv")),
        ),
    ),
    Mix(
        "names",
        "literals only inside segments",
        (
            Kind(40, "landing/{area}/orders#_{part:int}.csv", _name_captures),
            Kind(30, "**/*_k#_*.csv", _plain("landing/@/@_k#_@.csv")),
            Kind(20, "landing/*/*-#.json", _plain("landing/@/@-#.json")),
            Kind(10, "landing/*/export#*.csv", _plain("landing/@/export#-@.csv")),
        ),
    ),
    Mix(
        "hot",
        "one hot container with captures and dates",
        (
            Kind(50, "landing/{source:crm|erp|sap}/feed_#/{date:%Y-%m-%d}/{name}.csv", _daily),
            Kind(30, "landing/feed_#/{date:%Y/%m/%d}/{hour:%H}/part-{part:int}.parquet", _hourly),
            Kind(20, "landing/{region}/feed_#_{date:%Y%m%d}.csv", _dated_name),
        ),
    ),
)

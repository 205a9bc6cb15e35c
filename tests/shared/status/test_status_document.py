"""docs/operations.md lists the keys of the status: all of them and no others."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from cli.status.wording import SWEEP_COUNTS
from tests.fakes.world import World

ROOT = Path(__file__).parents[3]
FIGURES = "The figures of a rule, and of all together"


def documented(heading: str) -> set[str]:
    """Return the keys in the table below a heading of the status."""
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    (_, found) = text.split(f"\n### {heading}\n")
    return set(re.findall(r"^\| `(\w+)`", re.split(r"\n##", found)[0], re.MULTILINE))


@pytest.fixture
async def answer() -> dict[str, Any]:
    """Return the status after a pass."""
    world = World()
    world.landing.upload("landing/crm/lost.csv")
    await world.reconciler.run()
    return (await world.status.read()).as_json()


def test_every_key_of_the_document_is_documented(answer: dict[str, Any]) -> None:
    """A monitor is written from the table."""
    assert documented("The document") == set(answer)


def test_every_figure_is_documented(answer: dict[str, Any]) -> None:
    """The totals have the figures that rules have, and nothing else."""
    assert documented(FIGURES) == set(answer["totals"])


def test_every_key_of_a_rule_is_documented(answer: dict[str, Any]) -> None:
    """What a rule has beside its figures has a table of its own."""
    assert documented(FIGURES) | documented("Only of a rule") == set(answer["rules"][0])


def test_every_key_of_the_last_pass_is_documented(answer: dict[str, Any]) -> None:
    """What a pass leaves as its heartbeat is for readers, too."""
    assert documented("The last pass") == set(answer["last_pass"])


def test_every_count_of_a_sweep_is_documented(answer: dict[str, Any]) -> None:
    """Each way in which a sweep passes a blob over has its reason in words, in the document and on the screen."""
    sources = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "shared" / "sweep").glob("*.py"))
    counted = set(re.findall(r"""\.(?:count|leave)\([\w.]+, "(\w+)\"""", sources))

    assert documented("What a sweep counts of a rule") == {*SWEEP_COUNTS, "complete"}
    assert counted
    assert counted <= SWEEP_COUNTS.keys()
    assert answer["rules"][0]["last_sweep"].keys() <= {*SWEEP_COUNTS, "complete"}


def test_alerts_name_figures_that_exist(answer: dict[str, Any]) -> None:
    """Nobody sets an alert on a figure that is never there."""
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8").split("\n## What to alert on\n")[1]
    figures = re.findall(r"^\| `([\w.\[\]]+)`", text.split("\n## ")[0], re.MULTILINE)

    assert len(figures) >= 5
    for figure in figures:
        value: Any = answer
        for key in figure.replace("[]", ".0").split("."):
            value = value[int(key)] if isinstance(value, list) else value[key]

"""`landfall status`: what a person reads at three in the morning."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from typer.testing import CliRunner

from cli import output
from cli.__main__ import app
from cli.status import command, overview
from cli.status.detail import show_rule
from cli.status.overview import show_overview
from cli.status.wording import length, percent, share, short
from shared.ledger import Breaker, Indexed, Marker, Standing
from shared.model import Source, State
from shared.rule_book import RulesStanding
from shared.status import Counts, MissedEvents, RuleStatus, Status
from tests.fakes.manual_clock import START as NOW

WINDOW = timedelta(hours=24)
LONGEST_NAME = "a-rule-with-the-longest-name-that-a-rules-file-can-give-to-it-0"
PASS: dict[str, Any] = {
    "started_at": (NOW - timedelta(seconds=42)).isoformat(),
    "seconds": 3.21,
    "due": 12,
    "redriven": {"submitted": 3},
    "settled": {"settled": 8},
    "dead_letters": None,
    "rounds": [
        {
            "kind": "deep",
            "shards": 400,
            "done": 120,
            "shared": True,
            "listed": 1234567,
            "started_at": (NOW - timedelta(hours=3)).isoformat(),
            "finished_at": None,
        }
    ],
    "failures": [],
}


def counts(*, events: int = 0, missed: int = 0, dead: int = 0) -> Counts:
    """Return counts of files that landed ten minutes ago."""
    found = Counts(NOW, NOW - WINDOW)
    sources = [Source.EVENT] * events + [Source.SWEEP] * missed
    for number, source in enumerate(sources):
        committed_at = NOW - timedelta(minutes=10)
        lag = timedelta(seconds=2 if source is Source.EVENT else 400)
        found.add(
            Indexed(
                partition="p",
                key="k",
                committed_at=committed_at,
                source=source,
                outcome="dead" if number < dead else "succeeded",
                claimed_at=committed_at + lag,
            )
        )
    return found


def rule(name: str = "crm", of: Counts | None = None, **changes: Any) -> RuleStatus:
    """Return a healthy rule."""
    known: dict[str, Any] = {
        "rule": name,
        "ledger_name": name,
        "renamed_from": (),
        "active": True,
        "enabled": True,
        "counts": of or counts(),
        "standing": Standing(rule=name, baseline=NOW - timedelta(days=9), low_watermark=NOW - timedelta(minutes=16)),
        "breaker": None,
        "last_sweep": None,
        "last_deep_sweep": None,
    }
    return RuleStatus(**{**known, **changes})


def status(*rules: RuleStatus, last_pass: Mapping[str, Any] | None = PASS, problem: str = "") -> Status:
    """Return the status of these rules."""
    standing = RulesStanding(source="rules.yaml", problem=problem)
    return Status(at=NOW, since=NOW - WINDOW, rules=rules, last_pass=last_pass, rules_standing=standing)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Console:
    """Return a terminal of 120 columns without colours; tests may change its width."""
    console = Console(width=120, highlight=False, record=True, no_color=True)
    monkeypatch.setattr(output, "out", console)
    monkeypatch.setattr(overview, "out", console)
    return console


def row_of(text: str, name: str) -> list[str]:
    """Return the cells of a rule's row."""
    (line,) = [line for line in text.splitlines() if line.strip().startswith(f"{name} ")][:1]
    return line.split()


def test_row_tells_the_figures_of_a_rule(terminal: Console) -> None:
    """Open, running, failed, dead, missed in three windows, lags, proof: one line."""
    found = counts(events=97, missed=3, dead=1)
    found.add_open(Marker(partition="p", key="k", state=State.SUBMITTED, due_at=NOW, claimed_at=NOW))
    show_overview(status(rule(of=found)), "24h")

    missed = ["3", "3.0%"]
    assert row_of(terminal.export_text(), "crm") == [
        *("crm", "1", "1", "0", "1"),
        *(missed * 3),
        *("2.0s/2.0s", "7m/7m", "16m", "ago"),
    ]


def test_ten_usual_rules_fit_into_120_columns(terminal: Console) -> None:
    """Names of up to 27 characters and six-digit counts are not folded."""
    names = [f"iot-telemetry-europe-west-{number}" for number in range(9)] + ["sap"]
    show_overview(status(*(rule(name, counts(events=50, missed=40)) for name in names)), "24h")

    text = terminal.export_text()
    assert all(row_of(text, name)[0] == name for name in names)
    assert max(cell_len(line) for line in text.splitlines()) <= 120


@pytest.mark.parametrize("width", [80, 120])
def test_longest_name_keeps_the_figures_in_sight(terminal: Console, width: int) -> None:
    """A name of 63 characters is folded in its column, and no figure is cut; a narrow terminal goes without lags."""
    terminal.width = width
    show_overview(status(rule(LONGEST_NAME, counts(events=97, missed=3))), "24h")

    text = terminal.export_text()
    table = text[: text.index("Proven complete")]
    assert LONGEST_NAME in "".join(line.split()[0] for line in table.splitlines()[4:] if line.strip())
    assert max(cell_len(line) for line in table.splitlines()) <= width
    assert "16m ago" in table
    assert ("2.0s/2.0s" in table) is (width == 120)


def test_totals_stand_below_several_rules(terminal: Console) -> None:
    """One rule needs no totals; of several the last line adds up, and its proof is the earliest."""
    older = Standing(rule="erp", baseline=NOW, low_watermark=NOW - timedelta(hours=5))
    show_overview(status(rule(of=counts(events=1)), rule("erp", counts(missed=1), standing=older)), "24h")

    text = terminal.export_text()
    assert row_of(text, "(all)")[5:7] == ["1", "50%"]
    assert row_of(text, "(all)")[-2:] == ["5h", "ago"]
    assert "Proven complete up to 2026-11-22 07:00:00 UTC, 5 h ago." in text


def test_no_rules_are_said_to_be_none(terminal: Console, capsys: pytest.CaptureFixture[str]) -> None:
    """An empty table would look like a healthy one."""
    show_overview(status(last_pass=None, problem="rules.yaml:3:1: no rule"), "24h")

    text = terminal.export_text()
    assert "No rules are in force" in text
    assert "No reconcile pass yet: is the timer running?" in text
    assert "rules.yaml:3:1: no rule" in capsys.readouterr().err


def test_what_needs_a_person_is_said_below(terminal: Console) -> None:
    """A tripped breaker, a rule without proof, a rule that is gone or disabled: a line each."""
    tripped = Breaker(rule="crm", reason="Job 7 does not exist.", until=NOW, trips=1)
    rules = (
        rule(breaker=tripped, renamed_from=("clients",)),
        rule("new", standing=None),
        rule("old", active=False, enabled=False),
        rule("off", enabled=False),
    )
    show_overview(status(*rules), "24h")

    text = terminal.export_text()
    assert "crm waits for: Job 7 does not exist." in text
    assert "crm was called clients before." in text
    assert "Nothing proven yet: new." in text
    assert "old is no longer in the rules." in text
    assert "off is disabled" in text


def test_last_pass_is_told_with_all_that_it_counted(terminal: Console) -> None:
    """Counts that this version does not know by name are shown under their own."""
    last = {**PASS, "orphans_found": 3, "pruned": {"entries": 2000, "heads": 0}, "failures": ["sweep: HTTP 403 [red]"]}
    show_overview(status(rule(), last_pass=last), "24h")

    lines = terminal.export_text().splitlines()
    said = (
        "Last pass 42 s ago; took 3.2 s; due 12; redriven: 3 submitted; settled 8; orphans found 3; "
        "pruned: 2,000 entries"
    )
    assert said in lines
    round_ = (
        "  Deep sweep: 120 of 400 shards, 1,234,567 blobs listed, shared over the queue, started 3 h ago, not finished"
    )
    assert round_ in lines
    assert lines[-2:] == ["1 step failed:", "  sweep: HTTP 403 [red]"]


@pytest.mark.parametrize("last_pass", [{}, {"too_long": True}, {"started_at": NOW.isoformat(), "rounds": [{}]}])
def test_pass_of_another_version_is_shown_as_far_as_it_tells(terminal: Console, last_pass: dict[str, Any]) -> None:
    """A summary with fewer keys must not hide the rules."""
    show_overview(status(rule(), last_pass=last_pass), "24h")

    assert "Last pass" in terminal.export_text()


def test_one_rule_is_shown_whole(terminal: Console) -> None:
    """Every count of its last sweep has its meaning beside it, and each lag its maximum."""
    sweep = {"listed": 12345, "missed": 4, "gone": 2, "new_reason": 1, "pages": 3, "complete": False}
    found = rule(of=counts(events=3, missed=1), last_sweep=sweep, renamed_from=("clients",))
    show_rule(status(found), found, "24h")

    lines = [" ".join(line.split()) for line in terminal.export_text().splitlines()]
    for line in (
        "called before clients",
        "proven complete up to 2026-11-22 11:44:00 UTC, 16 min ago",
        "of 7d 1 of 4 (25%)",
        "by event p50 2.0 s, p95 2.0 s, at most 2.0 s (3 files)",
        "by sweep p50 7 min, p95 7 min, at most 7 min (1 file)",
        "The last pass's quick sweep (NOT complete: it proves nothing)",
        "listed 12,345 blobs looked at",
        "gone 2 skipped: gone when they were looked at",
        "new reason 1",
    ):
        assert line in lines


def test_hostile_text_is_shown_and_not_obeyed(terminal: Console) -> None:
    """What Databricks or a blob's name says cannot colour the screen, hide a line or start one."""
    hostile = "\x1b[31m[red]x[/red]\u202e\nLast pass 0 s ago"
    tripped = Breaker(rule="crm", reason=hostile, until=NOW, trips=1)
    found = rule(breaker=tripped)
    show_overview(status(found, last_pass={**PASS, "failures": [hostile]}), "24h")
    show_rule(status(found), found, "24h")

    text = terminal.export_text()
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "[red]x[/red]" in text
    assert not [line for line in text.splitlines() if line.startswith("Last pass 0 s ago")]


@pytest.fixture
def two_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the command find two rules, one of which was renamed."""

    async def read(window: timedelta) -> Status:
        assert window == WINDOW
        return status(rule("customers", renamed_from=("crm",)), rule("erp", counts(missed=1)))

    monkeypatch.setattr(command, "_read", read)


@pytest.mark.usefixtures("two_rules")
@pytest.mark.parametrize("name", ["customers", "crm"])
def test_rule_is_found_by_any_of_its_names(name: str) -> None:
    """A person may remember what a rule was called; JSON then holds that rule and its own totals."""
    result = CliRunner().invoke(app, ["status", "--rule", name, "--json"])

    document = json.loads(result.output)
    assert [found["rule"] for found in document["rules"]] == ["customers"]
    assert document["totals"]["missed"] == 0


@pytest.mark.usefixtures("two_rules")
def test_json_is_the_whole_document() -> None:
    """Scripts get what GET /api/status answers."""
    document = json.loads(CliRunner().invoke(app, ["status", "--json"]).output)

    assert [found["rule"] for found in document["rules"]] == ["customers", "erp"]
    assert document["totals"]["missed_events"]["1h"] == {"missed": 1, "arrivals": 1, "rate": 1.0}


@pytest.mark.usefixtures("two_rules")
def test_unknown_rule_says_which_there_are() -> None:
    """A typing mistake is answered with the nearest name."""
    result = CliRunner().invoke(app, ["status", "--rule", "costumers"])

    assert result.exit_code == 2
    assert "`customers`?" in " ".join(result.output.replace("│", " ").split())


@given(st.integers(1, 10**7), st.integers(0, 10**7))
def test_some_is_never_shown_as_none_nor_as_all(missed: int, announced: int) -> None:
    """A rounded share does not hide the only missed event, nor the only one that was announced."""
    shown = percent(missed / (missed + announced))

    assert shown not in {"0%", "0.0%"}
    assert (shown == "100%") is (announced == 0)
    assert len(shown) <= 5


def test_nothing_arrived_is_not_nothing_missed() -> None:
    """A rate needs arrivals."""
    assert share(MissedEvents(since=NOW)) == "-"
    assert share(MissedEvents(since=NOW, missed=0, arrivals=5)) == "0"
    assert share(MissedEvents(since=NOW, missed=1, arrivals=3000)) == "1 <0.1%"


@pytest.mark.parametrize(
    ("seconds", "few", "many"),
    [
        (0.04, "0.0s", "0.0 s"),
        (9.94, "9.9s", "9.9 s"),
        (9.96, "10s", "10 s"),
        (119.0, "119s", "119 s"),
        (120.0, "2m", "2 min"),
        (7200.0, "2h", "2 h"),
        (10.0 * 86400, "10d", "10 d"),
        (None, "-", "-"),
    ],
)
def test_lengths_of_time_are_short(seconds: float | None, few: str, many: str) -> None:
    """Two digits that matter, and the unit."""
    assert short(seconds) == few
    assert length(seconds) == many

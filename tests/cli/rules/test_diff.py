"""`landfall rules diff`: what other rules would do to the same arrivals."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from cli.rules.diff.command import diff

OLD = """
version: 1
defaults: {volumes: {landing: /Volumes/main/raw/landing}}
rules:
  - {name: crm, path: "landing/crm/{name}.csv", job: {id: 7}}
  - {name: erp, path: "landing/erp/**", job: {id: 8}}
  - {name: big, path: "landing/big/**", job: {id: 9}, min_size: 100}
"""

app = typer.Typer()
app.command()(diff)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test finds a stack that a developer has running."""
    monkeypatch.setenv("LANDFALL_STATE", str(tmp_path / "state"))


def invoke(*arguments: str, given: str = "") -> tuple[int, str, str]:
    """Run the command and return its exit code, its standard output and its standard error."""
    result = CliRunner().invoke(app, list(arguments), input=given)
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def compared(tmp_path: Path) -> Any:
    """Return what compares the old rules with new ones on some paths, and gives exit code and output."""

    def run(new: str, *paths: str, options: tuple[str, ...] = ()) -> tuple[int, str]:
        for name, text in (("old", OLD), ("new", new), ("paths", "\n".join(paths))):
            (tmp_path / name).write_text(text, encoding="utf-8")
        files = [str(tmp_path / name) for name in ("old", "new", "paths")]
        code, output, _ = invoke(*files[:2], "--paths", files[2], *options)
        return code, output

    return run


def differences(compared: Any, new: str, *paths: str) -> list[dict[str, Any]]:
    """Return the lines that scripts get."""
    _, output = compared(new, *paths, options=("--json",))
    return [json.loads(line) for line in output.splitlines()]


def test_same_rules_differ_in_nothing(compared: Any) -> None:
    """The same file twice: no difference, exit status 0, every arrival counted."""
    code, output = compared(OLD, "landing/crm/a.csv", "landing/nothing")

    assert code == 0
    assert "2 arrivals: 2 same, 0 newly matched" in output


@pytest.mark.parametrize(
    ("before", "after", "path", "change"),
    [
        ("landing/crm/{name}.csv", "landing/crm/{name}.*", "landing/crm/a.json", "newly matched"),
        ("landing/crm/{name}.csv", "landing/hr/{name}.csv", "landing/crm/a.csv", "no longer matched"),
        ("landing/crm/{name}.csv", "landing/*/{name}.csv", "landing/erp/a.csv", "other rule"),
        ("name: crm, ", "name: customers, ", "landing/crm/a.csv", "other rule"),
        ("name: crm, ", "name: customers, renamed_from: crm, ", "landing/crm/a.csv", "same"),
        ("job: {id: 7}", "job: {id: 6}", "landing/crm/a.csv", "other job"),
        (
            "job: {id: 7}",
            "job: {id: 7}, notebook_params: {file: '{blob.path}'}",
            "landing/crm/a.csv",
            "other parameters",
        ),
        ("raw/landing", "bronze/landing", "landing/crm/a.csv", "same"),
        ("job: {id: 7}", "job: {id: 7}, mode: shadow", "landing/crm/a.csv", "other handling"),
        ("job: {id: 7}", "job: {id: 7}, min_age: 5m", "landing/crm/a.csv", "other handling"),
        ("job: {id: 7}", "job: {id: 7}, on_overwrite: alert", "landing/crm/a.csv", "other handling"),
        ("job: {id: 7}", "job: {id: 7}, limit: 100/hour", "landing/crm/a.csv", "other handling"),
        ("job: {id: 7}", "job: {id: 7}, on_failure: {rerun: 2}", "landing/crm/a.csv", "other handling"),
        ("job: {id: 7}", "job: {id: 7}, content_type: text/csv", "landing/crm/a.csv", "other handling"),
        ("min_size: 100", "min_size: 10", "landing/big/a\t50", "newly matched"),
    ],
)
def test_change_is_called_by_its_name(compared: Any, before: str, after: str, path: str, change: str) -> None:
    """Each way in which an arrival can be routed differently is told from the others and counted."""
    *lines, counts = differences(compared, OLD.replace(before, after), path)

    assert counts["counts"][change] == 1
    assert sum(counts["counts"].values()) == 1
    assert [line["change"] for line in lines] == ([] if change == "same" else [change])


def test_differing_parameters_are_shown(compared: Any) -> None:
    """A person sees which parameters differ, before and after; the entry's key is none of them."""
    code, output = compared(
        OLD.replace(
            "job: {id: 7}", "job: {id: 7}, notebook_params: {file: '{blob.path}', triggered_by: '{triggered_by}'}"
        ),
        "landing/crm/a.csv",
    )

    text = " ".join(output.split())
    assert code == 1
    assert "notebook_params.file: (none) -> crm/a.csv" in text
    assert "notebook_params.file_path: abfss://" in text
    assert "landfall_entry" not in text


def test_shown_differences_are_bounded_and_counted(compared: Any) -> None:
    """Only so many rows are shown, and all are counted."""
    paths = [f"landing/crm/{index}.csv" for index in range(50)]

    code, output = compared(OLD.replace("id: 7", "id: 6"), *paths, options=("--show", "3"))

    assert code == 1
    assert output.count("crm (id:7)") == 3
    assert "47 more are not shown" in output
    assert "50 arrivals: 0 same" in output


def test_limit_stops_early_and_says_so(compared: Any) -> None:
    """No more arrivals are looked at than asked for."""
    _, output = compared(OLD, *["landing/crm/a.csv"] * 9, options=("--limit", "4"))

    assert "4 arrivals: 4 same" in output


def test_memory_does_not_grow_with_the_arrivals(compared: Any, tmp_path: Path) -> None:
    """Ten times as many differences take no more memory."""
    new = OLD.replace("id: 7", "id: 6")
    compared(new, "landing/crm/a.csv")
    peaks = []
    for count in (300, 3_000):
        (tmp_path / "paths").write_text("".join(f"landing/crm/{index}.csv\n" for index in range(count)))
        tracemalloc.start()
        invoke(*(str(tmp_path / name) for name in ("old", "new")), "--paths", str(tmp_path / "paths"))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    assert peaks[1] < peaks[0] * 1.5


def test_hostile_names_are_shown_and_not_obeyed(compared: Any) -> None:
    """Escape sequences and markup in a name reach no terminal, and JSON is plain ASCII."""
    path = "landing/crm/\x1b[31m[red]\u202e.csv"

    _, output = compared(OLD.replace("id: 7", "id: 6"), path)
    line, _ = differences(compared, OLD.replace("id: 7", "id: 6"), path)

    assert "\x1b" not in output
    assert "\u202e" not in output
    assert "[red]" in output
    assert line["file"] == path


def test_old_rules_may_come_from_standard_input(tmp_path: Path) -> None:
    """`git show HEAD:rules.yaml | landfall rules diff - rules.yaml` compares with what was."""
    (tmp_path / "new").write_text(OLD, encoding="utf-8")
    (tmp_path / "paths").write_text("landing/crm/a.csv\n", encoding="utf-8")

    code, output, _ = invoke(
        "-", str(tmp_path / "new"), "--paths", str(tmp_path / "paths"), given=OLD.replace("id: 7", "id: 6")
    )

    assert code == 1
    assert "1 other job" in output


@pytest.mark.parametrize(
    "options",
    [
        ("--from-listing", "--paths", "x"),
        ("--from-ledger", "7d", "--from-listing"),
        ("--from-ledger", "soon"),
        ("--paths", "-"),
    ],
)
def test_options_that_contradict_are_refused(options: tuple[str, ...]) -> None:
    """There is one source of arrivals, its window can be read, and standard input is read once."""
    code, _, _ = invoke("-", "new.yaml", *options)

    assert code == 2


def test_nothing_to_compare_says_what_to_give(tmp_path: Path) -> None:
    """Without a stack or settings there is no ledger: the message names --paths."""
    (tmp_path / "rules").write_text(OLD, encoding="utf-8")

    code, _, said = invoke(str(tmp_path / "rules"), str(tmp_path / "rules"))

    assert code == 2
    assert "--paths FILE" in said


def test_unusable_files_exit_with_two(tmp_path: Path) -> None:
    """Rules with faults and files that are not there are no difference but an error."""
    (tmp_path / "rules").write_text("version: 2\n", encoding="utf-8")

    code, output, said = invoke(str(tmp_path / "rules"), str(tmp_path / "rules"), "--paths", "nowhere")
    missing_code, _, missing = invoke(str(tmp_path / "gone"), str(tmp_path / "rules"), "--paths", "nowhere")

    assert (code, output, missing_code) == (2, "", 2)
    assert "`version` must be 1" in said
    assert "gone" in missing


def test_no_arrivals_prove_nothing(compared: Any) -> None:
    """An empty source is told apart from rules without differences."""
    code, output = compared(OLD)

    assert code == 0
    assert "no arrival to compare" in output

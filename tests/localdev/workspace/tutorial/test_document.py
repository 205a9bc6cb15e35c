"""docs/tutorial.md against the code; its commands and its Python are executed in tests/acceptance/test_tutorial.py."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from cli.jobs.checks import findings_of
from cli.jobs.findings import CODES
from cli.rules.check.findings import Level
from tests.cli.jobs.kit import TUTORIAL
from tests.localdev.workspace.kit import START
from tests.localdev.workspace.tutorial.tutorial_kit import DATA, Client, document, job_config, mended_job_config

ROOT = Path(__file__).parents[4]
PAGE = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
JSON = re.findall(r"^```json\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
ROWS = [[cell.strip() for cell in row.split("|")[1:-1]] for row in PAGE.splitlines() if row.startswith("| `")]


@pytest.mark.parametrize("number", range(len(JSON)))
def test_jobs_of_the_page_are_sound(client: Client, number: int) -> None:
    """The workspace takes each of them, and nothing is to be said against them."""
    config = json.loads(JSON[number])

    assert client.post("create", config).status_code == 200
    assert [each.code for each in findings_of(config, START) if each.level is not Level.NOTE] == []


def test_codes_of_the_page_exist() -> None:
    """What the page shows of `landfall jobs check` are codes of its findings, with their levels."""
    shown = re.findall(r"(error|warning)\[([a-z-]+)\]", PAGE)

    assert len(shown) == 4
    assert all(CODES[code].value == level for level, code in shown)


@pytest.mark.parametrize("wrong", ["{{job.start_date}}", "slack-webhook-id", "0 0 0 * * MON", "<cluster-id>"])
def test_mistakes_are_those_of_the_tutorial(wrong: str) -> None:
    """The page finds fault with nothing that the tutorial does not say; its cron table is prose there, and no JSON."""
    given = json.dumps([job_config(), document("notifications"), document("complex_etl_pipeline")])

    assert any(wrong in row[0] for row in ROWS)
    assert wrong in given or re.fullmatch(r"0 \S+ \S+ \S+ \S+ \S+", wrong)


def test_corrections_are_those_of_the_tests(tmp_path: Path) -> None:
    """What the page calls right is what the mended job has."""
    mended = json.dumps(mended_job_config(tmp_path))

    assert "{{job.start_time.iso_date}}" in mended
    assert "{{job.start_time.iso_date}}" in PAGE
    assert '"queue": {"enabled": true}' in mended
    assert '"queue": {"enabled": true}' in PAGE


@pytest.mark.parametrize("file", re.findall(r"`((?:tests|samples)/[\w/.]+)`", PAGE))
def test_files_of_the_page_exist(file: str) -> None:
    """Every file that the page names is there."""
    assert (ROOT / file).exists()


def test_documents_of_the_tutorial_are_all_here() -> None:
    """Its four JSON documents are data of the tests."""
    assert sorted(file.name for file in [TUTORIAL, *DATA.iterdir()]) == [
        "complex_etl_pipeline.json",
        "data_factory_pipeline.json",
        "notifications.json",
        "tutorial_etl_pipeline.json",
    ]

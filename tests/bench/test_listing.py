"""The benchmark of listings: its pages are what they say, and its figures are those of complete listings."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.landed import Landed
from bench.listing import OURS, SDK, check
from bench.listing_server import PAGE_SIZE, page
from bench.turns import Turn
from shared.blobs.page_decoder import decode_page
from shared.blobs.page_parser import parse_page

ROOT = Path(__file__).parent.parent.parent
LANDED = Landed(100)


def test_page_holds_the_blobs_it_was_made_of() -> None:
    """A page is a listing as Azure writes it, and both readers read it alike."""
    body = page(LANDED, range(3, 10), "10")

    found = decode_page(body, "account", "landing")

    assert [arrival.path for arrival in found.arrivals] == [LANDED.name(number) for number in range(3, 10)]
    assert found.next_marker == "10"
    assert found == parse_page(body, "account", "landing")


def test_page_is_as_large_as_azures() -> None:
    """A blob with the documented fields takes about 700 bytes."""
    assert 600 < len(page(LANDED, range(100), "")) / 100 < 800


@pytest.mark.parametrize("answer", [(99, LANDED.name(99)), (100, LANDED.name(98))], ids=["fewer", "others"])
def test_wrong_listing_is_no_figure(answer: tuple[int, str]) -> None:
    """A contender that leaves out blobs is not fast but wrong."""
    with pytest.raises(AssertionError, match="listed something else"):
        check(OURS, Turn(wall=1, cpu=1, peak_mb=1, answer=answer), LANDED)


def test_right_listing_is_a_figure() -> None:
    """A contender that lists everything is measured."""
    check(SDK, Turn(wall=1, cpu=1, peak_mb=1, answer=(100, LANDED.name(99))), LANDED)


def test_benchmark_prints_its_figures() -> None:
    """The three contenders list several pages side by side, and the result is one JSON object."""
    command = [sys.executable, "bench/listing.py", "--blobs", str(PAGE_SIZE + 100), "--rounds", "1", "--json"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)

    assert ran.stderr == ""
    figures = json.loads(ran.stdout)
    assert figures["blobs"] == PAGE_SIZE + 100
    assert {name for name in figures if name.startswith("listing_over_")} == {
        "listing_over_list_wall",
        "listing_over_list_cpu",
        "listing_over_download_wall",
        "listing_over_download_cpu",
    }
    assert all(figure > 0 for name, figure in figures.items() if name != "goals_met")
    assert ran.returncode == (not figures["goals_met"])

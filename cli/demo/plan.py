"""What the demo drops, what happens to each event on its way, and what must come of it.

The files are those of the npm package vega-datasets (BSD-3-Clause), which localdev/package.json pins. Only data whose
licence is clear is used: works of the U.S. government (NOAA, NASA, EIA, BLS, FAA), CC BY 4.0 (Scripps CO2 program,
Gapminder, Our World in Data) and CC0 (Palmer penguins), as its datapackage.json tells.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localdev.azurite_package import FOLDER
from shared.model import Result, Source

DATA = FOLDER / "node_modules" / "vega-datasets" / "data"
DAY = "2026-11-22"


def whole(content: bytes) -> bytes:
    """Return the content as it is."""
    return content


def without_last_line(content: bytes) -> bytes:
    """Return the content without its last line: an earlier state of a file that grows."""
    return content[: content.rstrip(b"\n").rfind(b"\n") + 1]


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """One version of one file."""

    target: str  # container/path
    file: str  # of the data set
    rule: str | None  # None: no rule wants it
    result: Result | None = Result.SUCCEEDED
    found_by: Source | None = Source.EVENT
    faults: tuple[Any, ...] = ()  # what the event simulator does to its event
    content: Callable[[bytes], bytes] = whole
    note: str = ""

    def read(self) -> bytes:
        """Return the bytes to upload."""
        return self.content((DATA / self.file).read_bytes())


def _climate(agency: str, file: str, **more: Any) -> Planned:
    return Planned(target=f"landing/climate/{agency}/{file}", file=file, rule="climate", **more)


def _economy(file: str, **more: Any) -> Planned:
    return Planned(target=f"landing/economy/{DAY}/{file}", file=file, rule="economy", **more)


def _inbox(path: str, file: str, **more: Any) -> Planned:
    return Planned(target=f"landing/inbox/{path}{file}", file=file, rule="inbox", **more)


def _quality(file: str, **more: Any) -> Planned:
    return Planned(target=f"landing/quality/{file}", file=file, rule="quality", **more)


PLAN: tuple[Planned, ...] = (
    _climate("noaa", "seattle-weather.csv"),
    _climate("noaa", "weather.csv"),
    _climate("nasa", "global-temp.csv", faults=("drop",), found_by=Source.SWEEP, note="event lost"),
    _climate("scripps", "co2-concentration.csv"),
    _economy("iowa-electricity.csv", content=without_last_line, note="first version"),
    _economy("us-employment.csv"),
    _inbox("", "penguins.json", faults=({"repeat": 3},), note="event delivered three times"),
    _inbox("partners/", "gapminder.json"),
    _inbox("partners/2026/", "unemployment-across-industries.json"),
    _inbox(
        "a b #1 100% é/",
        "earthquakes.json",
        faults=({"malform": "missing-data"},),
        found_by=Source.SWEEP,
        note="event malformed",
    ),
    _quality("airports.csv"),
    _quality("disasters.csv"),
    _quality("birdstrikes.csv", result=Result.FAILED, note="job fails: values are missing"),
    Planned(
        target="landing/notes/lookup_people.csv",
        file="lookup_people.csv",
        rule=None,
        result=None,
        found_by=None,
        note="no rule wants it",
    ),
    # Dropped when the first version has been claimed: an overwrite is a new arrival.
    _economy("iowa-electricity.csv", note="overwritten"),
)
DUPLICATES = 2
"""How many deliveries of PLAN are duplicates: the second and the third of one event."""


def fault_plan() -> dict[str, list[Any]]:
    """Return what the event simulator is told."""
    return {planned.target: list(planned.faults) for planned in PLAN if planned.faults}


def is_overwrite(index: int) -> bool:
    """Tell whether a target was dropped before in the plan."""
    return any(planned.target == PLAN[index].target for planned in PLAN[:index])


def data_is_installed() -> bool:
    """Tell whether npm has brought the data set."""
    return Path(DATA).is_dir()

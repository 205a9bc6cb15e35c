"""Checks what the tutorial's pipeline has made of a day's orders."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from pathlib import Path

Row = dict[str, str]


def run_checks() -> None:
    """Check the clean orders of a date and write a report; ends with exit status 1 when a check fails."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--date", required=True)
    parser.add_argument("--lake", type=Path, required=True)
    given = parser.parse_args()
    with (given.lake / "clean" / given.date / "orders.csv").open(encoding="utf-8", newline="") as lines:
        failed = failures(list(csv.DictReader(lines)))
    report = given.lake / "quality" / f"{given.date}.json"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(json.dumps({"date": given.date, "failed": failed}), encoding="utf-8")
    for failure in failed:
        sys.stdout.write(f"FAILED: {failure}\n")
    if failed:
        sys.exit(1)
    sys.stdout.write(f"All checks of {given.date} have passed.\n")


def failures(rows: list[Row]) -> list[str]:
    """Return what is wrong with orders, in words."""
    found = [] if rows else ["there are no orders"]
    found += [f"order {row['order']} has the amount {row['amount']}" for row in rows if float(row["amount"]) <= 0]
    numbers = [row["order"] for row in rows]
    found += [
        f"order {number} is there twice" for number in sorted({each for each in numbers if numbers.count(each) > 1})
    ]
    return found

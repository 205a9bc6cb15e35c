"""Tells people what the tutorial's pipeline has found out."""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path

Row = dict[str, str]


def send_daily_report() -> None:
    """Write a date's report of sales and customers, and print it: the log of the task is what is sent."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--date", required=True)
    parser.add_argument("--lake", type=Path, required=True)
    given = parser.parse_args()
    gold = given.lake / "gold" / given.date
    text = report(given.date, _rows(gold / "sales.csv"), _rows(gold / "customers.csv"))
    (gold / "report.txt").write_text(text, encoding="utf-8")
    sys.stdout.write(text)


def report(date: str, sales: list[Row], customers: list[Row]) -> str:
    """Return the report of a date."""
    lines = [f"Report of {date}", "", "Sales by country"]
    lines += [f"  {row['country']:<8} {row['orders']:>4} orders {float(row['amount']):>10.2f}" for row in sales]
    best = max(customers, key=lambda row: float(row["amount"]), default=None)
    lines += ["", f"Best customer: {best['customer']} ({best['amount']})" if best else "No customers"]
    return "\n".join(lines) + "\n"


def _rows(file: Path) -> list[Row]:
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))

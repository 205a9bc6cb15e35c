# Databricks notebook source
# MAGIC %md
# MAGIC # The lake
# MAGIC How the tutorial's notebooks read and write: CSV files below one folder, `raw`, `clean` or `gold` and then a date.
# MAGIC The folder is the job parameter `lake`; in a Databricks workspace it would be a volume. Each date is written whole,
# MAGIC so a task that is tried again, or repaired, changes nothing.

# COMMAND ----------

import csv
import json
from pathlib import Path

# What the sources would send, beside the notebooks of this folder.
DATA = Path("../ETL/data").resolve()

dbutils.widgets.text("lake", "/tmp/landfall-lake")
dbutils.widgets.text("date", "2026-11-22")
LAKE = Path(dbutils.widgets.get("lake"))
DATE = dbutils.widgets.get("date")


def read(file):
    """Return a CSV file's rows as dictionaries."""
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def table(layer, name):
    """Return the file of a table's rows of this run's date."""
    return LAKE / layer / DATE / f"{name}.csv"


def write(layer, name, rows):
    """Write rows as a table's rows of this run's date, all or nothing, and tell how many there are."""
    file = table(layer, name)
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_suffix(".part")
    with unfinished.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    unfinished.replace(file)
    print(f"{file}: {len(rows)} rows")
    return len(rows)


def leave(**result):
    """End the notebook with a result that people and other jobs can read."""
    dbutils.notebook.exit(json.dumps(result))

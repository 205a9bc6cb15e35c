# Databricks notebook source
# MAGIC %md
# MAGIC # CSV profile
# MAGIC Counts rows and describes every column of the CSV file that landed.

# COMMAND ----------

import json

from landing_files import number, read_rows, write_result

dbutils.widgets.text("file_path", "")
dbutils.widgets.text("triggered_by", "hand")
file_path = dbutils.widgets.get("file_path")
rows = read_rows(file_path)
print(f"{file_path}: {len(rows)} rows, triggered by {dbutils.widgets.get('triggered_by')}")

# COMMAND ----------


def describe(values):
    numbers = [number(value) for value in values]
    numbers = [value for value in numbers if value is not None]
    described = {"missing": sum(not value for value in values), "distinct": len(set(values))}
    if numbers:
        described |= {"minimum": min(numbers), "maximum": max(numbers), "mean": sum(numbers) / len(numbers)}
    return described


names = [name for name in rows[0] if name] if rows else []
columns = {name: describe([row[name] for row in rows]) for name in names}

# COMMAND ----------

target = write_result(file_path, "csv-profile", {"rows": len(rows), "columns": columns})
dbutils.notebook.exit(json.dumps({"rows": len(rows), "result": target}))

# Databricks notebook source
# MAGIC %md
# MAGIC # Quality gate
# MAGIC Fails when a file has missing values, so that nobody builds on it unawares.

# COMMAND ----------

import json

from landing_files import read_rows, write_result

file_path = dbutils.widgets.get("file_path")
rows = read_rows(file_path)
missing = {name: sum(not row[name] for row in rows) for name in rows[0]}
missing = {name: count for name, count in missing.items() if count}
print(f"{file_path}: {len(rows)} rows, {sum(missing.values())} missing values")

# COMMAND ----------

if missing:
    raise ValueError(f"{sum(missing.values())} missing values in {', '.join(sorted(missing))}")

# COMMAND ----------

target = write_result(file_path, "quality-gate", {"rows": len(rows), "passed": True})
dbutils.notebook.exit(json.dumps({"rows": len(rows), "result": target}))

# Databricks notebook source
# MAGIC %md
# MAGIC # JSON profile
# MAGIC Tells which fields the records of a JSON file have, how often, and of which types.

# COMMAND ----------

import json
from collections import Counter, defaultdict

from landing_files import read_text, write_result

file_path = dbutils.widgets.get("file_path")
document = json.loads(read_text(file_path))
# GeoJSON keeps its records in `features`.
records = document if isinstance(document, list) else document.get("features", [document])
print(f"{file_path}: {len(records)} records")

# COMMAND ----------

fields = defaultdict(Counter)
for record in records:
    for name, value in record.items():
        fields[name][type(value).__name__] += 1
profile = {"records": len(records), "fields": {name: dict(types) for name, types in fields.items()}}

# COMMAND ----------

target = write_result(file_path, "json-profile", profile)
dbutils.notebook.exit(json.dumps({"records": len(records), "result": target}))

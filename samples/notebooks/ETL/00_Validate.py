# Databricks notebook source
# MAGIC %md
# MAGIC # Validation
# MAGIC Every source has sent something before anything is taken in.

# COMMAND ----------

# MAGIC %run ./lake

# COMMAND ----------

counts = {name: len(read(DATA / f"{name}.csv")) for name in ("crm", "erp", "web")}
empty = [name for name, rows in counts.items() if not rows]
if empty:
    raise ValueError(f"These sources have sent nothing: {', '.join(empty)}")
leave(**counts)

# Databricks notebook source
# MAGIC %md
# MAGIC # Ingestion
# MAGIC Takes the orders of the day in, as they came.

# COMMAND ----------

# MAGIC %run ./lake

# COMMAND ----------

dbutils.widgets.text("environment", "development")
orders = read(DATA / "orders.csv")
rows = write("raw", "orders", [{**order, "ingested_on": DATE} for order in orders])

# COMMAND ----------

dbutils.jobs.taskValues.set(key="rows", value=rows)
leave(rows=rows, environment=dbutils.widgets.get("environment"))

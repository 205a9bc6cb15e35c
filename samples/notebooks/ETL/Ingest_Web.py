# Databricks notebook source
# MAGIC %md
# MAGIC # Ingestion from Web
# MAGIC Takes the visits in, as they came.

# COMMAND ----------

# MAGIC %run ./lake

# COMMAND ----------

leave(rows=write("raw", "web", read(DATA / "web.csv")))

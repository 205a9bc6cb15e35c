# Databricks notebook source
# MAGIC %md
# MAGIC # Ingestion from ERP
# MAGIC Takes the orders in, as they came.

# COMMAND ----------

# MAGIC %run ./lake

# COMMAND ----------

leave(rows=write("raw", "erp", read(DATA / "erp.csv")))

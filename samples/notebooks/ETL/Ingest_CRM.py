# Databricks notebook source
# MAGIC %md
# MAGIC # Ingestion from CRM
# MAGIC Takes the customers in, as they came.

# COMMAND ----------

# MAGIC %run ./lake

# COMMAND ----------

leave(rows=write("raw", "crm", read(DATA / "crm.csv")))

# Databricks notebook source
# MAGIC %md
# MAGIC # Joined sources
# MAGIC Each order with its customer's country, and how often the customer has been seen on the web.

# COMMAND ----------

# MAGIC %run ./lake

# COMMAND ----------

from collections import Counter

customers = {row["customer"]: row for row in read(table("raw", "crm"))}
visits = Counter(row["customer"] for row in read(table("raw", "web")))
joined = [
    {
        **order,
        "country": customers.get(order["customer"], {}).get("country", "unknown"),
        "visits": visits[order["customer"]],
    }
    for order in read(table("raw", "erp"))
]
leave(rows=write("clean", "joined", joined))

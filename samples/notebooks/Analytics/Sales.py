# Databricks notebook source
# MAGIC %md
# MAGIC # Sales
# MAGIC What was sold to each country.

# COMMAND ----------

# MAGIC %run ../ETL/lake

# COMMAND ----------

from collections import defaultdict

sold = defaultdict(lambda: {"orders": 0, "amount": 0.0})
for row in read(table("clean", "joined")):
    sold[row["country"]]["orders"] += 1
    sold[row["country"]]["amount"] += float(row["amount"])
sales = [
    {"country": country, "orders": each["orders"], "amount": f"{each['amount']:.2f}"}
    for country, each in sorted(sold.items())
]
leave(countries=write("gold", "sales", sales))

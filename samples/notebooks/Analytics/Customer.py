# Databricks notebook source
# MAGIC %md
# MAGIC # Customers
# MAGIC What each customer has bought, and how often they came to look.

# COMMAND ----------

# MAGIC %run ../ETL/lake

# COMMAND ----------

bought = {}
for row in read(table("clean", "joined")):
    known = bought.setdefault(row["customer"], {"amount": 0.0, "visits": row["visits"]})
    known["amount"] += float(row["amount"])
customers = [
    {"customer": customer, "amount": f"{each['amount']:.2f}", "visits": each["visits"]}
    for customer, each in sorted(bought.items())
]
leave(customers=write("gold", "customers", customers))

# Databricks notebook source
# MAGIC %md
# MAGIC # Transformation
# MAGIC Drops orders without an amount, and those that came twice; amounts become numbers with two digits.

# COMMAND ----------

# MAGIC %run ./lake

# COMMAND ----------


def clean(orders):
    """Return the orders that have an amount, the last of each number, sorted by number."""
    by_number = {}
    for order in orders:
        try:
            amount = float(order["amount"])
        except ValueError:
            print(f"order {order['order']} has no amount: {order['amount']!r}")
            continue
        by_number[order["order"]] = {
            "order": order["order"],
            "customer": order["customer"].strip().title(),
            "day": order["day"],
            "amount": f"{amount:.2f}",
        }
    return [by_number[number] for number in sorted(by_number, key=int)]


# COMMAND ----------

orders = read(table("raw", "orders"))
rows = write("clean", "orders", clean(orders))
leave(rows=rows, dropped=len(orders) - rows)

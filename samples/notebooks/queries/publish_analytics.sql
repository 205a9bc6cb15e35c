-- Sales of each day, from what has passed the checks. In a Databricks workspace `read_csv` is `read_files`.
CREATE OR REPLACE TABLE daily_sales AS
SELECT day, count(*) AS orders, sum(amount) AS amount
FROM read_csv(:orders)
GROUP BY day;

SELECT * FROM daily_sales ORDER BY day;

"""What is remembered: one SQLite database, and a table per noun."""

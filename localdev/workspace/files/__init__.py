"""What tasks find in the workspace: its files and notebooks, DBFS, and secrets."""

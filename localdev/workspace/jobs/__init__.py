"""What clients say of jobs and runs, read into our own types."""

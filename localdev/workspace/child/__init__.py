"""What runs inside a task's process. Standard library only: a task starts in hundredths of a second."""

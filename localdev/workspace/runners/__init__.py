"""What runs tasks: the promise of every runner, processes, and outcomes planned by a test."""

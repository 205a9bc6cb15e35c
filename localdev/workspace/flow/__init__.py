"""How runs go on: the life of a run as pure functions, and the scheduler that makes it happen."""

"""The kinds of task: one module each, with what it does as a frozen class, and how that is read from settings."""

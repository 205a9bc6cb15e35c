"""The nouns of the workspace, all frozen: what was asked for, jobs, and runs. Nothing here does I/O."""

"""How the process of each kind of task is started: where, and with which instructions."""

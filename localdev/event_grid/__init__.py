"""Azurite raises no events (https://github.com/Azure/Azurite/issues/2475): this raises them in its place.

`simulator.EventSimulator` runs in a process of yours, `python -m localdev.event_grid` in one of its own.
"""

"""A local Databricks workspace: a Jobs API server that really runs the tasks of jobs. See docs/workspace.md.

Start it with `python -m localdev.workspace`, or inside a process with `server.running`. Nothing is imported here:
the children that run tasks load their part of this package by path and must start fast.
"""

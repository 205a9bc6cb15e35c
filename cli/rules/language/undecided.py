"""What is raised where a question about languages has no answer here: callers then say nothing rather than guess."""

from __future__ import annotations


class Undecided(Exception):
    """Neither a path nor the proof that there is none."""


class NotUnderstood(Undecided):
    """An expression says something that is not read here; RE2 may well understand it."""


class TooComplex(Undecided):
    """The search has taken as many steps as it may."""

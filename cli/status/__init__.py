"""`landfall status`: what became of the files, and what is proven, per rule."""

from __future__ import annotations

from cli.status.command import status

__all__ = ["status"]

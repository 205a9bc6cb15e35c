"""`spark`, made when a notebook first uses it: a session takes seconds to start."""

from __future__ import annotations

from typing import Any


class LazySpark:
    """Stands for the session of the notebook until it is needed."""

    _session: Any = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._opened(), name)

    def _opened(self) -> Any:
        if self._session is None:
            from pyspark.sql import SparkSession  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415 - an extra

            self._session = SparkSession.builder.appName("Databricks Shell").getOrCreate()
        return self._session

"""spark_jar_task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from localdev.workspace.errors import invalid, not_supported
from localdev.workspace.json_fields import Fields
from localdev.workspace.model.job import TaskKind
from localdev.workspace.model.request import RunRequest


@dataclass(frozen=True, kw_only=True, slots=True)
class JarWork:
    """A class with a main method, in one of the task's jar libraries, and its arguments."""

    main_class: str
    arguments: tuple[str, ...]

    @property
    def kind(self) -> TaskKind:
        """Return the kind of task."""
        return TaskKind.JAR

    def given(self, request: RunRequest, job_parameters: Mapping[str, str]) -> JarWork:
        """Return it with jar_params instead of its own arguments, where run-now gave any."""
        del job_parameters
        return replace(self, arguments=tuple(request.overriding.get("jar_params", self.arguments)))


def read(work: Fields, where: str) -> JarWork:
    """Return the work of a spark_jar_task; raises ApiError."""
    if work.has("jar_uri"):
        raise not_supported(f"{where}: jar_uri, deprecated since 2016 in favour of libraries,")
    main_class = work.required_text("main_class_name", where)
    if main_class.startswith(("-", "@")):
        raise invalid(f"{where}: {main_class!r} is no name of a class.")
    return JarWork(main_class=main_class, arguments=work.text_list("parameters"))

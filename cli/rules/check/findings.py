"""What `landfall rules check` finds: frozen values, each with a code that never changes its meaning.

CODES is the only place that names a code: docs/rules-check.md and the SARIF output are held against it by tests.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from shared.logs import printable


class Level(StrEnum):
    """How bad a finding is."""

    ERROR = "error"  # something does not work as it is written
    WARNING = "warning"  # something probably is not meant so
    NOTE = "note"  # good to know


@dataclass(frozen=True, slots=True)
class Code:
    """One kind of finding."""

    name: str
    level: Level
    title: str
    help: str  # what to do about it


CODES = (
    Code(
        "invalid",
        Level.ERROR,
        "The rules file is refused",
        "Mend what the message names. Landfall refuses the whole file, and goes on with the rules it had.",
    ),
    Code(
        "shadowed",
        Level.ERROR,
        "A rule never wins a path",
        "Put the particular rule before the general one, or give it `also: true` if both jobs should start.",
    ),
    Code(
        "never-matches",
        Level.ERROR,
        "A rule that no path can match",
        "Look for an exclude that takes away all that the path allows.",
    ),
    Code(
        "job-missing",
        Level.ERROR,
        "The workspace has no such job",
        "Correct the job's id or name, upper and lower case included, or let our identity view the job.",
    ),
    Code(
        "job-ambiguous",
        Level.ERROR,
        "Several jobs have this name",
        "Rename all but one of them, or give the rule the job's id.",
    ),
    Code(
        "job-continuous",
        Level.ERROR,
        "A continuous job cannot be started by files",
        "Give the rule a job without continuous mode: run-now starts nothing while a continuous job runs.",
    ),
    Code(
        "job-skips-runs",
        Level.ERROR,
        "The job skips every run",
        "Set the job's maximum of concurrent runs to 1 or more.",
    ),
    Code(
        "overlap",
        Level.WARNING,
        "Two rules want the same path, and neither is the exception of the other",
        "Narrow one of the two paths, exclude the other's, or give one `also: true` if both jobs should start.",
    ),
    Code(
        "own-output",
        Level.WARNING,
        "A rule watches where its own job writes",
        "Let the job write into another container or folder, or exclude that folder: each run would start the next.",
    ),
    Code(
        "native-trigger",
        Level.WARNING,
        "The job has a file arrival trigger on what the rule watches",
        "Remove one of the two: each file would start the job twice.",
    ),
    Code(
        "no-static-prefix",
        Level.WARNING,
        "A path that names no container",
        "Name the container: without one the sweep lists every container of the account at every pass.",
    ),
    Code(
        "job-queue-off",
        Level.WARNING,
        "The job does not queue its runs",
        "Turn queueing on in the job's settings: while it runs at its limit, runs that others start are skipped.",
    ),
    Code(
        "job-unknown-parameter",
        Level.WARNING,
        "A job parameter that the job does not define",
        "Define it in the job's settings, or correct its name.",
    ),
    Code(
        "job-parameter-wins",
        Level.WARNING,
        "A notebook parameter that the job's own parameter hides",
        "Pass it under `job_parameters`: a job parameter takes the place of a task's parameter of the same name.",
    ),
    Code(
        "workspace-unread",
        Level.WARNING,
        "The workspace could not be asked about jobs",
        "Check DATABRICKS_HOST and the credentials, or pass `--offline` to leave the jobs out.",
    ),
    Code(
        "takes-first",
        Level.NOTE,
        "A particular rule comes before a general one",
        "Nothing, where it is meant so: the particular rule takes its paths from the general one.",
    ),
    Code(
        "unindexed",
        Level.NOTE,
        "Rules without literal text",
        "Name a folder or an ending where you can: rules without literal text are tried on every path.",
    ),
    Code(
        "not-compared",
        Level.NOTE,
        "Pairs of rules that were not decided",
        "Nothing has to be done: whether these rules share paths would take too long to find out.",
    ),
    Code(
        "job-entry-undefined",
        Level.NOTE,
        "A job with parameters that does not define the one that every run carries",
        "Define `landfall_entry` in the job's settings, with an empty default.",
    ),
    Code(
        "job-one-at-a-time",
        Level.NOTE,
        "The job runs one file at a time",
        "Raise the job's maximum of concurrent runs where files may be worked on side by side.",
    ),
)
_BY_NAME = {code.name: code for code in CODES}


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that was found, and where: 1-based, 0 when there is no such place."""

    code: str
    message: str  # one line without invisible characters, whatever a rule or a job is called
    file: str
    line: int = 0
    column: int = 0
    rule: str = ""
    path: str = ""  # a path that shows it, verbatim

    def __post_init__(self) -> None:
        if self.code not in _BY_NAME:
            raise ValueError(f"{self.code!r} is no code of a finding")
        object.__setattr__(self, "message", one_line(self.message))

    @property
    def level(self) -> Level:
        """Return how bad it is."""
        return _BY_NAME[self.code].level


def one_line(text: str) -> str:
    """Return text in which everything invisible is escaped, and all else as it is."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else printable(character) for character in text)


def in_order(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yield findings as people read them: file by file from the top, the worst of one place first."""
    levels = [*Level]
    yield from sorted(findings, key=lambda each: (each.file, each.line, each.column, levels.index(each.level)))

"""How a rule gathers files, so that many of them start one run: as batches, or as sets that are expected."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from shared.compact_json import compact
from shared.containers import MANIFESTS
from shared.durations import written_duration
from shared.model import Arrival, Source
from shared.parameters import Context, Gathered, ParameterTemplate, uri
from shared.path_template import Captures
from shared.path_template.date_format import DateFormat
from shared.wording import shown

DEFAULT_QUIET = timedelta(minutes=5)
DEFAULT_WAIT = timedelta(hours=1)
DEFAULT_FILES, MOST_FILES = 1_000, 10_000
_ONE = ParameterTemplate.parse("")
_SAMPLE_BATCH = "0" * 32


class IfIncomplete(StrEnum):
    """What becomes of a set of expected files that is not complete when `wait` is over."""

    DEAD = "dead"  # its files are given up, loudly
    RUN = "run"  # they run without those that are missing


@dataclass(frozen=True, kw_only=True, slots=True)
class Gathering:
    """When a batch of files is closed. One that expects files is closed by them or by `wait`, and by nothing else."""

    by: ParameterTemplate = _ONE  # over captures: files for which it is the same text share batches
    quiet: timedelta = DEFAULT_QUIET  # since the newest file came
    wait: timedelta = DEFAULT_WAIT  # since the oldest did
    files: int = DEFAULT_FILES  # of one batch
    expect: tuple[str, ...] = ()  # how paths end, in whole segments
    if_incomplete: IfIncomplete = IfIncomplete.DEAD

    def group(self, captures: Captures) -> tuple[str, ...]:
        """Return what files of one batch have in common: what stands in each placeholder of `by`.

        Not the text as a whole: `{a}{b}` is the same for `x` and `yz` as for `xy` and `z`.
        """
        return self.by.filled(captures)

    def text(self, captures: Captures) -> str:
        """Return what people call the file's batch."""
        return self.by.fill(captures)

    def is_fixed(self, name: str, wanted: DateFormat | None) -> bool:
        """Tell whether a capture, written in this format, is the same for all files of a batch."""
        return any(
            found == name and (known is None or (wanted is not None and _letters(wanted) <= known.known))
            for found, known, _ in self.by.placeholders()
        )

    def words(self) -> str:
        """Return how it gathers, for people."""
        of = f"files of the same {shown(self.by.text)}" if self.by.text else "all files of the rule"
        wait = written_duration(self.wait)
        if self.expect:
            ending = "are given up" if self.if_incomplete is IfIncomplete.DEAD else "start it without the others"
            return f"{of} start one run once {', '.join(self.expect)} are there; after {wait} they {ending}"
        quiet = written_duration(self.quiet)
        return (
            f"{of} start one run when none has come for {quiet}, {wait} after the first, or when there are {self.files}"
        )

    def missing(self, full_paths: Iterable[str]) -> tuple[str, ...]:
        """Return what is expected and is not among these paths, in the order of the rule."""
        slashed = [f"/{path}" for path in full_paths]
        return tuple(name for name in self.expect if not any(path.endswith(f"/{name}") for path in slashed))

    def is_over(self, oldest: datetime, now: datetime) -> bool:
        """Tell whether files of which the first came at a moment have waited long enough."""
        return now - oldest >= self.wait

    def is_quiet(self, newest: datetime, now: datetime) -> bool:
        """Tell whether no file has come for long enough since the last one did; never where files are expected."""
        return not self.expect and now - newest >= self.quiet


def manifest_arrival(account: str, ledger_name: str, batch: str, sealed_at: datetime) -> Arrival:
    """Return the arrival of a batch: its manifest, which has one version only."""
    return Arrival(
        account=account,
        container=MANIFESTS,
        path=f"{ledger_name}/{batch}.json",
        version=batch,
        committed_at=sealed_at,
        source=Source.GATHER,
    )


def sample_of(context: Context, gathering: Gathering, ledger_name: str) -> Context:
    """Return what can be said of a batch that holds one file only, for previews and examples."""
    arrival = context.arrival
    return replace(
        context,
        arrival=manifest_arrival(arrival.account, ledger_name, _SAMPLE_BATCH, arrival.committed_at),
        gathered=Gathered(by=gathering.text(context.captures), count=1, files=compact([uri(context)])),
    )


def _letters(date_format: DateFormat) -> frozenset[str]:
    return frozenset(letter for letter, _, _ in date_format.fields)

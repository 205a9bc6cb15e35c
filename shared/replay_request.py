"""What a person asks for when they ask for a replay."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from shared.errors import RequestError
from shared.model import Result, State
from shared.request_reader import RequestReader
from shared.wording import shown, unknown

# Entries that ended without what they were for. Of the others nothing is left to be done.
REPLAYABLE = (
    State.DEAD.value,
    Result.FAILED.value,
    Result.CANCELLED.value,
    Result.UNKNOWN.value,
    Result.VANISHED.value,
)
DEFAULT_STATES = (State.DEAD.value, Result.FAILED.value)
DEFAULT_LIMIT, HIGHEST_LIMIT = 1_000, 10_000
LONGEST_NAME = 80
FIELDS = ("entry", "rule", "states", "since", "until", "limit", "anew", "dry_run", "asked_by")
# Logs show twelve digits. Fewer than six would name a stranger's entry too easily.
_MOST_STRANGERS = 10  # each is compared with the known ones, which takes its time
_KEY = re.compile(r"[0-9a-f]{6,64}")


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplayRequest:
    """One entry by the first digits of its key, or those of a rule by what became of them and when they landed."""

    asked_by: str
    entry: str = ""
    rule: str = ""  # its name, or one that it had
    states: tuple[str, ...] = DEFAULT_STATES  # of REPLAYABLE
    since: datetime | None = None  # committed from this moment on, aware UTC
    until: datetime | None = None  # and before this one
    limit: int = DEFAULT_LIMIT
    anew: bool = False  # the request is made by the rules in force, instead of as it was when the file landed
    dry_run: bool = False

    def __post_init__(self) -> None:
        if faults := [*_faults(self)]:
            raise RequestError(faults)


def read_replay_request(body: bytes, now: datetime, asked_by: str) -> ReplayRequest:
    """Return the request that a JSON object makes, such as `{"rule": "crm", "states": ["dead"], "since": "2h"}`.

    Raises RequestError with every fault that can be told apart.
    """
    reader = RequestReader(body, FIELDS, '{"rule": "crm", "states": ["dead"], "since": "2h"}')
    values = {
        "entry": reader.text("entry"),
        "rule": reader.text("rule"),
        "states": reader.texts("states", DEFAULT_STATES),
        "limit": reader.whole("limit", DEFAULT_LIMIT),
        "anew": reader.flag("anew"),
        "dry_run": reader.flag("dry_run"),
        "asked_by": reader.text("asked_by", asked_by),
    }
    since, until = reader.moment("since", now), reader.moment("until", now)
    reader.finish()
    return ReplayRequest(**values, since=since, until=until)  # type: ignore[arg-type]  # read one by one above


def _faults(request: ReplayRequest) -> list[str]:
    faults = []
    if not request.entry and not request.rule:
        faults.append("Nothing is named: give an entry, or a rule.")
    if request.entry and not _KEY.fullmatch(request.entry):
        faults.append(f"{shown(request.entry)} is no entry: give 6 to 64 of its hex digits, as the log shows them.")
    if request.entry and (request.since or request.until):
        faults.append("An entry needs no `since` and no `until`.")
    strangers = [state for state in request.states if state not in REPLAYABLE][:_MOST_STRANGERS]
    faults += [unknown(state, REPLAYABLE, "cannot be replayed") for state in strangers]
    if not request.states:
        faults.append("`states` names none.")
    if request.since and request.until and request.since >= request.until:
        faults.append(f"Nothing is from {request.since.isoformat()} on and before {request.until.isoformat()}.")
    if not 1 <= request.limit <= HIGHEST_LIMIT:
        faults.append(f"The limit is {request.limit}; it must be from 1 to {HIGHEST_LIMIT}.")
    if not 0 < len(request.asked_by) <= LONGEST_NAME or not request.asked_by.isprintable():
        faults.append(f"`asked_by` must be 1 to {LONGEST_NAME} printable characters.")
    return faults

"""Reading what starts a job by itself: `schedule`, `trigger` and `continuous` of its settings."""

from __future__ import annotations

from datetime import timedelta

from localdev.workspace.errors import invalid, not_supported
from localdev.workspace.json_fields import Fields
from localdev.workspace.triggers.model import Continuous, FileArrival, Periodic, Schedule, Starter
from localdev.workspace.triggers.place import NoPlace, read_place
from localdev.workspace.triggers.quartz import Quartz, QuartzError, parse
from localdev.workspace.triggers.zones import zone_of

LEAST_SECONDS = 60  # of both timers of file_arrival: databricks/sdk/service/jobs.py, FileArrivalTriggerConfiguration
_KINDS = ("schedule", "trigger", "continuous")
_UNITS = {"MINUTES": 60, "HOURS": 3_600, "DAYS": 86_400, "WEEKS": 604_800}
_MOST_INTERVAL = 100_000
_LONGEST_TIMER = 10 * 365 * 86400  # seconds; ours, as is the next
_LONGEST_TEXT = 2000  # characters of an expression, a zone or a url
_PAUSE = ("UNPAUSED", "PAUSED")
_RETRY_MODES = ("NEVER", "ON_FAILURE")


def read(job: Fields) -> Starter | None:
    """Return what starts the job's runs by itself; raises ApiError for what is wrong or not supported locally."""
    if job.has("triggers"):
        raise not_supported("triggers (several of them for one job)")
    found = [kind for kind in _KINDS if job.has(kind)]
    if len(found) > 1:
        raise invalid(
            f"Only one of schedule, trigger and continuous may be set, and this job has {' and '.join(found)}."
        )
    if not found:
        return None
    fields = Fields(job.object(found[0]))
    paused = _is_paused(fields, found[0])
    if fields.has("sql_condition"):
        raise not_supported(f"{found[0]}.sql_condition")
    if found[0] == "schedule":
        return _schedule(fields, is_paused=paused)
    if found[0] == "trigger":
        return _trigger(fields, is_paused=paused)
    return _continuous(fields, is_paused=paused)


def _is_paused(fields: Fields, where: str) -> bool:
    status = fields.text("pause_status", _PAUSE[0])
    if status not in _PAUSE:
        raise invalid(f"{where}.pause_status is {status!r}; it must be one of {', '.join(_PAUSE)}.")
    return status == "PAUSED"


def _schedule(fields: Fields, *, is_paused: bool) -> Schedule:
    quartz = _quartz(_text(fields, "quartz_cron_expression", "schedule"))
    name = _text(fields, "timezone_id", "schedule")
    zone = zone_of(name)
    if zone is None:
        raise invalid(f"Invalid timezone_id: {name}. It must be a Java timezone ID, such as UTC or Europe/Paris.")
    return Schedule(quartz=quartz, zone=zone, zone_name=name, is_paused=is_paused)


def _quartz(expression: str) -> Quartz:
    """Return an expression's meaning; what Databricks answers: https://github.com/MicrosoftDocs/azure-docs/issues/44131.

    The reason and its place at the end are ours.
    """
    try:
        return parse(expression)
    except QuartzError as error:
        raise invalid(
            f"Invalid quartz_cron_expression: {expression}. Databricks uses Quartz cron syntax, which is different "
            "from the standard cron syntax. See "
            "http://www.quartz-scheduler.org/documentation/quartz-2.1.x/tutorials/crontrigger.html for more details. "
            f"({error.message.rstrip('.')}, at character {error.position + 1})"
        ) from error


def _trigger(fields: Fields, *, is_paused: bool) -> FileArrival | Periodic:
    for name in ("table_update", "table", "model", "job_completion"):
        if fields.has(name):
            raise not_supported(f"trigger.{name}")
    if fields.has("file_arrival") == fields.has("periodic"):
        raise invalid("trigger must have exactly one of file_arrival and periodic.")
    if fields.has("periodic"):
        return _periodic(Fields(fields.object("periodic")), is_paused=is_paused)
    return _file_arrival(Fields(fields.object("file_arrival")), is_paused=is_paused)


def _periodic(fields: Fields, *, is_paused: bool) -> Periodic:
    if not fields.has("interval"):
        raise invalid("trigger.periodic: interval is missing.")
    interval = fields.whole_number("interval", 1, least=1, most=_MOST_INTERVAL)
    unit = fields.required_text("unit", "trigger.periodic")
    if unit not in _UNITS:
        raise invalid(f"trigger.periodic.unit is {unit!r}; it must be one of {', '.join(_UNITS)}.")
    return Periodic(interval=timedelta(seconds=interval * _UNITS[unit]), is_paused=is_paused)


def _file_arrival(fields: Fields, *, is_paused: bool) -> FileArrival:
    url = _text(fields, "url", "trigger.file_arrival")
    try:
        place = read_place(url)
    except NoPlace as error:
        raise invalid(f"trigger.file_arrival.url is {url!r}; {error}.") from error
    return FileArrival(
        url=url,
        place=place,
        least_between=_timer(fields, "min_time_between_triggers_seconds"),
        quiet=_timer(fields, "wait_after_last_change_seconds"),
        is_paused=is_paused,
    )


def _text(fields: Fields, name: str, where: str) -> str:
    text = fields.required_text(name, where)
    if len(text) > _LONGEST_TEXT:
        raise invalid(f"{where}.{name} has {len(text)} characters, and at most {_LONGEST_TEXT} are taken.")
    return text


def _timer(fields: Fields, name: str) -> timedelta:
    """Return a timer; 0 is how some clients say that it is not set."""
    seconds = fields.whole_number(name, 0, most=_LONGEST_TIMER)
    if 0 < seconds < LEAST_SECONDS:
        raise invalid(f"{name} is {seconds}; it must be at least {LEAST_SECONDS}.")
    return timedelta(seconds=seconds)


def _continuous(fields: Fields, *, is_paused: bool) -> Continuous:
    mode = fields.text("task_retry_mode", _RETRY_MODES[0])
    if mode not in _RETRY_MODES:
        raise invalid(f"continuous.task_retry_mode is {mode!r}; it must be one of {', '.join(_RETRY_MODES)}.")
    if mode == "ON_FAILURE":
        raise not_supported("continuous.task_retry_mode ON_FAILURE")
    return Continuous(is_paused=is_paused)

"""What editors show about each key of a rules file; docs/rules.md says all of it."""

from __future__ import annotations

FILE = {
    "version": "The version of the language: 1.",
    "defaults": "What every rule has unless it says otherwise.",
    "rules": "The rules, tried in this order: the first that matches starts its job.",
}
RULE = {
    "name": "1 to 63 lower-case letters, digits, - and _; unique in the file. Change it with `renamed_from`.",
    "renamed_from": "What the rule was called before: one name, or several, the latest first. So it keeps its entries.",
    "description": "Text for people.",
    "path": "Which blobs the rule is for: container/folder/file with *, ?, ** and captures such as {name}, {name:**}, "
    "{number:int}, {source:crm|erp} and {date:%Y-%m-%d}.",
    "regex": "In place of `path`: a regular expression (RE2) of the whole container/path; named groups are captures.",
    "exclude": "Path templates without captures: what one of them matches is not for the rule.",
    "min_size": "The blob has at least this size: bytes, or 10KB, 5MiB.",
    "max_size": "The blob has at most this size: bytes, or 10KB, 5MiB.",
    "content_type": "The blob has this content type, or one of these: text/csv, or text/* for a family.",
    "blob_type": "The blob is of this type.",
    "api": "This storage operation wrote the blob, or one of these: PutBlob, PutBlockList, CopyBlob, FlushWithClose.",
    "account": "The blob lies in this storage account, or in one of these.",
    "min_age": "The job starts once the file is this old: 90s, 5m, 48h or 7d.",
    "also": "true: the rule fires whenever it matches, beside the rule that wins.",
    "enabled": "false: the rule matches nothing.",
    "mode": "run: start the job. shadow: decide and record, and start nothing.",
    "on_overwrite": "What a new version of a known path does. run: start the job. ignore: record only. alert: record, "
    "and tell a person.",
    "on_failure": "What becomes of a file whose run failed in a way that may pass. record: nothing. {rerun: 2}: it is "
    "run again, at most twice. {repair: 2}: only what failed of the run is.",
    "limit": "At most so many runs: 100/hour, or a list such as [10/minute, 500/day]. What is over it waits.",
    "gather": "Many files start one run: those of which `by` is the same, when no more come, when there are enough, or "
    "when all that are expected are there.",
    "job": "The job to start: by id, or by its unique name.",
    "notebook_params": "Parameters of the job's notebooks, with {captures} and {blob.uri} and the like.",
    "job_parameters": "Parameters of the job itself, with {captures} and {blob.uri} and the like.",
    "python_named_params": "Named parameters of Python wheel tasks.",
    "sql_params": "Parameters of SQL tasks.",
    "python_params": "Arguments of Python tasks; ASCII only.",
    "jar_params": "Arguments of JAR tasks.",
    "dbt_commands": "Commands of dbt tasks; each begins with `dbt `.",
    "pipeline_params": "How a pipeline task refreshes its tables.",
    "only": "Run only these tasks; +task with what it depends on, task+ with what depends on it.",
    "examples": "Paths that must start this rule's job, and paths that must not match it. They are tried whenever the "
    "file is read.",
}
DEFAULTS = {"volumes": "Where containers are mounted as volumes: container -> /Volumes/catalog/schema/volume."}
JOB = {"id": "The job's number.", "name": "The job's name: exact, upper and lower case included, and unique."}
EXAMPLES = {
    "match": "Paths that must start this rule's job: a list, or a mapping to what they must give.",
    "no_match": "Paths that must not match this rule.",
    "given": "What is known of the example's blob, for conditions.",
}
GIVEN = {
    "size": "Its size: bytes, or 10KB, 5MiB.",
    "content_type": "Its content type.",
    "blob_type": "Its type.",
    "api": "The storage operation that wrote it.",
    "account": "The storage account it lies in.",
}
GATHER = {
    "by": "Captures that the files of one batch have in common, such as {source}/{date:%Y%m%d}; else all are of one.",
    "quiet": "A batch is closed when no file has come for so long: 90s, 5m, 48h or 7d. 5m if it is not said.",
    "wait": "A batch is closed so long after its first file at the latest. 1h if it is not said.",
    "files": "A batch is closed as soon as it has so many files. 1000 if it is not said.",
    "expect": "Names of files that the batch is complete with, or folders and names; then it is closed at once.",
    "if_incomplete": "What becomes of files that lack others when `wait` is over. dead: they are given up. run: they "
    "are run without these.",
}
PIPELINE = {
    "full_refresh": "true: refresh everything anew.",
    "full_refresh_selection": "Tables to refresh anew.",
    "refresh_selection": "Tables to refresh.",
    "refresh_flow_selection": "Flows to refresh.",
    "reset_checkpoint_selection": "Flows whose checkpoints are reset.",
}

"""Dynamic value references: `{{job.run_id}}` and the like in the strings of tasks and of job parameters' defaults.

https://docs.databricks.com/aws/en/jobs/dynamic-value-references. `syntax` reads them, `names` knows which there are,
`facts` holds what they may be replaced with, `values` and `times` replace one, `resolving` all of a task's, and
`finding` lists those of a job. What is substituted is never looked at again, and what a run was given by run-now is not
looked at either: a value that says `{{job.id}}` stays as it is, for names of files are text that anybody may choose.
"""

from __future__ import annotations

from localdev.workspace.references.facts import RunFacts, TaskFacts, facts_of
from localdev.workspace.references.finding import Found, found_in
from localdev.workspace.references.names import UnknownReference
from localdev.workspace.references.resolving import job_parameters, resolved
from localdev.workspace.references.syntax import Reference

__all__ = [
    "Found",
    "Reference",
    "RunFacts",
    "TaskFacts",
    "UnknownReference",
    "facts_of",
    "found_in",
    "job_parameters",
    "resolved",
]

"""A Databricks workspace in virtual time, and the truth about every run that it ever started."""

from __future__ import annotations

import json
import random
from bisect import bisect_left, insort
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from shared.errors import JobMissing, JobsBusy, JobsRefused, JobsUnauthorised
from shared.model import ENTRY_PARAMETER, Run, RunRequest, Verdict
from tests.simulation.history import History
from tests.simulation.ingredients import Ingredient
from tests.simulation.process import SimulatedClock

JOBS = {"ETL": 7}  # those that rules name; the others have ids
_PASSING, _LASTING = "CLUSTER_ERROR", "RUN_EXECUTION_ERROR"


@dataclass(slots=True)
class TrueRun:
    """One run, as it really was."""

    run_id: int
    job_id: int
    token: str
    entry: str  # the entry's key that it was given
    created: float  # virtual seconds
    ends: float
    verdict: Verdict  # once it has ended
    code: str
    parameters: Mapping[str, str]
    told_start: float = 0.0  # what the listing says, some minutes wrong
    is_deleted: bool = False
    repairs: list[int] = field(default_factory=list)

    @property
    def is_effective(self) -> bool:
        """Tell whether Databricks began to execute it."""
        return self.verdict is not Verdict.NEVER_RAN


class Workspace:
    """What Databricks does, without any network in between."""

    def __init__(
        self, clock: SimulatedClock, rates: Mapping[Ingredient, float], chance: random.Random, history: History
    ) -> None:
        self._clock = clock
        self._rates = rates
        self._chance = chance
        self._history = history
        self._of_job: dict[int, list[TrueRun]] = defaultdict(list)  # oldest first
        self._active: dict[int, list[float]] = defaultdict(list)  # ends of a job's runs, in order
        self.runs: dict[int, TrueRun] = {}
        self.tokens: dict[str, int] = {}
        self._bodies: dict[str, str] = {}  # what was sent first under each token
        self.of_entry: dict[str, list[TrueRun]] = defaultdict(list)
        self.sent: dict[int, list[float]] = {}  # when requests left that may have started a run, by job, in order
        self.refused_for_good: set[str] = set()  # entries
        self.refusals: Counter[str] = Counter()  # by entry
        self.longest_run = 240.0  # seconds
        self.most_active: int | None = None  # of a job, where there is no queue
        self.missing: set[int] = set()  # jobs
        self.is_throttling = False
        self.is_unauthorised = False
        self.is_calm = False

    def run_now(self, request: RunRequest) -> int:
        """Start a run, or return the one that this token has started before."""
        self._refuse(request.job_id)
        if self._bodies.setdefault(request.token, request.body) != request.body:
            self._history.violated("wrong", f"other bytes than before were sent under the token {request.token[:12]}")
        known = self.tokens.get(request.token)
        if known is not None:
            if self.runs[known].is_deleted:
                self._history.hits["token of a deleted run"] += 1
                raise JobsRefused("The run with this idempotency token has been deleted.", status=400)
            self._history.hits["token repeated"] += 1
            return known
        body = json.loads(request.body)
        entry = _named_parameters(body).get(ENTRY_PARAMETER, "")
        self._refuse_request(entry)
        run = self._run(request, entry, _named_parameters(body))
        self.runs[run.run_id] = run
        self.tokens[request.token] = run.run_id
        self._of_job[run.job_id].append(run)
        self.of_entry[entry].append(run)
        self._history.record("workspace", f"run {run.run_id} {run.verdict}", entry, run.ends)
        return run.run_id

    def get_run(self, run_id: int, *, history: bool) -> Run | None:
        """Return a run as it stands; None when it is not known."""
        self._refuse(None)
        run = self.runs.get(run_id)
        if run is None or run.is_deleted:
            return None
        told = self._told(run)
        return replace(told, latest_repair_id=run.repairs[-1] if run.repairs else None) if history else told

    def list_page(self, job_id: int, started_after: float | None, before: int | None, size: int) -> Sequence[Run]:
        """Return the job's newest runs below a run id, without tasks and repairs."""
        self._refuse(None)
        runs = self._of_job[job_id]
        end = len(runs) if before is None else bisect_left(runs, before, key=lambda run: run.run_id)
        page: list[Run] = []
        for position in range(end - 1, -1, -1):
            run = runs[position]
            if started_after is not None and run.created < started_after - 600:
                break
            if run.is_deleted or (started_after is not None and run.told_start < started_after):
                continue
            page.append(replace(self._told(run), task_run_ids=()))
            if len(page) == size:
                break
        return page

    def find_job(self, name: str) -> int:
        """Return the id of a job."""
        self._refuse(None)
        if name not in JOBS or JOBS[name] in self.missing:
            raise JobMissing(f"There is no job called {name!r}.")
        return JOBS[name]

    def repair_run(self, run_id: int, latest_repair_id: int | None) -> int:
        """Run an ended run again, if its last repair is named."""
        self._refuse(None)
        run = self.runs[run_id]
        if run.is_deleted:
            raise JobsRefused("The run does not exist.", status=400)
        if run.ends > self._clock.monotonic():
            raise JobsRefused("The run is in progress.", status=400)
        if (run.repairs[-1] if run.repairs else None) != latest_repair_id:
            raise JobsRefused("The latest repair ID needs to be provided in order to create a new repair", status=400)
        run.repairs.append(run_id * 100 + len(run.repairs) + 1)
        run.verdict, run.code = self._outcome()
        run.ends = self._clock.monotonic() + self._chance.uniform(5, self.longest_run)
        self._history.hits["repaired run"] += 1
        return run.repairs[-1]

    def delete_run(self, run_id: int) -> None:
        """Delete a run, as a person may at any time."""
        self.runs[run_id].is_deleted = True
        self._history.record("workspace", f"run {run_id} deleted", self.runs[run_id].entry)

    def _refuse(self, job_id: int | None) -> None:
        if self.is_throttling and self._chance.random() < 0.8:
            self._history.hits["throttled"] += 1
            raise JobsBusy("Too many requests.", status=429, retry_after=self._chance.choice((0, 0, 5, 60)))
        if self.is_unauthorised:
            self._history.hits["unauthorised"] += 1
            raise JobsUnauthorised("The token has expired.", status=401)
        if job_id is not None and job_id in self.missing:
            self._history.hits["job missing"] += 1
            raise JobMissing(f"Job {job_id} does not exist.", status=400)

    def _refuse_request(self, entry: str) -> None:
        rate = 0.0 if self.is_calm else self._rates.get(Ingredient.REFUSED, 0.0)
        if rate and self._chance.random() < rate:
            self._history.hits["refused"] += 1
            self.refusals[entry] += 1
            if self._chance.random() < 0.3:
                self.refused_for_good.add(entry)
            raise JobsRefused("The parameters are too long.", status=400)
        if entry in self.refused_for_good:
            self.refusals[entry] += 1
            raise JobsRefused("The parameters are too long.", status=400)

    def _run(self, request: RunRequest, entry: str, parameters: Mapping[str, str]) -> TrueRun:
        now = self._clock.monotonic()
        run_id = len(self.runs) + 101
        verdict, code = self._outcome()
        active = self._active[request.job_id]
        del active[: bisect_left(active, now)]
        ends = now + self._chance.uniform(5, self.longest_run)
        is_full = self.most_active is not None and len(active) >= self.most_active
        if is_full or self._chance.random() < self._rate(Ingredient.SKIPPED_RUNS):
            self._history.hits["skipped run"] += 1
            verdict, code, ends = Verdict.NEVER_RAN, "MAX_CONCURRENT_RUNS_EXCEEDED", now
        else:
            insort(active, ends)
        return TrueRun(
            run_id,
            request.job_id,
            request.token,
            entry,
            now,
            ends,
            verdict,
            code,
            parameters,
            told_start=now + self._chance.uniform(-120, 120),
        )

    def _outcome(self) -> tuple[Verdict, str]:
        if self._chance.random() >= self._rate(Ingredient.FAILED_RUNS):
            return Verdict.SUCCEEDED, "SUCCESS"
        self._history.hits["failed run"] += 1
        if self._chance.random() < 0.2:
            return Verdict.CANCELLED, "USER_CANCELED"
        return Verdict.FAILED, self._chance.choice((_PASSING, _LASTING, "INTERNAL_ERROR"))

    def _rate(self, which: Ingredient) -> float:
        return 0.0 if self.is_calm else self._rates.get(which, 0.0)

    def _told(self, run: TrueRun) -> Run:
        start = self._clock.now() - timedelta(seconds=self._clock.monotonic() - run.told_start)
        is_over = run.ends <= self._clock.monotonic()
        return Run(
            run_id=run.run_id,
            job_id=run.job_id,
            verdict=run.verdict if is_over else None,
            state=f"TERMINATED/{run.code}" if is_over else "RUNNING",
            message="",
            started_at=start,
            ended_at=start + timedelta(seconds=run.ends - run.created) if is_over else None,
            page_url="",
            parameters=run.parameters,
            task_run_ids=(run.run_id * 10 + 1,),
            code=run.code if is_over else "",
        )


def _named_parameters(body: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    return {**body.get("job_parameters", {}), **body.get("notebook_params", {})}

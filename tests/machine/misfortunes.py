"""What happens to processes, their calls and their runs. Machines mix it with the rest."""

from __future__ import annotations

import base64
import json

from hypothesis import strategies as st
from hypothesis.stateful import precondition

from shared.errors import JobsBusy, JobsRefused, JobsUnauthorised, JobsUnknown
from tests.machine.base import INSTANCES, NUMBERS, Machine, happening
from tests.machine.fleet import Step
from tests.machine.hazards import Plan, Seam, Trouble
from tests.machine.shore import CONTENTS, PLACES
from tests.machine.workspace import ENDS

SECRET = base64.b64encode(b"databricks:secret").decode()


class Troubles(Machine):
    """Processes die and stand still, and calls get lost."""

    @happening(at=INSTANCES, seam=st.sampled_from(Seam), calls=st.integers(1, 40), trouble=st.sampled_from(Trouble))
    def plan_trouble(self, at: int, seam: Seam, calls: int, trouble: Trouble) -> None:
        """Say which call of whatever an instance does next meets trouble."""
        self.at(at).hazards.plan = Plan(seam, calls, trouble)

    @happening(seam=st.sampled_from(Seam), calls=st.integers(1, 6), trouble=st.sampled_from(Trouble))
    def meet_trouble_in_a_claim(self, seam: Seam, calls: int, trouble: Trouble) -> None:
        """Let one of the few calls of a claim and its dispatch meet trouble."""
        place = next((place for place in PLACES if place not in self.shore.there(copying=True)), None)
        if place is not None:
            self.at(0).hazards.plan = Plan(seam, calls if seam is Seam.TABLE else 1, trouble)
            self.shore.upload(place, CONTENTS[calls % len(CONTENTS)])
            self.do(self.delivers(self.shore.take(-1), self.at(0)))

    @precondition(lambda self: any(instance.hazards.stalled for instance in self.fleet.instances))
    @happening()
    def wake_what_stands_still(self) -> None:
        """Let zombies go on."""
        self.fleet.wake()

    @happening(is_down=st.booleans())
    def blob_storage_answers_or_not(self, is_down: bool) -> None:  # noqa: FBT001 - by name
        """Take Blob Storage away, or bring it back."""
        self.fleet.common.landing.down = is_down


class Runs(Machine):
    """Databricks throttles, refuses and loses requests; runs end in every way; jobs come and go."""

    @happening(times=st.integers(1, 3), retry_after=st.sampled_from([0.0, 20.0, 600.0]))
    def throttle(self, times: int, retry_after: float) -> None:
        """Answer the next requests with 429, with or without Retry-After."""
        self.databricks.fail_next(JobsBusy("429", retry_after=retry_after), times=times)

    @happening(after=st.booleans())
    def time_out(self, after: bool) -> None:  # noqa: FBT001 - by name
        """Give no answer to the next request, before or after its effect."""
        self.databricks.fail_next(JobsUnknown("timed out"), after=after)

    @happening(times=st.sampled_from([1, 3]))
    def refuse(self, times: int) -> None:
        """Refuse the next requests for what they say."""
        self.databricks.fail_next(JobsRefused("400"), times=times)

    @happening()
    def refuse_our_identity(self) -> None:
        """Refuse the next request for who we are."""
        self.databricks.fail_next(JobsUnauthorised("403"))

    @happening(job=st.sampled_from([7, 8, 9]))
    def job_goes_or_comes_back(self, job: int) -> None:
        """Take a job away, or bring it back."""
        missing = self.databricks.missing
        if missing:
            missing.clear()
            self.databricks.jobs["ETL"] = 7
            return
        missing.add(job)
        if job == 7:
            del self.databricks.jobs["ETL"]

    @precondition(lambda self: self.databricks.active())
    @happening(
        number=NUMBERS,
        how=st.sampled_from(sorted(ENDS)),
        hinted=st.booleans(),
        wait=st.sampled_from([40.0, 700.0, 0.0]),
    )
    def end_a_run(self, number: int, how: str, hinted: bool, wait: float) -> None:  # noqa: FBT001 - by name
        """End a run; Databricks tells of it, or a pass finds out."""
        active = self.databricks.active()
        run_id = active[number % len(active)]
        self.databricks.end_as(run_id, how)
        self.clock.advance(wait)
        instance = self.at(number % 2)
        if hinted:
            hint = json.dumps({"event_type": "jobs.on_failure", "run": {"run_id": run_id}}).encode()
            self.do(Step(instance, instance.run_hints.receive(f"Basic {SECRET}", hint, instance.deadline())))
        else:
            self.do(self.passes(instance))

    @precondition(lambda self: self.databricks.runs)
    @happening(number=NUMBERS)
    def delete_a_run(self, number: int) -> None:
        """Delete a run, whatever it does."""
        runs = sorted(self.databricks.runs)
        self.databricks.delete(runs[-1 - number % len(runs)])

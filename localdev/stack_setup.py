"""What a fresh local stack needs before somebody drops a file: containers, jobs, and rules that are active."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import httpx
from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import BlobServiceClient

from shared import wiring
from shared.clock import Deadline
from shared.errors import JobMissing, JobsError, LandfallError, LedgerError
from shared.rules import Rule

FIRST_PASS_SECONDS = 60.0
CHECK_SECONDS = 5.0
RESULTS_CONTAINER = "curated"
DEAD_LETTER_CONTAINER = "landfall-dead-letters"


class SetupFailed(LandfallError):
    """The local stack runs, but cannot be made ready."""


def create_containers(connection_string: str, rules: Iterable[Rule]) -> None:
    """Create the landing containers that the rules name, those for results and for dead letters. Safe to repeat."""
    named = {rule.path.container for rule in rules if rule.path.container}
    names = named | {RESULTS_CONTAINER, DEAD_LETTER_CONTAINER}
    with BlobServiceClient.from_connection_string(connection_string) as service:
        for name in sorted(names):
            try:
                service.create_container(name)
            except ResourceExistsError:
                continue


def create_jobs(workspace_url: str, token: str, folder: Path) -> None:
    """Create the jobs of a folder of JSON files in a local workspace, except those it has by name. Safe to repeat."""
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=workspace_url, headers=headers, timeout=30) as client:
        for file in sorted(folder.glob("*.json")):
            job = json.loads(file.read_text(encoding="utf-8"))
            listed = client.get("/api/2.2/jobs/list", params={"name": job["name"]})
            if listed.is_success and listed.json().get("jobs"):
                continue
            created = client.post("/api/2.2/jobs/create", json=job)
            if not created.is_success:
                raise SetupFailed(f"The workspace refuses the job of {file.name}: {created.text[:500]}")


def check_jobs(environment: Mapping[str, str]) -> list[str]:
    """Return what is wrong with the jobs that the rules name; their files would wait.

    Raises SetupFailed when the workspace does not answer, or does not let us in.
    """
    return asyncio.run(_check_jobs(environment))


async def _check_jobs(environment: Mapping[str, str]) -> list[str]:
    service = wiring.build(environment)
    faults = []
    try:
        for rule in await service.rule_book.current():
            deadline = Deadline(service.clock, CHECK_SECONDS)
            try:
                if rule.job.id is None:
                    await service.jobs.find_job(rule.job.name or "", deadline)
                else:
                    await service.jobs.get_job(rule.job.id, deadline)
            except JobMissing as error:
                faults.append(f"The files of rule {rule.name} will wait: {error}")
    except JobsError as error:
        host = service.settings.databricks.host
        raise SetupFailed(f"The workspace {host} cannot be used: {error.message}", hint=error.hint) from error
    finally:
        await service.close()
    return faults


def run_first_pass(host_url: str, timer: str, environment: Mapping[str, str]) -> None:
    """Run one reconcile pass and wait for it: a rule is active from its first sight on."""
    asked = datetime.now(UTC)
    deadline = time.monotonic() + FIRST_PASS_SECONDS
    while (answer := _asked_for_pass(host_url, timer)) and time.monotonic() < deadline:
        time.sleep(0.2)  # `func` listens before its functions do
    if answer:
        raise SetupFailed(f"The Functions host does not run {timer}: {answer}")
    if not asyncio.run(_passed(environment, asked, deadline)):
        raise SetupFailed(
            f"No reconcile pass ended within {FIRST_PASS_SECONDS:.0f} s.", hint="The host's log says why."
        )


def _asked_for_pass(host_url: str, timer: str) -> str:
    """Ask the host to run the timer; return "" when it does, else what it says."""
    try:
        answer = httpx.post(f"{host_url}/admin/functions/{timer}", json={"input": ""}, timeout=30)
    except httpx.HTTPError as error:
        return repr(error)
    return "" if answer.is_success else f"HTTP {answer.status_code} {answer.text[:500]}"


async def _passed(environment: Mapping[str, str], since: datetime, deadline: float) -> bool:
    service = wiring.build(environment)
    try:
        while time.monotonic() < deadline:
            try:
                standings = await service.bookkeeping.standings()
                last = await service.bookkeeping.last_pass()
            except LedgerError:
                standings, last = {}, None
            if (
                last
                and datetime.fromisoformat(last["started_at"]) >= since
                and {rule.ledger_name for rule in await service.rule_book.current()} <= set(standings)
            ):
                return True
            await asyncio.sleep(0.1)
    finally:
        await service.close()
    return False

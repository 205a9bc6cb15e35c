"""What the pages show of jobs and runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from localdev.workspace.flow.outcomes import FAILED, SUCCEEDED
from localdev.workspace.model.run import TaskOutput
from localdev.workspace.pages.job_pages import JOBS_IN_A_PAGE, RUNS_IN_A_PAGE
from localdev.workspace.pages.tasks_view import LONGEST_LOG
from localdev.workspace.runners import task_report
from localdev.workspace.runners.runner import TaskResult
from localdev.workspace.scripted_runner import SUCCESS, ScriptedRunner, failure
from tests.fakes.waiting import until_done
from tests.localdev.workspace.kit import StandingClock, Workspace, started, task
from tests.localdev.workspace.pages.page_kit import HOST, open_pages, page_of, parsed

HOSTILE = "</title><script>alert(1)</script>\u202egnp.exe\x1b[31m\n\"'&{{ 7*7 }}"


async def test_empty_list_says_what_to_do(pages: Workspace) -> None:
    """Whoever sees it first knows the next step."""
    page = await page_of(pages, "/")

    assert "No jobs yet" in page.text
    assert "landfall jobs apply" in page.text
    assert "No runs yet" in page.text


async def test_list_shows_jobs_and_their_last_runs(pages: Workspace, runner: ScriptedRunner) -> None:
    """Each dot leads to its run and says in words what became of it."""
    schedule = {"quartz_cron_expression": "0 0 2 * * ?", "timezone_id": "UTC", "pause_status": "PAUSED"}
    job_id = await pages.create(name="ETL Pipeline Daily", schedule=schedule, queue={"enabled": False})
    run_id = await pages.run_now(job_id)
    await started(runner, 1)
    skipped = await pages.run_now(job_id)
    page = await page_of(pages, "/")
    dots = page.all("a", class_="dot")

    assert page.all("a", href=f"/jobs/{job_id}")[0].text == "ETL Pipeline Daily"
    assert "cron 0 0 2 * * ? (UTC), paused" in page.text
    assert [dot.attributes["href"] for dot in dots] == [f"/jobs/{job_id}/runs/{each}" for each in (run_id, skipped)]
    assert [dot.attributes["aria-label"] for dot in dots] == [f"Run {run_id}: running", f"Run {skipped}: skipped"]


async def test_list_has_pages(pages: Workspace) -> None:
    """Every job is on one of them, once."""
    jobs = [await pages.create(name=f"job {number}") for number in range(JOBS_IN_A_PAGE + 2)]
    first = await page_of(pages, "/")
    older = next(link for link in first.links() if link.startswith("/?before="))
    second = await page_of(pages, older)
    shown = [link for page in (first, second) for link in page.links() if re.fullmatch(r"/jobs/\d+", link)]

    assert shown == [f"/jobs/{job_id}" for job_id in reversed(jobs)]
    assert not [link for link in second.links() if link.startswith("/?before=")]


async def test_next_start_is_shown(pages: Workspace) -> None:
    """In UTC, whatever zone the schedule is in."""
    schedule = {"quartz_cron_expression": "0 0 2 * * ?", "timezone_id": "Europe/Paris", "pause_status": "UNPAUSED"}
    job_id = await pages.create(schedule=schedule)

    async def is_planned() -> bool:
        return "Next" in (await page_of(pages, f"/jobs/{job_id}")).text

    await until_done(is_planned)
    page = await page_of(pages, f"/jobs/{job_id}")

    assert page.all("time", datetime="2026-11-23T01:00:00.000Z")


async def test_job_page_has_key_figures(pages: Workspace, runner: ScriptedRunner, clock: StandingClock) -> None:
    """Success rate, duration, failures by code, and how many took longer than expected."""
    health = {"rules": [{"metric": "RUN_DURATION_SECONDS", "op": "GREATER_THAN", "value": 30}]}
    job_id = await pages.create(health=health)
    for number, seconds in enumerate((10, 20, 60)):
        run_id = await pages.run_now(job_id)
        await started(runner, number + 1)
        clock.advance(seconds=seconds)
        runner.started[number].finish(failure() if seconds == 60 else SUCCESS)
        await pages.ended(run_id)
    page = await page_of(pages, f"/jobs/{job_id}")

    assert "Success rate 67 % 2 of 3" in page.text
    assert "Median duration 20.0 s longest 1 min" in page.text
    assert "Failures 1 1 \u00d7 RUN_EXECUTION_ERROR" in page.text
    assert "Late 1 took 30.0 s or longer" in page.text
    assert [bar.attributes["height"] for bar in page.all("rect", class_="bar")] == ["9.3", "18.7", "56.0"]


async def test_job_page_shows_its_settings(pages: Workspace) -> None:
    """As JSON, as they were given."""
    job_id = await pages.create(task("a"), task("b", "a"), description="à lire")
    page = await page_of(pages, f"/jobs/{job_id}")

    assert '"description": "à lire"' in page.all("pre")[0].text
    assert [box.text for box in page.all("text", class_="key")] == ["a", "b"]
    assert "No run has ended yet" in page.text


async def test_runs_of_a_job_have_pages(tmp_path: Path, clock: StandingClock) -> None:
    """Every run is on one of them, once, the newest first."""
    async with open_pages(tmp_path, ScriptedRunner(), clock) as pages:
        job_id = await pages.create()
        runs = []
        for _ in range(RUNS_IN_A_PAGE + 3):
            runs.append(await pages.run_now(job_id))
            await pages.ended(runs[-1])
        first = await page_of(pages, f"/jobs/{job_id}")
        older = next(link for link in first.links() if "before=" in link)
        second = await page_of(pages, older)

    def listed(page_links: list[str]) -> list[str]:
        return [link for link in page_links if re.fullmatch(rf"/jobs/{job_id}/runs/\d+", link)]

    newest_first = [f"/jobs/{job_id}/runs/{run_id}" for run_id in reversed(runs)]
    assert listed(first.links())[-RUNS_IN_A_PAGE:] == newest_first[:RUNS_IN_A_PAGE]
    assert listed(second.links())[-3:] == newest_first[RUNS_IN_A_PAGE:]


async def test_run_page_shows_the_graph_with_states(pages: Workspace, runner: ScriptedRunner) -> None:
    """As colour and in words, and each task leads to what it left."""
    job_id = await pages.create(task("a"), task("b"), task("c", "a", "b"), max_concurrent_runs=1)
    run_id = await pages.run_now(job_id)
    await started(runner, 2)
    next(each for each in runner.started if each.launch.task_key == "a").finish(failure())
    await pages.once(run_id, lambda run: any(each["end_time"] for each in run["tasks"]))
    page = await page_of(pages, f"/jobs/{job_id}/runs/{run_id}")
    boxes = {box.text.split()[0].rstrip(":"): box for box in page.all("g", class_="box")}

    assert {key: box.attributes["class"].split()[1] for key, box in boxes.items()} == {
        "a": "bad",
        "b": "busy",
        "c": "waiting",
    }
    assert "✕ failed" in boxes["a"].text
    assert "▶ running" in boxes["b"].text
    assert "blocked" in boxes["c"].text
    assert len(page.all("path", class_="line")) == 2
    assert f"/jobs/{job_id}/runs/{run_id}#task-2" in page.links()


async def test_run_page_shows_what_tasks_left(pages: Workspace, runner: ScriptedRunner) -> None:
    """Error, trace and what notebooks exit with, of every attempt."""
    job_id = await pages.create(task("a", max_retries=1, min_retry_interval_millis=0), task("b"))
    run_id = await pages.run_now(job_id)
    await started(runner, 2)
    by_key = {each.launch.task_key: each for each in runner.started}
    by_key["a"].finish(failure("ValueError: bad row 17"))
    succeeded = TaskResult(outcome=SUCCEEDED, output=TaskOutput(result="42 rows", values={"rows": 42}))
    by_key["b"].finish(succeeded)
    await started(runner, 3)
    runner.started[2].finish(succeeded)
    await pages.ended(run_id)
    page = await page_of(pages, f"/jobs/{job_id}/runs/{run_id}")
    blocks = [block.text for block in page.all("pre")]

    assert "ValueError: bad row 17" in blocks
    assert "Traceback (most recent call last):\nValueError: bad row 17" in blocks
    assert blocks.count("42 rows") == 2
    assert '{\n  "rows": 42\n}' in blocks
    assert "Try 2" in page.text
    assert len(page.all("rect", class_="bar")) == 3


async def test_output_of_a_running_task_is_shown(pages: Workspace, runner: ScriptedRunner, tmp_path: Path) -> None:
    """The API has none for notebooks, and the page shows what there is, as it grows."""
    job_id = await pages.create()
    run_id = await pages.run_now(job_id)
    await started(runner, 1)
    folder = tmp_path / "data" / "tasks" / str(runner.started[0].launch.attempt_id)
    folder.mkdir(parents=True)
    task_report.output_file(folder).write_text("x" * 100_000 + "\nrow 17 of 100", encoding="utf-8")
    page = await page_of(pages, f"/jobs/{job_id}/runs/{run_id}")

    shown = next(block.text for block in page.all("pre") if "row 17" in block.text)
    assert len(shown) == LONGEST_LOG
    assert f"{100_014 - LONGEST_LOG} bytes before this are not shown" in page.text
    assert shown.endswith("\nrow 17 of 100")
    assert page.all("meta", **{"http-equiv": "refresh"})


async def test_parameters_are_shown_as_they_were_used(pages: Workspace, runner: ScriptedRunner) -> None:
    """The job's own with their defaults, what run-now gave, and what the task was started with."""
    job_id = await pages.create(
        task("main", notebook_task={"notebook_path": "/x", "base_parameters": {"run": "{{job.run_id}}"}}),
        parameters=[{"name": "date", "default": "yesterday"}],
    )
    run_id = await pages.run_now(job_id, job_parameters={"date": "today"})
    await started(runner, 1)
    page = await page_of(pages, f"/jobs/{job_id}/runs/{run_id}")

    assert "date today yesterday" in page.text
    assert f'"run": "{run_id}"' in page.all("body")[0].text


async def test_condition_and_loop_are_followed(pages: Workspace, runner: ScriptedRunner) -> None:
    """The graph tells which way a condition went, and a for-each task leads to its iterations and they back."""
    job_id = await pages.create(
        {"task_key": "any", "condition_task": {"op": "EQUAL_TO", "left": "1", "right": "1"}},
        task("never", depends_on=[{"task_key": "any", "outcome": "false"}]),
        {
            "task_key": "each",
            "depends_on": [{"task_key": "any", "outcome": "true"}],
            "for_each_task": {"inputs": '["fr", "de"]', "concurrency": 2, "task": task("country")},
        },
    )
    run_id = await pages.run_now(job_id)
    await started(runner, 2)
    await pages.ended(run_id)
    page = await page_of(pages, f"/jobs/{job_id}/runs/{run_id}")
    loop = next(link for link in page.links() if re.fullmatch(r"/jobs/\d+/runs/\d+", link) and str(run_id) not in link)
    iterations = await page_of(pages, loop)

    assert sorted(label.text for label in page.all("text", class_="outcome")) == ["false", "true"]
    assert "succeeded: true" in page.text
    assert [box.text for box in iterations.all("text", class_="key")] == ["country_0", "country_1"]
    assert f"/jobs/{job_id}/runs/{run_id}" in iterations.links()
    assert loop not in (await page_of(pages, "/")).links()


async def test_repairs_have_a_history(pages: Workspace, runner: ScriptedRunner) -> None:
    """What the run came to at first, and what its repair came to."""
    job_id = await pages.create()
    run_id = await pages.run_now(job_id)
    await started(runner, 1)
    runner.started[0].finish(failure())
    await pages.ended(run_id)
    answer = await pages.post("runs/repair", {"run_id": run_id, "rerun_all_failed_tasks": True})
    await started(runner, 2)
    runner.started[1].finish()
    await pages.ended(run_id)
    page = await page_of(pages, f"/jobs/{job_id}/runs/{run_id}")

    assert answer.status_code == 200, answer.text
    assert "#repairs" in page.links()
    history = page.all("div", **{"aria-label": "Repair history"})[0].text.split()
    assert [word for word in history if word in {"original", "repair", "failed", "succeeded"}] == [
        "original",
        "failed",
        "repair",
        "succeeded",
    ]


async def test_address_that_the_api_shows_leads_there(pages: Workspace, runner: ScriptedRunner) -> None:
    """For runs, and for task runs to their place on the page of their run."""
    job_id = await pages.create(task("a"), task("b"))
    run_id = await pages.run_now(job_id)
    await started(runner, 2)
    run = await pages.run(run_id)
    page = await pages.client.get(run["run_page_url"])
    of_task = {each["task_key"]: await pages.client.get(each["run_page_url"]) for each in run["tasks"]}

    assert run["run_page_url"].startswith(f"http://{HOST}/")
    assert parsed(page).all("h1")[0].text.startswith(f"Run {run_id}")
    assert of_task["b"].status_code == 303
    assert of_task["b"].headers["location"] == f"/jobs/{job_id}/runs/{run_id}?page=1#task-1"


@pytest.mark.parametrize(
    "path",
    ["/jobs/7", "/jobs/7/runs/8", "/mail/x.eml", "/jobs/99999999999999999999", "/jobs/1/runs/99999999999999999999"],
)
async def test_what_is_not_there_is_a_404(pages: Workspace, path: str) -> None:
    """With a page that leads back."""
    answer = await pages.client.get(path)

    assert answer.status_code == 404
    assert "/" in parsed(answer).links()


async def test_run_is_found_under_its_own_job_only(pages: Workspace, runner: ScriptedRunner) -> None:
    """An address that is wrong is not guessed right."""
    first, second = await pages.create(), await pages.create()
    run_id = await pages.run_now(first)
    await started(runner, 1)

    assert (await pages.client.get(f"/jobs/{second}/runs/{run_id}")).status_code == 404


async def test_deleted_jobs_are_gone(pages: Workspace, runner: ScriptedRunner) -> None:
    """With their runs, as in the API."""
    job_id = await pages.create()
    run_id = await pages.run_now(job_id)
    await started(runner, 1)
    await pages.post("delete", {"job_id": job_id})

    assert (await pages.client.get(f"/jobs/{job_id}")).status_code == 404
    assert (await pages.client.get(f"/jobs/{job_id}/runs/{run_id}")).status_code == 404
    assert str(run_id) not in (await page_of(pages, "/")).text


async def test_page_updates_itself_while_something_runs(pages: Workspace, runner: ScriptedRunner) -> None:
    """Its reader can pause that, and an ended run's page stands still."""
    job_id = await pages.create()
    run_id = await pages.run_now(job_id)
    await started(runner, 1)
    address = f"/jobs/{job_id}/runs/{run_id}"
    active = await page_of(pages, address)
    paused = await page_of(pages, next(link for link in active.links() if "updates=paused" in link))
    runner.started[0].finish()
    await pages.ended(run_id)
    ended = await page_of(pages, address)

    assert active.all("meta", **{"http-equiv": "refresh"})
    assert not paused.all("meta", **{"http-equiv": "refresh"})
    assert address in paused.links()
    assert not ended.all("meta", **{"http-equiv": "refresh"})
    assert "updates" not in ended.text


async def test_hostile_text_is_only_text(pages: Workspace, runner: ScriptedRunner) -> None:
    """Whatever a job, a parameter or an error is called: no element of it, and nothing in it hidden."""
    job_id = await pages.create(
        task("main", notebook_task={"notebook_path": f"/{HOSTILE[:20]}", "base_parameters": {HOSTILE: HOSTILE}}),
        name=HOSTILE,
        description=HOSTILE,
        tags={"x": HOSTILE},
        parameters=[{"name": "p", "default": HOSTILE}],
    )
    run_id = await pages.run_now(job_id, job_parameters={"p": HOSTILE})
    await started(runner, 1)
    output = TaskOutput(result=HOSTILE, error=HOSTILE, error_trace=f"{HOSTILE}!", values={"v": HOSTILE})
    runner.started[0].finish(TaskResult(outcome=FAILED, output=output))
    await pages.ended(run_id)

    for path in ("/", f"/jobs/{job_id}", f"/jobs/{job_id}/runs/{run_id}"):
        page = await page_of(pages, path)
        assert "\\u202egnp.exe\\x1b[31m" in page.text
        assert not set(page.all("body")[0].text) & {"\u202e", "\x1b"}
        assert "{{ 7*7 }}" in page.text
        assert "\u202e" not in page.all("title")[0].text


async def test_long_text_is_cut(pages: Workspace, runner: ScriptedRunner) -> None:
    """And the page says how much of it there is more."""
    job_id = await pages.create(name="n" * 4000, tags={"long": "d" * 1_000_000})
    run_id = await pages.run_now(job_id)
    await started(runner, 1)
    runner.started[0].finish(TaskResult(outcome=FAILED, output=TaskOutput(error="e", error_trace="t" * 3_000_000)))
    await pages.ended(run_id)
    answers = [await pages.client.get(path) for path in ("/", f"/jobs/{job_id}", f"/jobs/{job_id}/runs/{run_id}")]

    assert all(len(answer.content) < 200_000 for answer in answers)
    assert "characters before this are not shown" in answers[2].text
    assert "more characters are not shown" in answers[1].text


async def test_thousand_tasks_have_pages(pages: Workspace) -> None:
    """The graph says how many it leaves out, and every task is on a page."""
    tasks = [task(f"t{number}", *([f"t{number - 1}"] if number % 10 else [])) for number in range(1000)]
    job_id = await pages.create(*tasks, name="large")
    run_id = await pages.run_now(job_id)
    await pages.reaches(run_id, "RUNNING")
    await pages.post("runs/cancel", {"run_id": run_id})
    await pages.ended(run_id)
    page = await page_of(pages, f"/jobs/{job_id}/runs/{run_id}")
    last = await page_of(pages, f"/jobs/{job_id}/runs/{run_id}?page=20")

    assert "750 more tasks are not drawn" in page.text
    assert [section.attributes["id"] for section in page.all("section")] == [f"task-{n}" for n in range(50)]
    assert [section.attributes["id"] for section in last.all("section")] == [f"task-{n}" for n in range(950, 1000)]


@pytest.mark.parametrize("query", ["page=0", "page=99", "page=-1", "page=x", "page=²", "page=" + "9" * 400])
async def test_mistyped_page_is_one_that_is_there(pages: Workspace, runner: ScriptedRunner, query: str) -> None:
    """A number that is none is no error."""
    job_id = await pages.create()
    run_id = await pages.run_now(job_id)
    await started(runner, 1)

    page = await page_of(pages, f"/jobs/{job_id}/runs/{run_id}?{query}")

    assert page.all("section")

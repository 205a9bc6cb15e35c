"""`landfall backfill`: start jobs for files that landed before their rule, or whenever nobody was looking."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, TypeVar

import typer

from cli.backfill.report import progress_of, say, show_backfills, summary
from cli.options import read_moment
from cli.output import out, show_json, visible
from cli.person import person
from cli.target import environment
from shared import wiring
from shared.backfill_request import DEFAULT_RATE, BackfillRequest
from shared.clock import Deadline
from shared.errors import LandfallError, RequestError
from shared.ledger import Backfill, BackfillState

LISTED = timedelta(days=30)
# A person who wants it to end before presses Ctrl-C.
SECONDS = timedelta(days=30).total_seconds()
_T = TypeVar("_T")


def backfill(
    rule: Annotated[str, typer.Option(help="The rule whose files are wanted.")] = "",
    *,
    since: Annotated[str, typer.Option(help="That landed from then on: 2h, 7d, 2026-11-22T10:00.")] = "",
    until: Annotated[str, typer.Option(help="And before then.")] = "",
    prefix: Annotated[str, typer.Option(help="Only below this: container/beginning of names.")] = "",
    limit: Annotated[int | None, typer.Option(min=1, help="Start so many at most.")] = None,
    rate: Annotated[float, typer.Option(help="Start so many a second at most.")] = DEFAULT_RATE,
    dry_run: Annotated[bool, typer.Option(help="Only count them.")] = False,
    detach: Annotated[bool, typer.Option(help="Leave it to the service, pass by pass.")] = False,
    resume: Annotated[str, typer.Option(metavar="ID", help="Go on with one that was interrupted.")] = "",
    cancel: Annotated[str, typer.Option(metavar="ID", help="Call one off.")] = "",
    list_: Annotated[bool, typer.Option("--list", help="Show those of 30 days.")] = False,
    json: Annotated[bool, typer.Option("--json", help="For scripts: what /api/backfills answers.")] = False,
) -> None:
    """Claim the files of a rule that nobody has claimed, over a chosen range, and start their jobs.

    The baseline of the rule does not hold here. What has been claimed is left alone, so that it is safe to repeat.
    """
    _refuse_mixtures(rule, resume, cancel, listed=list_)
    if list_:
        _show_list(json=json)
    elif cancel:
        _cancel(cancel, json=json)
    elif resume:
        _finish(_work(resume), json=json)
    else:
        now = datetime.now(UTC)
        request = BackfillRequest(
            rule=rule,
            asked_by=person(),
            since=read_moment(since, now, "--since"),
            until=read_moment(until, now, "--until"),
            prefix=prefix,
            limit=limit,
            rate=rate,
            dry_run=dry_run,
        )
        _begin(request, detach=detach, json=json)


def _refuse_mixtures(rule: str, resume: str, cancel: str, *, listed: bool) -> None:
    wanted = {"--rule": bool(rule), "--resume": bool(resume), "--cancel": bool(cancel), "--list": listed}
    given = [option for option, is_given in wanted.items() if is_given]
    if len(given) != 1:
        said = f"{' and '.join(given)} do not go together" if given else "nothing is asked for"
        raise typer.BadParameter(f"{said}: give one of {', '.join(wanted)}")


def _begin(request: BackfillRequest, *, detach: bool, json: bool) -> None:
    if request.dry_run:
        told = asyncio.run(_with_service(lambda service: _dry_run(service, request)))
        show_json(told.as_json()) if json else out.print(f"{summary(told, dry_run=True)}.", markup=False)
        return
    asked = asyncio.run(_with_service(lambda service: _ask(service, request)))
    if not detach:
        _finish(_work(asked.id), json=json)
    elif json:
        show_json(asked.as_json())
    else:
        out.print(asked.id, markup=False)
        say("The service goes on with it in its passes; `landfall backfill --list` shows how far it is.")


async def _ask(service: wiring.Service, request: BackfillRequest) -> Backfill:
    same = await service.backfill_orders.unfinished(request)
    if same is not None:
        say(f"The same was asked for before and is not done: going on with {same.id}.")
        return same
    return await service.backfill_orders.ask(request)


async def _dry_run(service: wiring.Service, request: BackfillRequest) -> Backfill:
    draft = await service.backfill_orders.draft(request)
    with progress_of(draft) as show:
        return await service.backfiller.work(draft, Deadline(service.clock, SECONDS), dry_run=True, on_progress=show)


def _work(identity: str) -> Backfill:
    """Work on a backfill here, and say how to go on where that is interrupted."""
    how = f"`landfall backfill --resume {identity}` goes on with it, as the service's passes do; --cancel ends it."
    try:
        return asyncio.run(_with_service(lambda service: _resume(service, identity)))
    except KeyboardInterrupt:
        say(f"Interrupted. {how}")
        raise typer.Exit(130) from None
    except RequestError:
        raise
    except LandfallError:
        say(how)
        raise


async def _resume(service: wiring.Service, identity: str) -> Backfill:
    found = await service.backfill_orders.read(identity)
    if found is None:
        raise _no_such(identity)
    if not found.is_running:
        return found
    with progress_of(found) as show:
        return await service.backfiller.work(found, Deadline(service.clock, SECONDS), on_progress=show)


def _finish(done: Backfill, *, json: bool) -> None:
    if json:
        show_json(done.as_json())
    else:
        why = f" ({done.reason.rstrip('.')})" if done.reason else ""
        out.print(visible(f"{done.id} {done.state.value}{why}. {summary(done)}."), soft_wrap=True)
    if done.state in {BackfillState.FAILED, BackfillState.CANCELLED}:
        raise typer.Exit(1)


def _cancel(identity: str, *, json: bool) -> None:
    ended = asyncio.run(_with_service(lambda service: service.backfill_orders.cancel(identity)))
    if ended is None:
        raise _no_such(identity)
    show_json(ended.as_json()) if json else out.print(f"{ended.id} {ended.state.value}.", markup=False)


def _show_list(*, json: bool) -> None:
    found = asyncio.run(_with_service(lambda service: service.backfill_orders.recent(LISTED)))
    show_json({"backfills": [each.as_json() for each in found]}) if json else show_backfills(found)


async def _with_service(act: Callable[[wiring.Service], Awaitable[_T]]) -> _T:
    service = wiring.build(environment())
    try:
        return await act(service)
    finally:
        await service.close()


def _no_such(identity: str) -> RequestError:
    return RequestError([f"There is no backfill {identity}."], hint="`landfall backfill --list` shows them.")

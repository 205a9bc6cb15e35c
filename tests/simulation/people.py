"""What people and their programs do in one history: files, rules, deploys, replays."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import itertools
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from shared.backfill_request import BackfillRequest
from shared.clock import Deadline
from shared.errors import LandfallError
from shared.model import Arrival, Source
from shared.replay_request import REPLAYABLE, ReplayRequest
from tests.fakes.arrivals import ACCOUNT
from tests.simulation.blobs import Blobs
from tests.simulation.event_grid import EventGrid
from tests.simulation.fleet import Fleet, Instance
from tests.simulation.history import History
from tests.simulation.ingredients import Ingredient
from tests.simulation.places import Places
from tests.simulation.process import SimulatedClock
from tests.simulation.rule_texts import edited
from tests.simulation.scenario import Scenario
from tests.simulation.truth import Content, Truth
from tests.simulation.workspace import Workspace

_ROLLOUT, _DRAIN = 60.0, 60.0  # seconds until every instance is another one, and until none of the old ones works
_CLEARED_UP_AFTER = 1500.0


class People:
    """Acts by the seed."""

    def __init__(
        self,
        scenario: Scenario,
        chance: random.Random,
        clock: SimulatedClock,
        truth: Truth,
        blobs: Blobs,
        workspace: Workspace,
        history: History,
    ) -> None:
        self._scenario = scenario
        self._chance = chance
        self._clock = clock
        self._truth = truth
        self._blobs = blobs
        self._workspace = workspace
        self._history = history
        self._etags = itertools.count(1)
        self._places = Places(chance, is_gathering=scenario.has(Ingredient.GATHER))
        self.events: EventGrid
        self.fleet: Fleet
        self.arrivals = 0
        self.allow_recreation: Callable[[], None] = lambda: None

    async def drop_files(self, count: int, seconds: float) -> None:
        """Drop files for so long, and do with them what people do."""
        moments = sorted(self._chance.random() * seconds for _ in range(count))
        began = self._clock.monotonic()
        for moment in moments:
            wait = began + moment - self._clock.monotonic()
            if self._places.is_bursting:
                await asyncio.sleep(self._chance.random() * 0.1)
            elif wait > 0:
                await asyncio.sleep(wait)
            content = self._upload()
            self.arrivals += 1
            self._plan(content)
        await asyncio.sleep(max(0.0, began + seconds - self._clock.monotonic()))

    def edit_rules(self) -> None:
        """Change the rules, and roll them out."""
        edit, document = edited(self.fleet.document, self._chance)
        self._history.hits[f"rules: {edit}"] += 1
        self._history.record("people", f"rules: {edit}", "", [rule.name for rule in document])
        self._truth.edit(document, self._clock.monotonic() + _ROLLOUT + _DRAIN)
        self.fleet.deploy(document, _ROLLOUT)

    def deploy(self) -> None:
        """Roll the same app out once more."""
        self._history.hits["deploy"] += 1
        self.fleet.deploy(self.fleet.document, _ROLLOUT)

    def replay(self) -> None:
        """Ask for a replay of what has ended badly."""
        instance, rule = self.fleet.pick(), self._chance.choice(self.fleet.document)
        if instance is not None:
            self._history.hits["replay"] += 1
            self._history.record("people", "replay", "", rule.name)
            self._truth.replays.append((self._clock.monotonic(), rule.kept_as))
            instance.process.start(self._replay(instance, rule.name))

    def backfill(self) -> None:
        """Ask for a backfill of a rule."""
        instance, rule = self.fleet.pick(), self._chance.choice(self.fleet.document)
        if instance is not None:
            self._history.hits["backfill"] += 1
            self._history.record("people", "backfill", "", rule.name)
            self.allow_recreation()
            instance.process.start(self._backfill(instance, rule.name))

    async def _replay(self, instance: Instance, rule: str) -> None:
        with suppress(LandfallError):  # a person sees it
            request = ReplayRequest(rule=rule, states=REPLAYABLE, asked_by="a person")
            deadline = Deadline(instance.process.clock, 10)
            replayed = await instance.cases.replayer.replay(request, deadline)
            await instance.cases.redriver.redrive(replayed.markers, deadline)

    async def _backfill(self, instance: Instance, rule: str) -> None:
        with suppress(LandfallError):
            await instance.cases.backfill_orders.ask(BackfillRequest(rule=rule, asked_by="a person"))

    def _upload(self) -> Content:
        chance, has = self._chance, self._scenario.rate
        if self._truth.current and chance.random() < has(Ingredient.OVERWRITES):
            number = max(0, len(self._truth.contents) - 1 - int(chance.random() ** 2 * 30))
            old = self._truth.contents[number]
            if old.gone_at is None:
                self._history.hits["overwrite"] += 1
                is_repeated = chance.random() < has(Ingredient.SAME_CONTENT)
                body = f"{old.number}" if is_repeated else ""
                return self._commit(old.arrival.container, old.arrival.path, body, is_repeated=is_repeated)
        container, path = self._places.next(f"{self._clock.now():%Y-%m-%d}")
        return self._commit(container, path, "", is_repeated=False)

    def _commit(self, container: str, path: str, body: str, *, is_repeated: bool) -> Content:
        old = self._truth.current.get((container, path))
        has_md5 = self._chance.random() >= self._scenario.rate(Ingredient.BLOCK_UPLOADS)
        text = (body or f"{len(self._truth.contents)}").rjust(self._chance.randint(6, 8) if not is_repeated else 7)
        if is_repeated and old is not None:
            text, has_md5 = "", old.has_md5
        md5 = base64.b64encode(hashlib.md5(text.encode(), usedforsecurity=False).digest()).decode()
        arrival = Arrival(
            account=ACCOUNT,
            container=container,
            path=path,
            version=f"0x{next(self._etags):X}",
            committed_at=self._blobs.server_time(),
            source=Source.SWEEP,
            size=len(text),
            md5=md5 if has_md5 else None,
            content_type="text/csv",
            blob_type="BlockBlob",
        )
        if is_repeated and old is not None:
            blob = self._blobs.find(container, path)
            assert blob is not None
            arrival = replace(arrival, size=blob.size, md5=blob.md5)
        content = self._truth.commit(
            arrival, has_md5=has_md5, is_repeated=is_repeated, is_far=path.startswith("2026-03")
        )
        self._blobs.put(arrival)
        self._history.record("people", "upload", content.full_path, arrival.version)
        self.events.announce(content, self._clock)
        return content

    def _plan(self, content: Content) -> None:
        """Plan what becomes of a file some time after it landed."""
        plans = (
            (Ingredient.TOUCHES, self._touch),
            (Ingredient.DELETES, self._delete),
            (Ingredient.RENAMES, self._rename),
            (Ingredient.DELETED_RUNS, self._delete_run),
        )
        loop = asyncio.get_running_loop()
        for ingredient, act in plans:
            if self._chance.random() < self._scenario.rate(ingredient):
                loop.call_later(self._chance.random() ** 2 * 1500, act, content)
        if self._scenario.is_large:
            loop.call_later(_CLEARED_UP_AFTER, self._clear_up, content)

    def _touch(self, content: Content) -> None:
        blob = self._blob_of(content)
        if blob is not None:
            self._history.hits["touch"] += 1
            touched = replace(blob, version=f"0x{next(self._etags):X}", committed_at=self._blobs.server_time())
            self._blobs.put(touched)
            self._truth.touch(content, touched)
            self._history.record("people", "touch", content.full_path, touched.version)

    def _delete(self, content: Content) -> None:
        if self._blob_of(content) is not None:
            self._history.hits["delete"] += 1
            self._remove(content, "delete")

    def _rename(self, content: Content) -> None:
        blob = self._blob_of(content)
        if blob is None:
            return
        self._history.hits["rename"] += 1
        self._remove(content, "rename")
        path = blob.path.replace(".csv", f"-moved-{next(self._places.numbers)}.csv")
        moved = replace(blob, path=path)
        self._blobs.put(moved)
        new = self._truth.commit(moved, has_md5=content.has_md5, is_moved=True, is_far=content.is_far)
        self._history.record("people", "renamed to", new.full_path, moved.version)
        self.events.announce(new, self._clock)

    def _delete_run(self, content: Content) -> None:
        for key in self._truth.with_batches(content.keys):
            for run in self._workspace.of_entry.get(key, ()):
                if not run.is_deleted:
                    self._history.hits["deleted run"] += 1
                    self._workspace.delete_run(run.run_id)
                    return

    def _clear_up(self, content: Content) -> None:
        """Have a file that was processed moved out of the way, as pipelines do."""
        if self._blob_of(content) is None:
            return
        now = self._clock.monotonic()
        rules = self._truth.lasting_rules(content)
        keys = self._truth.with_batches(content.keys)
        done = {run.entry for key in keys for run in self._workspace.of_entry.get(key, ()) if run.ends < now}
        if len(done) >= len(rules):
            self._history.hits["cleared up"] += 1
            self._remove(content, "clear up")
        else:
            asyncio.get_running_loop().call_later(_CLEARED_UP_AFTER / 2, self._clear_up, content)

    def _remove(self, content: Content, why: str) -> None:
        self._blobs.remove(content.arrival.container, content.arrival.path)
        self._truth.remove(content.arrival.container, content.arrival.path)
        self._history.record("people", why, content.full_path)

    def _blob_of(self, content: Content) -> Arrival | None:
        """Return the blob of a content, None when it has been replaced or removed."""
        if content.gone_at is not None:
            return None
        return self._blobs.find(content.arrival.container, content.arrival.path)

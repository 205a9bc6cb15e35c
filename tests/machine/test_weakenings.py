"""The machines are not blind."""

from __future__ import annotations

import pytest

from tests.machine.base import Machine
from tests.machine.machines import MACHINES, work_through
from tests.machine.weakenings import WEAKENINGS
from tests.proof_record import record

pytestmark = pytest.mark.proof
HISTORIES = 40  # with each seed
SEEDS = range(1, 6)


@pytest.mark.parametrize("name", sorted(WEAKENINGS))
def test_weakened_service_is_found_out(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each weakened rule breaks a promise within the histories that a machine is given."""
    weaken, machine = WEAKENINGS[name]
    weaken(monkeypatch)

    with pytest.raises(AssertionError, match=r"\w") as found:
        _search(MACHINES[machine])

    first = str(found.value).partition("\n")[0]
    record(f"machine, weakened: {name}", how_many="at most 200 histories", result=f"found: {first}")
    print(f"{name}: {first}")  # noqa: T201 - the closing line of a proof


def _search(machine: type[Machine]) -> None:
    for seed in SEEDS:
        work_through(machine, HISTORIES, started_by=seed, shrinks=False)

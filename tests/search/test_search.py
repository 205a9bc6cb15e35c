"""Every state that three real workers can reach by crashes, lost answers and late ones keeps every promise."""

from __future__ import annotations

import pytest

from tests.search.__main__ import main, search_one
from tests.search.scenarios import everything
from tests.search.weakened import WEAKENED, look_for

pytestmark = pytest.mark.proof
NAMES = [each.name for each in everything(faults=0)]
# What must have been answered in each of these ways, or a search has become blind to it.
ANSWERED = {
    "event": {
        ("Transact", "works"),
        ("Transact", "conflicts"),
        ("Transact", "rejected before"),
        ("Transact", "applied, answer lost"),
        ("Transact", "applied, and sent again by the SDK"),
        ("Read", "no answer"),
        ("ReadRange", "no answer"),
        ("RunNow", "works"),
        ("RunNow", "started, answer lost"),
        ("RunNow", "lost before"),
        ("RunNow", "busy"),
        ("RunNow", "refused"),
        ("GetRun", "works"),
        ("GetRun", "no answer"),
    },
    "event, two passes, a day between": {("ListRuns", "works"), ("ListRuns", "no answer")},
    "event, two passes, a repair": {("Repair", "works"), ("Repair", "repaired, answer lost")},
    "sealing": {("Transact", "conflicts"), ("WriteManifest", "works"), ("ReadManifest", "works")},
}


@pytest.mark.parametrize("name", NAMES)
def test_no_reachable_state_is_wrong(name: str) -> None:
    """With a crash of every worker at every step, and one more call of a history that goes wrong."""
    found = search_one(name, faults=1)

    assert (found.violation, found.path) == ("", [])
    assert found.histories > found.states > 500
    for beginning, answered in ANSWERED.items():
        if name.startswith(beginning):
            assert found.answered >= answered


@pytest.mark.parametrize("name", WEAKENED)
def test_weakened_rule_is_noticed(name: str) -> None:
    """A search that finds nothing in code that is known to be wrong would prove nothing."""
    assert look_for(name)


def test_command_tells_what_it_has_searched(capsys: pytest.CaptureFixture[str]) -> None:
    """The last line says how many states there were and how many of them are wrong."""
    code = main(["event, two passes, a day between", "--faults", "0", "--jobs", "1"])

    assert code == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("1 scenarios, 3 workers, crashes at every step, up to 0 more faults a history: ")
    assert ", 0 violations, " in last

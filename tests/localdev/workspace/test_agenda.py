"""What is due when."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from localdev.workspace.flow.agenda import Agenda
from tests.localdev.workspace.kit import START

moments = st.integers(0, 20).map(lambda seconds: START + timedelta(seconds=seconds))
steps = st.lists(st.one_of(st.tuples(st.integers(0, 5), st.none() | moments), moments), max_size=300)


@given(steps)
def test_agenda_is_a_table_of_moments(history: list[tuple[int, datetime | None] | datetime]) -> None:
    """Planned anew, taken back or due: it tells what a plain table would, and keeps no more than it needs."""
    agenda = Agenda()
    table: dict[int, datetime] = {}
    for step in history:
        if isinstance(step, datetime):
            due = {key for key, moment in table.items() if moment <= step}
            assert agenda.due(step) == due
            table = {key: moment for key, moment in table.items() if key not in due}
        else:
            key, planned = step
            agenda.plan(key, planned)
            table.pop(key, None)
            table |= {} if planned is None else {key: planned}
        assert agenda.first() == min(table.values(), default=None)
        assert len(agenda._heap) <= 2 * len(table) + 100

"""What an instance has in hand of a limit: permits for a while, places for a while, and no more than it needs."""

from __future__ import annotations

from datetime import timedelta

from shared.limits.wallet import LEAST_LIFE, MOST_PLACES, Wallet
from shared.limits.windows import life, step
from shared.rules import Limit, Per
from tests.fakes.manual_clock import START

LIMIT = Limit(100, Per.HOUR)
LIFE = life(LIMIT)


def test_permit_is_used_within_its_life_only() -> None:
    """Not when too little of it is left for a request to be answered, and not afterwards."""
    wallet = Wallet("crm|hour", LIMIT)
    wallet.put_in(START, START, 2)

    assert wallet.take(START + LIFE - LEAST_LIFE) is not None
    assert wallet.left(START + LIFE - LEAST_LIFE) == 1
    assert wallet.take(START + LIFE - LEAST_LIFE + timedelta(milliseconds=1)) is None
    assert wallet.left(START + LIFE) == 0


def test_unused_permits_go_back_once() -> None:
    """By the moment that the budget knows them by; one that comes back from a request in time goes with them."""
    wallet = Wallet("crm|hour", LIMIT)
    wallet.put_in(START, START, 3)
    block = wallet.take(START)
    assert block is not None
    block.left += 1
    assert wallet.take_out_unused(START + LIFE / 2) == {}

    assert wallet.take_out_unused(START + LIFE) == {START: 3}
    assert wallet.take_out_unused(START + LIFE) == {}
    assert wallet.take(START) is None


def test_blocks_grow_with_demand_and_shrink_without() -> None:
    """A busy instance asks seldom, up to a twentieth of the limit at once; an idle one holds little."""
    wallet = Wallet("crm|hour", LIMIT)

    assert [wallet.next_size(0) for _ in range(4)] == [2, 4, 5, 5]
    assert [wallet.next_size(3) for _ in range(4)] == [2, 1, 1, 1]
    wallet.waiting = 4
    assert wallet.next_size(1) == 4


def test_places_are_taken_one_after_the_other() -> None:
    """Each is due one step later; old ones are left, for others have come before them meanwhile."""
    wallet = Wallet("crm|hour", LIMIT)
    assert wallet.take_place(START) is None
    first = START + timedelta(hours=1)
    wallet.put_in_places(first, START, 3)

    assert [wallet.take_place(START) for _ in range(2)] == [first, first + step(LIMIT)]
    assert wallet.take_place(START + LIFE) is None
    wallet.put_in_places(first, START, 1)
    assert [wallet.take_place(START) for _ in range(2)] == [first, None]


def test_more_places_are_asked_for_in_a_flood() -> None:
    """So that a hundred thousand files cost a few hundred calls and not as many."""
    wallet = Wallet("crm|hour", LIMIT)
    asked = []
    for _ in range(12):
        asked.append(wallet.next_places(START))
        wallet.put_in_places(START, START, asked[-1])

    assert asked[:3] == [1, 2, 4]
    assert asked[-1] == MOST_PLACES
    assert wallet.next_places(START + LIFE) == 1


def test_exhaustion_ends_when_permits_are_in_hand() -> None:
    """Or when its time has come: then somebody asks again."""
    wallet = Wallet("crm|hour", LIMIT)
    wallet.exhausted_until = START + timedelta(hours=1)
    assert wallet.is_exhausted(START)
    assert not wallet.is_exhausted(START + timedelta(hours=1))

    wallet.put_in(START, START, 1)

    assert not wallet.is_exhausted(START)

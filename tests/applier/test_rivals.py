"""Two runs that create for one address at one moment: both compute alike which of them withdraws."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier, Event

import pytest
from samples import CREATOR, IDENTITY, NOW, RAW, make_desired, make_intent, make_observation

from keyplan.applier.rivals import Lookout, find_rival
from keyplan.errors import ProviderError, ProviderUnavailableError
from keyplan.model.basis import CreateBasis
from keyplan.model.identity import Address, KeyId, UserId
from keyplan.model.observation import Marker, Observation
from keyplan.model.secret import RawKey
from keyplan.ports import Issued

SECOND = timedelta(seconds=1)
BASIS = CreateBasis(desired=make_desired(), alive=(KeyId("key-0"),), creators=frozenset({CREATOR}))
INTENT = make_intent(at=NOW)


def ours(key_id: str, **changes: object) -> Observation:
    values = {"marker": Marker.of(IDENTITY, Address("user/ci")), "created_by": CREATOR, "created_at": NOW + SECOND}
    return make_observation(key_id, **(values | changes))


MINE = Issued(key=ours("key-5"), raw=RawKey(RAW))


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        pytest.param(ours("key-9", created_at=NOW), "key-9", id="created before"),
        pytest.param(ours("key-1", created_at=NOW + 2 * SECOND), None, id="created after"),
        pytest.param(ours("key-1"), "key-1", id="at the same instant, lower id"),
        pytest.param(ours("key-9"), None, id="at the same instant, higher id"),
        pytest.param(ours("key-0", created_at=NOW), None, id="known before"),
        pytest.param(ours("key-1", created_at=NOW, marker=None), None, id="without our marker"),
        pytest.param(ours("key-1", created_at=NOW, created_by=UserId("stranger")), None, id="made by a stranger"),
        pytest.param(ours("key-1", created_at=NOW, active=False), None, id="dead"),
        pytest.param(ours("key-1", created_at=NOW, expires_at=NOW + SECOND), None, id="expired when ours was made"),
        pytest.param(ours("key-1", created_at=NOW - timedelta(hours=1)), None, id="made long before the intent"),
        pytest.param(
            ours("key-1", created_at=NOW, marker=Marker.of(IDENTITY, Address("user/cd"))), None, id="of another address"
        ),
    ],
)
def test_the_later_key_withdraws_and_then_the_higher_id(other: Observation, expected: str | None) -> None:
    rival = find_rival(MINE, BASIS, INTENT, (other, MINE.key))
    assert (rival.id if rival else None) == expected


def test_of_two_runs_exactly_one_withdraws() -> None:
    other = Issued(key=ours("key-6"), raw=RawKey(RAW))
    keys = (MINE.key, other.key)
    assert [find_rival(one, BASIS, INTENT, keys) is None for one in (MINE, other)] == [True, False]


def test_where_marks_prove_the_creator_any_marked_newcomer_is_a_rival() -> None:
    trusting = replace(BASIS, creators=None)
    other = ours("key-1", created_at=NOW, created_by=UserId("stranger"))
    assert find_rival(MINE, trusting, INTENT, (other,)) == other


def test_a_key_without_a_marker_gives_way_to_none() -> None:
    unmarked = CreateBasis(desired=replace(make_desired(), marker=None), alive=())
    assert find_rival(MINE, unmarked, INTENT, (ours("key-1", created_at=NOW, marker=None),)) is None


class Provider:
    """Lists, and counts how often."""

    def __init__(self) -> None:
        self.listings = 0
        self.failure: ProviderError | None = None

    def list_keys(self) -> tuple[Observation, ...]:
        self.listings += 1
        if self.failure:
            raise self.failure
        return (MINE.key,)


def test_threads_that_create_at_once_share_a_listing() -> None:
    provider = Provider()
    lookout, created = Lookout(provider.list_keys), Barrier(8)

    def create() -> tuple[Observation, ...]:
        with lookout.taking_part():
            created.wait(10)
            return lookout.look()

    with ThreadPoolExecutor(8) as pool:
        found = [future.result(20) for future in [pool.submit(create) for _ in range(8)]]
    assert found == [(MINE.key,)] * 8
    assert provider.listings == 1


def test_a_thread_that_ends_without_a_look_keeps_no_other_waiting() -> None:
    provider = Provider()
    lookout, begun, may_end = Lookout(provider.list_keys), Event(), Event()

    def fail() -> None:
        with lookout.taking_part():
            begun.set()
            may_end.wait(10)

    def create() -> tuple[Observation, ...]:
        with lookout.taking_part():
            begun.wait(10)
            may_end.set()
            return lookout.look()

    with ThreadPoolExecutor(2) as pool:
        other, one = pool.submit(fail), pool.submit(create)
        assert one.result(20) == (MINE.key,)
        other.result(20)


def test_a_listing_that_began_before_is_not_enough() -> None:
    listing, go_on = Event(), Event()
    listings: list[int] = []

    def list_keys() -> tuple[Observation, ...]:
        listings.append(len(listings))
        if len(listings) == 1:
            listing.set()
            go_on.wait(10)
        return ()

    lookout = Lookout(list_keys)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(lookout.look)
        assert listing.wait(10)
        second = pool.submit(lookout.look)
        go_on.set()
        first.result(20)
        second.result(20)
    assert len(listings) == 2


def test_a_listing_that_fails_fails_for_all_that_waited() -> None:
    provider = Provider()
    provider.failure = ProviderUnavailableError("no answer")
    with pytest.raises(ProviderUnavailableError):
        Lookout(provider.list_keys).look()

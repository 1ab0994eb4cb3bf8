from datetime import timedelta
from threading import Thread
from typing import Literal

import pytest
from samples import NOW, make_access, make_desired, make_desired_service, make_holder, make_receipt
from simulator import BLIND, Fault, Killed, World, make_space

from keyplan.errors import (
    InDoubtError,
    InputError,
    LedgerError,
    ProviderDeniedError,
    ProviderRefusedError,
    ProviderUnavailableError,
    SinkUnavailableError,
)
from keyplan.model.identity import Address, KeyId
from keyplan.model.manifest import KeyType, ScopeById, ScopeByName
from keyplan.model.observation import Slot
from keyplan.model.secret import RawKey

Dialect = Literal["alpha", "beta"]
RefreshId = Literal["new", "same"]
DAY = timedelta(days=1)
NO_GRACE = timedelta(0)


def test_an_effect_killed_before_did_not_happen() -> None:
    world = World()
    world.effects.inject(Fault.KILL_BEFORE, "provider.create")
    with pytest.raises(Killed):
        world.provider.create(make_desired(), expires_at=None)
    assert world.provider.records == {}


def test_an_effect_killed_after_did_happen() -> None:
    world = World()
    world.effects.inject(Fault.KILL_AFTER, "provider.create")
    with pytest.raises(Killed):
        world.provider.create(make_desired(), expires_at=None)
    assert len(world.provider.live()) == 1


def test_a_killed_process_reads_nothing_more_until_the_world_restarts() -> None:
    world = World()
    world.effects.inject_at(1, Fault.KILL_BEFORE)
    with pytest.raises(Killed):
        world.provider.delete(KeyId("key-1"))
    with pytest.raises(Killed):
        world.ledger.recall()
    world.restart()
    assert world.ledger.recall().receipts == ()


@pytest.mark.parametrize(
    ("fault", "error", "made"),
    [
        pytest.param(Fault.ANSWER_LOST, InDoubtError, 1, id="the key exists and nobody holds it"),
        pytest.param(Fault.REQUEST_LOST, InDoubtError, 0, id="looks the same, but nothing happened"),
        pytest.param(Fault.ERROR, ProviderUnavailableError, 0, id="certainly nothing happened"),
    ],
)
def test_a_create_that_fails_says_what_its_caller_can_know(fault: Fault, error: type[Exception], made: int) -> None:
    world = World()
    world.effects.inject(fault, "provider.create")
    with pytest.raises(error):
        world.provider.create(make_desired(), expires_at=None)
    assert len(world.provider.live()) == made


def test_a_lost_answer_of_a_sink_leaves_the_value_stored() -> None:
    world = World()
    world.effects.inject(Fault.ANSWER_LOST, "sink.put:*")
    with pytest.raises(SinkUnavailableError):
        world.sinks["local"].put(Slot(sink="local", location="a"), RawKey("ak-1"), make_receipt("ak-1"))
    assert world.delivered() == {"local:a": "ak-1"}


def test_a_lost_answer_of_the_ledger_leaves_the_receipt_recorded() -> None:
    world = World()
    world.effects.inject(Fault.ANSWER_LOST, "ledger.record")
    with pytest.raises(LedgerError):
        world.ledger.record(make_receipt())
    assert len(world.ledger.receipts) == 1


def test_a_fault_can_skip_and_repeat_and_be_healed() -> None:
    world = World()
    world.effects.inject(Fault.ERROR, "ledger.forget", skip=1, times=9)
    world.ledger.forget("user/ci")
    with pytest.raises(LedgerError):
        world.ledger.forget("user/ci")
    world.effects.heal()
    world.ledger.forget("user/ci")


def test_a_planned_error_replaces_the_usual_one() -> None:
    world = World()
    world.effects.inject(Fault.ERROR, "provider.list_keys", error=ProviderDeniedError("403"))
    with pytest.raises(ProviderDeniedError):
        world.provider.list_keys([])


def test_the_log_holds_effects_in_order_and_reads_on_request() -> None:
    world = World()
    issued = world.provider.create(make_desired(), expires_at=None)
    world.provider.list_keys([])
    world.provider.delete(issued.key.id)
    assert world.effects.names() == ["provider.create", "provider.delete"]
    assert world.effects.names(reads=True) == ["provider.create", "provider.list_keys", "provider.delete"]
    assert [effect.ordinal for effect in world.effects.log] == [1, 1, 2]


def test_many_threads_never_share_a_raw_key_or_an_ordinal() -> None:
    world = World()
    threads = [
        Thread(target=world.provider.create, args=(make_desired(str(n)),), kwargs={"expires_at": None})
        for n in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({record.raw for record in world.provider.live()}) == len(threads)
    assert sorted(effect.ordinal for effect in world.effects.log) == list(range(1, len(threads) + 1))


def test_alpha_extends_life_by_a_refresh() -> None:
    world = World(dialect="alpha")
    issued = world.provider.create(make_desired(), expires_at=NOW + DAY)
    refreshed = world.provider.refresh(issued.key.id, expires_at=NOW + 9 * DAY, grace=NO_GRACE)
    assert refreshed.key.expires_at == NOW + 9 * DAY


def test_alpha_forgets_the_expiry_that_a_refresh_does_not_name() -> None:
    world = World(dialect="alpha")
    issued = world.provider.create(make_desired(), expires_at=NOW + DAY)
    assert world.provider.refresh(issued.key.id, expires_at=None, grace=NO_GRACE).key.expires_at is None


@pytest.mark.parametrize(
    ("dialect", "expires_in", "grace"),
    [
        pytest.param("beta", 2 * DAY, NO_GRACE, id="beta extends no life"),
        pytest.param("beta", None, NO_GRACE, id="beta wants the expiry of a key that has one"),
        pytest.param("beta", DAY, 2 * DAY, id="a grace is a day at most"),
        pytest.param("alpha", DAY, timedelta(seconds=1), id="alpha has no grace"),
        pytest.param("alpha", -DAY, NO_GRACE, id="an expiry lies in the future"),
    ],
)
def test_a_refresh_against_the_laws_is_refused_and_does_nothing(
    dialect: Dialect, expires_in: timedelta | None, grace: timedelta
) -> None:
    world = World(dialect=dialect)
    issued = world.provider.create(make_desired(), expires_at=NOW + DAY)
    with pytest.raises(ProviderRefusedError, match="422"):
        world.provider.refresh(issued.key.id, expires_at=expires_in and NOW + expires_in, grace=grace)
    assert world.provider.accepts(issued.raw.reveal())


def test_an_expired_key_is_not_refreshed() -> None:
    world = World()
    issued = world.provider.create(make_desired(), expires_at=NOW + DAY)
    world.clock.advance(DAY)
    with pytest.raises(ProviderRefusedError):
        world.provider.refresh(issued.key.id, expires_at=NOW + DAY, grace=NO_GRACE)


def test_a_maximum_lifetime_bounds_what_names_no_expiry_and_refuses_more() -> None:
    world = World(max_lifetime=30 * DAY)
    assert world.provider.create(make_desired(), expires_at=None).key.expires_at == NOW + 30 * DAY
    with pytest.raises(ProviderRefusedError):
        world.provider.create(make_desired(), expires_at=NOW + 31 * DAY)


@pytest.mark.parametrize("refresh_id", ["new", "same"])
def test_a_refresh_without_grace_ends_the_old_raw_key_at_once(refresh_id: RefreshId) -> None:
    world = World(refresh_id=refresh_id)
    old = world.provider.create(make_desired(), expires_at=None)
    new = world.provider.refresh(old.key.id, expires_at=None, grace=NO_GRACE)
    assert not world.provider.accepts(old.raw.reveal())
    assert world.provider.accepts(new.raw.reveal())
    assert (new.key.id == old.key.id) is (refresh_id == "same")
    assert [key.id for key in world.provider.list_keys([])] == [new.key.id]


@pytest.mark.parametrize("refresh_id", ["new", "same"])
def test_grace_keeps_the_old_raw_key_until_it_is_over(refresh_id: RefreshId) -> None:
    world = World(refresh_id=refresh_id)
    old = world.provider.create(make_desired(), expires_at=None)
    world.provider.refresh(old.key.id, expires_at=None, grace=DAY)
    assert world.provider.accepts(old.raw.reveal())
    world.clock.advance(DAY)
    assert not world.provider.accepts(old.raw.reveal())


def test_a_graced_key_of_another_id_is_listed_with_its_near_end() -> None:
    world = World()
    old = world.provider.create(make_desired(), expires_at=NOW + timedelta(hours=1))
    world.provider.refresh(old.key.id, expires_at=NOW + timedelta(hours=1), grace=DAY)
    listed = {key.id: key.expires_at for key in world.provider.list_keys([])}
    assert listed[old.key.id] == NOW + timedelta(hours=1)


def test_a_refresh_of_a_dead_key_is_refused_as_unknown() -> None:
    world = World()
    issued = world.provider.create(make_desired(), expires_at=None)
    world.provider.delete(issued.key.id)
    with pytest.raises(ProviderRefusedError, match="404"):
        world.provider.refresh(issued.key.id, expires_at=None, grace=NO_GRACE)


def test_beta_shows_access_and_last_use_and_alpha_neither() -> None:
    seen = {}
    for dialect in ("alpha", "beta"):
        world = World(dialect=dialect)
        record = world.provider.person_creates("a", key_type=KeyType.SERVICE, access=make_access(make_space("staging")))
        world.provider.person_uses(record.id)
        (key,) = world.provider.list_keys([])
        seen[dialect] = (key.access, key.scope_ids, key.last_used_at)
    access = make_access(make_space("staging"))
    assert seen == {"alpha": (None, None, None), "beta": (access, frozenset(access.scope_ids()), NOW)}


def test_keys_of_others_are_seen_through_their_space_alone_and_without_access() -> None:
    world = World()
    staging = world.provider.spaces["staging"]
    access = make_access(staging)
    world.provider.person_creates("a", key_type=KeyType.SERVICE, access=access, created_by="somebody")
    assert world.provider.list_keys([]) == ()
    (key,) = world.provider.list_keys([staging.id])
    assert (key.access, key.scope_ids) == (None, frozenset([staging.id]))


def test_a_search_by_space_leaves_out_what_is_elsewhere() -> None:
    world = World()
    staging = world.provider.spaces["staging"]
    world.provider.person_creates("user key")
    kept = world.provider.person_creates("a", key_type=KeyType.SERVICE, access=make_access(staging))
    found = world.provider.search_keys(key_type=None, active=True, scope_id=staging.id)
    assert [key.id for key in found] == [kept.id]


def test_a_listing_may_lag_behind_a_create() -> None:
    world = World()
    world.provider.listing_lag = timedelta(seconds=5)
    world.provider.create(make_desired(), expires_at=None)
    assert world.provider.list_keys([]) == ()
    world.clock.sleep(timedelta(seconds=5))
    assert len(world.provider.list_keys([])) == 1


def test_a_service_key_needs_known_spaces_and_in_beta_their_organization() -> None:
    world = World()
    staging = world.provider.spaces["staging"]
    world.provider.create(make_desired_service(staging), expires_at=None)
    with pytest.raises(ProviderRefusedError, match="422"):
        world.provider.create(make_desired_service(staging, names_organizations=False), expires_at=None)
    with pytest.raises(ProviderRefusedError, match="404"):
        world.provider.create(make_desired_service(make_space("nowhere")), expires_at=None)
    with pytest.raises(ProviderRefusedError, match="400"):
        world.provider.create(make_desired(key_type=KeyType.SERVICE), expires_at=None)


def test_spaces_are_found_by_id_and_by_name() -> None:
    world = World()
    added = world.provider.add_space("mine")
    references = [ScopeById(added.id), ScopeByName("mine")]
    assert set(world.provider.find_scopes(references).values()) == {added}
    with pytest.raises(InputError):
        world.provider.find_scopes([ScopeByName("Mine")])


def test_a_presented_key_is_recognised_and_its_death_denies_everything() -> None:
    world = World()
    own = world.provider.person_creates("keyplan itself")
    assert not world.provider.presents(own.redacted)
    world.provider.present(own.id)
    assert world.provider.presents(own.redacted)
    world.provider.person_deletes(own.id)
    with pytest.raises(ProviderDeniedError):
        world.provider.list_keys([])


def test_a_person_rotates_a_key_and_alone_holds_the_new_one() -> None:
    world = World(refresh_id="same")
    issued = world.provider.create(make_desired(), expires_at=None)
    record = world.provider.person_rotates(issued.key.id)
    assert record.id == issued.key.id
    assert not world.provider.accepts(issued.raw.reveal())


def test_a_verification_can_be_made_to_fail_for_a_while() -> None:
    world = World()
    issued = world.provider.create(make_desired(), expires_at=None)
    world.provider.verifications_refused = 1
    assert [world.provider.verify(issued.raw), world.provider.verify(issued.raw)] == [False, True]


def test_a_sink_remembers_what_it_overwrote() -> None:
    world = World(sinks={"blind": BLIND})
    slot = Slot(sink="blind", location="a")
    world.sinks["blind"].put(slot, RawKey("ak-1"), make_receipt("ak-1"))
    world.sinks["blind"].put(slot, RawKey("ak-2"), make_receipt("ak-2"))
    assert world.sinks["blind"].overwritten == [("a", "ak-1")]


def test_a_sink_can_be_lost_or_emptied_by_a_person() -> None:
    world = World()
    local = world.sinks["local"]
    local.person_writes("a", "ak-1")
    local.person_writes("b", "ak-2")
    local.person_deletes("a")
    assert world.delivered() == {"local:b": "ak-2"}
    local.lose()
    assert world.delivered() == {}


def test_a_killed_holder_is_taken_over_by_the_next_process() -> None:
    world = World()
    world.effects.inject(Fault.KILL_BEFORE, "ledger.forget")
    with pytest.raises(Killed), world.ledger.lock(make_holder("first"), patience=timedelta(0)):
        world.ledger.forget(Address("user/ci"))
    world.restart()
    assert world.ledger.holder().id == "first"
    with world.ledger.lock(make_holder("second"), patience=timedelta(0)):
        assert world.ledger.holder().id == "second"


def test_a_lost_ledger_remembers_nothing() -> None:
    world = World()
    world.ledger.record(make_receipt())
    world.ledger.lose()
    assert world.ledger.recall().receipts == ()

"""Several providers and one ledger: whose account a record is of, and a provider that left the manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from enum import Enum

import pytest
from app.test_provider_router import ONLY_PROVIDER, SETTINGS, ZEN, TwoProviders, at_zen, declare, list_verbs
from hypothesis import given, settings
from hypothesis import strategies as st
from scenario import make_service
from simulator import FULL, Fault, Killed, World

from keyplan.app.provider_router import route
from keyplan.errors import LedgerForeignError
from keyplan.model.identity import Address, Departure, KeyId
from keyplan.model.intent import Intent
from keyplan.model.manifest import KeyType, Rotation, Unmanaged
from keyplan.model.plan import Guard, Verb
from keyplan.model.receipt import Receipt
from keyplan.model.report import Done
from keyplan.ports import ProviderPorts
from keyplan.simulated.provider import SimulatedProvider

AT_ZEN = "zen:service/production/ingest"
ELSEWHERE = "https://elsewhere.example.com"


@pytest.fixture
def both() -> TwoProviders:
    """Return a world with two providers, in which one key of each was delivered."""
    world = TwoProviders(world=World(sinks={"local": FULL}))
    declare(world, make_service(), at_zen())
    assert all(isinstance(outcome, Done) for outcome in world.run().outcomes)
    return world


def use_for_zen(both: TwoProviders, provider: SimulatedProvider) -> None:
    """Put another server behind the name `zen`."""
    usual = both.world.provider
    ports = {name: ProviderPorts(reader=one, writer=one) for name, one in ((ONLY_PROVIDER, usual), (ZEN, provider))}
    both.ports = route(ports)


def leave_zen(both: TwoProviders, **changes: object) -> None:
    """Remove the provider `zen` from the manifest: nothing asks it any longer."""
    usual = both.world.provider
    both.ports = ProviderPorts(reader=usual, writer=usual)
    both.declare(make_service(), further_providers=(), **changes)


def put_zen_back(both: TwoProviders) -> None:
    """Name the provider again, without its declarations."""
    use_for_zen(both, both.zen)
    declare(both, make_service())


def kill_a_create(both: TwoProviders) -> None:
    """Kill a run once it has made a second key at `zen`, of which an open intent is all that knows."""
    both.world.effects.inject(Fault.KILL_AFTER, "provider.create")
    declare(both, make_service(), at_zen(), at_zen("second"))
    with pytest.raises(Killed):
        both.run()
    both.world.restart()


def test_each_record_says_of_which_account_it_is(both: TwoProviders) -> None:
    accounts = {one.address: one.account for one in both.world.ledger.recall().receipts}
    assert accounts == {"service/production/ingest": "", AT_ZEN: both.zen.base_url}
    for receipt in both.world.ledger.recall().receipts:
        assert Receipt.from_dict(receipt.to_dict()) == receipt


def test_a_further_provider_with_another_url_is_refused_before_anything_is_planned(both: TwoProviders) -> None:
    other = SimulatedProvider(both.world.clock, both.world.effects, dialect="zenml")
    other.base_url = ELSEWHERE
    use_for_zen(both, other)
    with pytest.raises(LedgerForeignError, match=f"provider 'zen' are at {both.zen.base_url}, not at {ELSEWHERE}"):
        both.plan()


def test_an_intent_alone_binds_the_account(both: TwoProviders) -> None:
    kill_a_create(both)
    (intent,) = both.world.ledger.recall().intents
    assert (intent.account, Intent.from_dict(intent.to_dict())) == (both.zen.base_url, intent)
    both.world.ledger.forget(Address(AT_ZEN))
    other = SimulatedProvider(both.world.clock, both.world.effects, dialect="zenml")
    other.base_url = ELSEWHERE
    use_for_zen(both, other)
    with pytest.raises(LedgerForeignError):
        both.plan()


def test_a_record_without_an_account_is_taken_and_the_next_one_has_it(both: TwoProviders) -> None:
    """A ledger that was rebuilt from sinks does not know it."""
    (receipt,) = [one for one in both.world.ledger.recall().receipts if one.address == AT_ZEN]
    both.world.ledger.record(replace(receipt, account=""))
    assert list_verbs(both) == []
    declare(both, make_service(), at_zen(protect=True))
    both.run()
    (receipt,) = [one for one in both.world.ledger.recall().receipts if one.address == AT_ZEN]
    assert (receipt.protect, receipt.account) == (True, both.zen.base_url)


def test_keys_of_a_provider_that_left_the_manifest_are_blocked_with_what_to_do(both: TwoProviders) -> None:
    leave_zen(both)
    (action,) = both.actions()
    assert (action.address, action.verb) == (AT_ZEN, Verb.FORGET)
    assert action.blocked
    assert action.blocked.guard is Guard.UNSEEN
    assert "provider 'zen' is no longer in the manifest" in action.blocked.advice
    both.run()
    assert len(both.zen.live()) == 1
    assert AT_ZEN in {one.address for one in both.world.ledger.recall().receipts}
    # Put back, the provider ends its key.
    put_zen_back(both)
    assert list_verbs(both) == [(AT_ZEN, "delete")]


def test_keys_of_a_provider_that_is_gone_for_good_are_let_go_by_a_number(both: TwoProviders) -> None:
    leave_zen(both)
    assert [action.blocked for action in both.actions(allow_missing=1)] == [None]
    assert all(isinstance(outcome, Done) for outcome in both.run(allow_missing=1).outcomes)
    assert list_verbs(both) == []


def test_keys_of_a_provider_that_left_are_handed_over_by_removed(both: TwoProviders) -> None:
    left = Departure(address=Address(AT_ZEN), to="other-team")
    leave_zen(both, removed=(left,))
    (action,) = both.actions()
    assert (action.verb, action.blocked) == (Verb.FORGET, None)
    both.run()
    assert list_verbs(both) == []


def test_an_unfinished_create_at_a_provider_that_left_is_not_forgotten(both: TwoProviders) -> None:
    kill_a_create(both)
    leave_zen(both)
    second = "zen:service/production/second"
    blocked = {action.address: action.blocked and action.blocked.guard for action in both.actions()}
    assert blocked == {AT_ZEN: Guard.UNSEEN, second: Guard.UNSEEN}
    both.run()
    assert [one.address for one in both.world.ledger.recall().intents] == [second]
    # Put back, with its declaration gone, the key without a holder ends.
    put_zen_back(both)
    both.run(allow_deletes=2)
    assert (both.zen.live(), both.world.ledger.recall().intents) == ((), ())


def test_an_unfinished_create_at_a_provider_that_is_gone_is_let_go_by_a_number(both: TwoProviders) -> None:
    kill_a_create(both)
    leave_zen(both)
    both.run(allow_missing=2)
    memory = both.world.ledger.recall()
    assert ([one.address for one in memory.receipts], memory.intents) == (["service/production/ingest"], ())


def test_a_forgotten_key_of_a_provider_that_left_blocks_nothing(both: TwoProviders) -> None:
    (receipt,) = [one for one in both.world.ledger.recall().receipts if one.address == AT_ZEN]
    both.world.ledger.record(replace(receipt, forgotten=True))
    leave_zen(both)
    assert [(action.verb, action.blocked) for action in both.actions()] == [(Verb.FORGET, None)]


def test_a_key_that_is_gone_is_looked_for_at_its_own_provider_alone(both: TwoProviders) -> None:
    """A revoked key of the usual provider is found there, and nothing is asked of the other one about it."""
    (mine,) = both.world.provider.live()
    both.world.provider.person_deletes(mine.id)
    asked: list[object] = []
    original = both.zen.search_keys
    both.zen.search_keys = lambda **filters: (asked.append(filters), original(**filters))[1]  # type: ignore[method-assign]
    snapshot = both.observe()
    assert ([key.id for key in snapshot.revoked], asked) == ([mine.id], [])


@pytest.mark.parametrize("dialect", ["beta", "zenml"])
def test_unmanaged_keys_of_every_space_of_both_are_found_if_none_are_wanted(dialect: str) -> None:
    both = TwoProviders(world=World(sinks={"local": FULL}))
    zen = SimulatedProvider(both.world.clock, both.world.effects, dialect=dialect)  # type: ignore[arg-type]
    use_for_zen(both, zen)
    for provider in (both.world.provider, zen):
        provider.add_space("hidden")
    both.declare(make_service(), at_zen(), further_providers=(SETTINGS,), unmanaged=Unmanaged.FAIL)
    snapshot = both.observe()
    assert snapshot.survey
    assert snapshot.survey.is_complete
    named = {space.id for space in snapshot.survey.looked_in}
    assert {KeyId("space-hidden"), KeyId("zen:space-hidden")} & named == (
        {"space-hidden", "zen:space-hidden"} if dialect == "beta" else {"space-hidden"}
    )


class Fate(Enum):
    """What has become of a declaration before the plan."""

    NEW = "new"
    MADE = "made"
    GONE = "gone"
    OLD = "old"
    NAMESAKE = "namesake"
    REMOVED = "removed"


FATES = st.dictionaries(st.sampled_from("abcd"), st.sampled_from(Fate))
OFTEN = Rotation(every=timedelta(days=30), overlap=timedelta(hours=1))


def build(usual: Mapping[str, Fate], further: Mapping[str, Fate]) -> TwoProviders:
    """Return a world in which each key of both providers has had its fate."""
    both = TwoProviders(world=World(sinks={"local": FULL}))
    halves = (
        (both.world.provider, usual, make_service),
        (both.zen, further, at_zen),
    )

    def declare_those(*fates: Fate) -> None:
        keys = [
            declare_one(name, **({"rotation": OFTEN} if fate is Fate.OLD else {}))
            for _, half, declare_one in halves
            for name, fate in half.items()
            if fate in fates
        ]
        declare(both, *keys)

    declare_those(Fate.MADE, Fate.GONE, Fate.OLD, Fate.REMOVED)
    both.run()
    both.world.clock.advance(timedelta(days=31))
    for provider, half, _ in halves:
        for record in provider.live():
            if half.get(record.name) is Fate.GONE:
                provider.person_deletes(record.id)
        for name, fate in half.items():
            if fate is Fate.NAMESAKE:
                provider.person_creates(name, key_type=KeyType.SERVICE)
    declare_those(Fate.NEW, Fate.MADE, Fate.GONE, Fate.OLD, Fate.NAMESAKE)
    return both


def show(both: TwoProviders) -> list[tuple[str, str, str, str]]:
    """Return what a plan says of each key, without the limits, which count everything together."""
    return sorted(
        (action.address, action.verb.value, action.reason.value, action.blocked.guard.value if action.blocked else "")
        for action in both.plan(allow_deletes=100).actions
    )


@settings(max_examples=60, deadline=None)
@given(usual=FATES, further=FATES)
def test_a_plan_of_two_providers_is_the_plan_of_the_one_and_the_plan_of_the_other(
    usual: dict[str, Fate], further: dict[str, Fate]
) -> None:
    assert show(build(usual, further)) == sorted(show(build(usual, {})) + show(build({}, further)))

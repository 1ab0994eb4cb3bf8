"""Two providers in one manifest: one plan and one ledger, and no key of one is ever taken for a key of the other."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import timedelta
from threading import Barrier

import pytest
from samples import make_declaration
from scenario import Scenario, make_service
from simulator import FULL, World

from keyplan.app.provider_router import route, route_readers
from keyplan.applier.observe import Readers, observe
from keyplan.applier.scope_survey import list_while
from keyplan.applier.workbench import Workbench
from keyplan.documents.plan import digest, from_document, to_document
from keyplan.errors import InputError
from keyplan.model.identity import ONLY_PROVIDER, Address, ProviderName, ScopeId, UserId
from keyplan.model.manifest import Declaration, KeyType, ProviderSettings, Rotation, ScopeByName, ScopeRef
from keyplan.model.observation import Exclusion, Observation, Scope, Snapshot
from keyplan.model.report import Done
from keyplan.model.secret import RawKey
from keyplan.planner.authority import Authority
from keyplan.ports import ProviderPorts, ReaderPorts
from keyplan.simulated.provider import SimulatedProvider

ZEN = ProviderName("zen")
SETTINGS = ProviderSettings(type="zenml", name=ZEN, label="zen")


@dataclass
class TwoProviders(Scenario):
    """A scenario whose manifest has a second provider, `zen`, with laws of its own."""

    def __post_init__(self) -> None:
        self.zen = SimulatedProvider(self.world.clock, self.world.effects, dialect="zenml")
        usual = self.world.provider
        self.ports = route(
            {
                ONLY_PROVIDER: ProviderPorts(reader=usual, writer=usual),
                ZEN: ProviderPorts(reader=self.zen, writer=self.zen),
            }
        )

    def observe(self) -> Snapshot:
        """Return both providers as keyplan sees them."""
        readers = Readers(reader=self.ports.reader, ledger=self.world.ledger, sinks=dict(self.world.sinks))
        return observe(
            self.manifest, readers, now=self.world.clock.now(), exclusion=Exclusion.SAME_LEDGER, is_preflight=True
        )

    def bench(self) -> Workbench:
        """Return everything that an apply may touch, with the ports of both."""
        return replace(super().bench(), reader=self.ports.reader, writer=self.ports.writer)


class MeetingReader(SimulatedProvider):
    """A reader whose answers come once another one is asked as well."""

    def __init__(self, together: Barrier) -> None:
        self._together = together

    def list_keys(self, spaces: Collection[ScopeId]) -> tuple[Observation, ...]:
        """Wait for the other one."""
        self._together.wait()
        return ()

    def search_keys(self, **_: object) -> tuple[Observation, ...]:
        """Wait for the other one."""
        self._together.wait()
        return ()

    def find_scopes(self, references: Collection[ScopeRef]) -> dict[ScopeRef, Scope]:
        """Wait for the other one."""
        self._together.wait()
        return {}


@pytest.fixture
def both() -> TwoProviders:
    """Return a world with two providers, in which nothing is declared yet."""
    return TwoProviders(world=World(sinks={"local": FULL}))


def at_zen(name: str = "ingest", account: str = "production", **changes: object) -> Declaration:
    """Return a declaration of a key at the second provider."""
    address = Address(f"zen:service/{account}/{name}")
    return make_service(name, address=address, provider=ZEN, scope=ScopeByName(account, ZEN), **changes)


def declare(both: TwoProviders, *keys: Declaration) -> None:
    both.declare(*keys, further_providers=(SETTINGS,))


def list_verbs(both: TwoProviders) -> list[tuple[str, str]]:
    return [(action.address, action.verb.value) for action in both.actions()]


def test_keys_of_one_name_are_made_at_both_and_the_next_plan_is_empty(both: TwoProviders) -> None:
    declare(both, make_service(), at_zen())
    assert list_verbs(both) == [("service/production/ingest", "create"), ("zen:service/production/ingest", "create")]
    assert all(isinstance(outcome, Done) for outcome in both.run().outcomes)
    assert list_verbs(both) == []
    assert [len(one.live()) for one in (both.world.provider, both.zen)] == [1, 1]
    ids = {receipt.address: receipt.key_id for receipt in both.world.ledger.recall().receipts}
    assert ids["zen:service/production/ingest"].startswith("zen:")
    assert not ids["service/production/ingest"].startswith("zen:")


def test_each_key_is_renewed_by_the_laws_of_its_provider(both: TwoProviders) -> None:
    rotation = Rotation(every=timedelta(days=30), overlap=timedelta(hours=1))
    declare(both, make_service(rotation=rotation), at_zen(rotation=rotation))
    both.run()
    both.world.clock.advance(timedelta(days=31))
    before = {record.id for record in both.zen.live()}
    assert {address for address, _ in list_verbs(both)} == {
        "service/production/ingest",
        "zen:service/production/ingest",
    }
    assert all(isinstance(outcome, Done) for outcome in both.run().outcomes)
    # A key of ZenML is renewed in place.
    assert {record.id for record in both.zen.live()} == before
    assert list_verbs(both) == []


def test_a_removed_declaration_ends_its_key_at_its_own_provider(both: TwoProviders) -> None:
    declare(both, make_service(), at_zen())
    both.run()
    declare(both, make_service())
    assert list_verbs(both) == [("zen:service/production/ingest", "delete")]
    assert all(isinstance(outcome, Done) for outcome in both.run().outcomes)
    assert [len(one.live()) for one in (both.world.provider, both.zen)] == [1, 0]


def test_a_key_that_is_gone_at_one_provider_is_made_again_there_alone(both: TwoProviders) -> None:
    declare(both, make_service(), at_zen())
    both.run()
    (gone,) = both.zen.live()
    both.zen.person_deletes(gone.id)
    assert {address for address, _ in list_verbs(both)} == {"zen:service/production/ingest"}


def test_a_namesake_at_the_other_provider_is_not_in_the_way(both: TwoProviders) -> None:
    both.world.provider.person_creates("ci")
    both.declare(
        make_declaration("ci", address=Address("zen:user/ci"), provider=ZEN, key_type=KeyType.USER),
        further_providers=(SETTINGS,),
    )
    (action,) = both.actions()
    assert (action.verb.value, action.blocked) == ("create", None)


def test_a_plan_of_two_is_the_plans_of_both(both: TwoProviders) -> None:
    """Nothing is shared here, so each half is what a manifest with that half alone would plan."""
    usual = [make_service(name) for name in ("a", "b")]
    further = [at_zen(name) for name in ("a", "c")]
    declare(both, *usual, *further)
    together = list_verbs(both)
    declare(both, *usual)
    first = list_verbs(both)
    declare(both, *further)
    assert together == sorted(first + list_verbs(both), key=lambda row: row[0])


def test_creators_of_one_provider_are_none_of_the_other(both: TwoProviders) -> None:
    declare(both, at_zen())
    marked = both.actions()[0].basis.desired.full_description
    access = both.actions()[0].basis.desired.access
    both.world.provider.person_creates("ingest", key_type=KeyType.SERVICE, description=marked, access=access)
    plan = both.plan()
    # The marker was copied to a key of another provider: nothing of ours is known there, and nothing is taken for ours.
    assert [action.verb.value for action in plan.actions if action.address.startswith("zen:")] == ["create"]


def test_a_raw_key_is_shown_to_its_own_provider_alone(both: TwoProviders) -> None:
    declare(both, at_zen())
    both.run()
    (record,) = both.zen.live()
    raw = RawKey(record.raw)
    assert both.bench().at(ZEN).accepts(raw)
    assert not both.bench().at(ONLY_PROVIDER).writer.verify(raw)
    with pytest.raises(InputError, match="which of several providers issued this raw key is not known"):
        both.ports.writer.verify(raw)


def test_a_scope_is_searched_at_its_own_provider(both: TwoProviders) -> None:
    declare(both, make_service(), at_zen())
    both.run()
    reader = both.ports.reader
    references = [ScopeByName("production"), ScopeByName("production", ZEN)]
    scopes = reader.find_scopes(references)
    assert [scopes[one].id for one in references] == ["space-production", "zen:space-production"]
    found = reader.search_keys(key_type=None, active=True, scope_id=scopes[references[1]].id)
    assert [key.provider for key in found] == [ZEN]
    assert {key.provider for key in reader.search_keys(key_type=None, active=True, scope_id=None)} == {"", ZEN}


def test_an_id_that_looks_like_one_of_a_further_provider_is_refused(both: TwoProviders) -> None:
    both.world.provider.id_prefix = "zen:key"
    both.world.provider.person_creates("odd")
    with pytest.raises(InputError, match="has an id like those of provider 'zen'"):
        both.ports.reader.list_keys([])


def test_all_providers_are_asked_at_the_same_time() -> None:
    together = Barrier(2, timeout=5)
    ports = route_readers({name: ReaderPorts(reader=MeetingReader(together)) for name in (ONLY_PROVIDER, ZEN)})
    assert ports.reader.list_keys([]) == ()
    assert ports.reader.search_keys(key_type=None, active=True, scope_id=None) == ()
    assert ports.reader.find_scopes([ScopeByName("a"), ScopeByName("b", ZEN)]) == {}


class Unsure(SimulatedProvider):
    """A reader that finds no scope."""

    def find_scopes(self, references: Collection[ScopeRef]) -> dict[ScopeRef, Scope]:
        """Refuse to."""
        raise InputError("a scope is ambiguous")


def test_a_failed_look_up_names_its_own_provider_and_no_other(both: TwoProviders) -> None:
    unsure = Unsure(both.world.clock, both.world.effects, dialect="zenml")
    readers = {ONLY_PROVIDER: ReaderPorts(reader=both.world.provider), ZEN: ReaderPorts(reader=unsure)}
    reader = route_readers(readers, {ONLY_PROVIDER: "main", ZEN: "zen"}).reader

    def find() -> frozenset[ScopeId]:
        return frozenset(scope.id for scope in reader.find_scopes([ScopeByName("a", ZEN)]).values())

    with pytest.raises(InputError) as raised:
        list_while(reader, find)
    assert raised.value.message.startswith("provider 'zen'")
    assert "main" not in raised.value.message


def test_listing_while_scopes_are_looked_up_shows_what_listing_them_shows(both: TwoProviders) -> None:
    declare(both, make_service(name="ingest"), at_zen(name="ingest"))
    both.apply()
    found = both.ports.reader.find_scopes([ScopeByName("production", ZEN)])
    scopes = {scope.id for scope in found.values()}
    assert list_while(both.ports.reader, lambda: scopes) == both.ports.reader.list_keys(scopes) != ()


def test_readers_alone_are_routed_as_well(both: TwoProviders) -> None:
    usual = both.world.provider
    ports = route_readers({ONLY_PROVIDER: ReaderPorts(reader=usual), ZEN: ReaderPorts(reader=both.zen)})
    assert ports.reader.base_url == usual.base_url
    assert ports.reader.laws() == usual.laws()
    assert ports.reader.presents("x") == usual.presents("x")
    assert ports.reader.clock_skew() == usual.clock_skew()


def test_the_plan_names_every_provider_and_its_digest_counts_them(both: TwoProviders) -> None:
    declare(both, at_zen())
    plan = both.plan()
    document = to_document(plan)
    assert document["further_providers"] == [{"name": "zen", "base_url": both.zen.base_url}]
    assert from_document(document).further_providers == plan.further_providers
    assert digest(plan) != digest(replace(plan, further_providers={"zen": "https://elsewhere.example.com"}))
    declare(both, at_zen())
    both.declare(make_service())
    assert "further_providers" not in to_document(both.plan())


def test_the_longest_life_is_that_of_the_provider_of_the_key(both: TwoProviders) -> None:
    limited = replace(SETTINGS, max_lifetime=timedelta(days=1))
    year = {"expires_in": timedelta(days=365)}
    both.zen = SimulatedProvider(both.world.clock, both.world.effects, dialect="beta")
    usual = both.world.provider
    ports = {name: ProviderPorts(reader=one, writer=one) for name, one in ((ONLY_PROVIDER, usual), (ZEN, both.zen))}
    both.ports = route(ports)
    both.declare(make_service(**year), at_zen(**year), further_providers=(limited,))
    assert {action.address: bool(action.blocked) for action in both.actions()} == {
        "service/production/ingest": False,
        "zen:service/production/ingest": True,
    }


def test_creators_are_named_for_one_provider_alone(both: TwoProviders) -> None:
    named = replace(SETTINGS, creators=(UserId("ada"),))
    both.declare(make_service(), at_zen(), further_providers=(named,))
    authority = Authority.of(both.manifest, both.observe())
    assert "ada" in authority.at(ZEN).creators
    assert "ada" not in authority.creators

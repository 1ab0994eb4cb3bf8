"""Everything that a plan or apply needs is looked at, and no trouble hides another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from samples import LINEAGE, OWNER, PLACE, make_declaration, make_delivery, make_holder, make_intent
from scenario import Scenario, make_manifest, make_service
from simulator import FULL, Fault, SimulatedSink, World

from keyplan.applier.doctor import DoctorPorts, examine
from keyplan.errors import (
    InputError,
    LedgerForeignError,
    ProviderDeniedError,
    ProviderUnavailableError,
    SinkDeniedError,
)
from keyplan.model.examination import Area, Examination, Finding, Health
from keyplan.model.identity import ONLY_PROVIDER, SinkName
from keyplan.model.manifest import SinkSettings
from keyplan.model.observation import Slot
from keyplan.ports import ProviderPorts

DAYS = timedelta(days=1)


class CandidSink(SimulatedSink):
    """Implements Examinable, too: says what it is told to say."""

    troubles: tuple[Finding, ...] = ()
    is_unable = False

    def examine(self, slots: Any) -> tuple[Finding, ...]:
        if self.is_unable:
            raise SinkDeniedError("may not look")
        return self.troubles


@dataclass
class Practice:
    """A scenario that can be examined, with doors that can be shut."""

    scenario: Scenario
    closed: int = 0

    def examine(self, **shut: Exception) -> Examination:
        world = self.scenario.world
        return examine(
            self.scenario.manifest,
            DoctorPorts(
                providers={ONLY_PROVIDER: shutting(shut.get("provider"), self.open)},
                sinks={name: shutting(shut.get(name), lambda name=name: world.sinks[name]) for name in world.sinks},
                ledger=lambda _: shutting(shut.get("ledger"), lambda: world.ledger)(),
            ),
            now=world.clock.now(),
        )

    def open(self) -> ProviderPorts:
        provider = self.scenario.world.provider
        return ProviderPorts(reader=provider, writer=provider, close=self.close)

    def close(self) -> None:
        self.closed += 1

    def find(self, subject: str, **shut: Exception) -> Finding:
        (found,) = (finding for finding in self.examine(**shut).findings if finding.subject == subject)
        return found


def shutting(error: Exception | None, way: Callable[[], Any]) -> Callable[[], Any]:
    def open_door() -> Any:
        if error:
            raise error
        return way()

    return open_door


@pytest.fixture
def practice() -> Practice:
    return Practice(Scenario(World()))


def test_all_is_looked_at_in_an_order_that_stays(practice: Practice) -> None:
    found = practice.examine()
    assert [(finding.area, finding.subject, finding.health) for finding in found.findings] == [
        (Area.PROVIDER, "credential", Health.FINE),
        (Area.PROVIDER, "dialect", Health.FINE),
        (Area.PROVIDER, "clock", Health.FINE),
        (Area.PROVIDER, "list keys", Health.FINE),
        (Area.PROVIDER, "create, refresh, delete", Health.UNKNOWN),
        (Area.SINK, "reading", Health.FINE),
        (Area.SINK, "writing", Health.UNKNOWN),
        (Area.LEDGER, "ledger", Health.FINE),
        (Area.LEDGER, "open intents", Health.FINE),
        (Area.LEDGER, "lock", Health.FINE),
    ]
    assert (found.exit_status, found.owner, found.manifest, practice.closed) == (0, OWNER, "keys.yaml", 1)


def test_nothing_is_changed(practice: Practice) -> None:
    practice.scenario.apply()
    practice.scenario.world.restart()
    practice.examine()
    assert practice.scenario.world.effects.names() == []


def test_no_trouble_hides_another(practice: Practice) -> None:
    practice.scenario.world.provider.is_denied = True
    found = practice.examine(local=InputError("no SDK", advice="pip install it"), ledger=LedgerForeignError("theirs"))
    broken = [finding for finding in found.findings if finding.health is Health.BROKEN]
    assert [finding.area for finding in broken] == [Area.PROVIDER, Area.SINK, Area.LEDGER]
    assert [finding.exit_status for finding in (found, practice.examine(local=InputError("x")))] == [5, 5]


@pytest.mark.parametrize(
    ("shut", "status"),
    [
        pytest.param({"provider": InputError("no region")}, 5, id="provider"),
        pytest.param({"local": InputError("no SDK")}, 6, id="sink"),
        pytest.param({"ledger": LedgerForeignError("theirs")}, 7, id="ledger"),
        pytest.param({"ledger": LedgerForeignError("theirs"), "local": InputError("no SDK")}, 6, id="sink and ledger"),
    ],
)
def test_the_exit_status_is_that_of_what_would_fail_first(
    practice: Practice, shut: dict[str, Exception], status: int
) -> None:
    assert practice.examine(**shut).exit_status == status


# the provider


def test_a_provider_that_cannot_be_built_leaves_the_ledger_unknown(practice: Practice) -> None:
    found = practice.examine(provider=InputError("no region", advice="set one"))
    assert [(finding.subject, finding.health) for finding in found.findings] == [
        ("provider", Health.BROKEN),
        ("reading", Health.FINE),
        ("writing", Health.UNKNOWN),
        ("ledger", Health.UNKNOWN),
    ]
    assert found.findings[0].advice == "set one"


@pytest.mark.parametrize(
    ("method", "error", "subject"),
    [
        pytest.param("presents", InputError("no credential"), "credential", id="no credential"),
        pytest.param("laws", ProviderDeniedError("401"), "credential", id="a credential that is not let in"),
        pytest.param("laws", InputError("no dialect"), "dialect", id="an API that nobody knows"),
        pytest.param("find_scopes", InputError("no such space"), "spaces", id="a space that is not there"),
        pytest.param("list_keys", ProviderDeniedError("401"), "credential", id="never let in so far"),
        pytest.param("list_keys", ProviderUnavailableError("down"), "list keys", id="a listing that fails"),
    ],
)
def test_a_refusal_is_told_under_the_name_of_what_was_refused(
    practice: Practice, method: str, error: Exception, subject: str
) -> None:
    def refuse(*_: object) -> None:
        raise error

    setattr(practice.scenario.world.provider, method, refuse)
    first = practice.examine().findings[0]
    assert (first.subject, first.health, first.detail) == (subject, Health.BROKEN, str(error))
    assert practice.closed == 1


def test_who_may_see_spaces_and_not_keys_lacks_a_right(practice: Practice) -> None:
    practice.scenario.declare(make_service())
    practice.scenario.world.effects.inject(
        Fault.ERROR, "provider.list_keys", error=ProviderDeniedError("403"), times=-1
    )
    assert practice.find("list keys").health is Health.BROKEN


def test_the_spaces_that_are_declared_are_looked_up(practice: Practice) -> None:
    practice.scenario.declare(make_service(space="nowhere"))
    assert practice.find("spaces").health is Health.BROKEN


@pytest.mark.parametrize(
    ("expires_in", "health", "said"),
    [
        pytest.param(None, Health.FINE, "which does not expire", id="never"),
        pytest.param(15 * DAYS, Health.FINE, "which expires at 2026-12-08T", id="in a while"),
        pytest.param(14 * DAYS, Health.WARNING, "which expires at 2026-12-07T", id="soon"),
    ],
)
def test_a_credential_that_is_a_listed_key_is_told_by_its_end(
    practice: Practice, expires_in: timedelta | None, health: Health, said: str
) -> None:
    world = practice.scenario.world
    own = world.provider.person_creates("mine")
    world.provider.records[own.id] = replace(own, expires_at=world.clock.now() + expires_in if expires_in else None)
    world.provider.present(own.id)
    found = practice.find("credential")
    assert found.health is health
    assert f"it is key {own.id}, {said}" in found.detail
    assert bool(found.advice) is (health is Health.WARNING)


@pytest.mark.parametrize(
    ("skew", "health", "detail"),
    [
        pytest.param(timedelta(0), Health.FINE, "0 s from the provider's", id="none"),
        pytest.param(timedelta(seconds=-60), Health.FINE, "60 s from the provider's", id="a minute is the margin"),
        pytest.param(timedelta(seconds=61), Health.WARNING, "61 s behind the provider's", id="behind"),
        pytest.param(timedelta(seconds=-90), Health.WARNING, "90 s ahead of the provider's", id="ahead"),
        pytest.param(None, Health.UNKNOWN, "the provider's answers have no time", id="unknown"),
    ],
)
def test_the_clock_is_compared(practice: Practice, skew: timedelta | None, health: Health, detail: str) -> None:
    practice.scenario.world.provider.skew = skew
    found = practice.find("clock")
    assert (found.health, found.detail) == (health, detail)


# sinks


def test_a_sink_says_how_many_of_its_places_are_filled(practice: Practice) -> None:
    practice.scenario.apply()
    practice.scenario.declare(make_declaration(), make_declaration("second"))
    found = practice.find("reading")
    assert (found.sink, found.detail) == ("local", "simulated; 1 of 2 places hold a value")


def test_a_sink_that_no_key_goes_to_is_asked_nothing() -> None:
    scenario = Scenario(World(sinks={"local": FULL, "spare": FULL}))
    scenario.manifest = make_manifest(make_declaration(deliveries=(make_delivery(),)), sinks=("local", "spare"))
    found = [finding for finding in Practice(scenario).examine().findings if finding.sink == "spare"]
    assert [(finding.subject, finding.health) for finding in found] == [("reading", Health.UNKNOWN)]


def test_a_sink_that_cannot_be_reached_is_broken(practice: Practice) -> None:
    practice.scenario.world.effects.inject(Fault.ERROR, "sink.inspect:local", times=-1)
    found = practice.find("reading")
    assert (found.health, found.detail) == (Health.BROKEN, "sink 'local' cannot be read")


def test_places_that_are_impossible_break_their_own_sink_only(practice: Practice) -> None:
    def refuse(*_: object) -> Slot:
        raise InputError("no such field")

    practice.scenario.world.sinks[SinkName("local")].locate = refuse  # type: ignore[method-assign]  # stands in for the method
    assert practice.find("reading").detail == "no such field"
    assert practice.find("ledger").health is Health.FINE


def candid(practice: Practice) -> CandidSink:
    world = practice.scenario.world
    sink = CandidSink(SinkName("local"), world.clock, world.effects, lineage=LINEAGE, abilities=FULL)
    world.sinks[SinkName("local")] = sink
    return sink


def test_a_sink_that_can_tell_is_asked_whether_it_may_be_written(practice: Practice) -> None:
    candid(practice)
    assert practice.find("writing").health is Health.FINE


def test_each_thing_that_stands_in_the_way_is_told(practice: Practice) -> None:
    candid(practice).troubles = (
        Finding(area=Area.SINK, subject="writing", health=Health.BROKEN, detail="a", advice="b"),
        Finding(area=Area.SINK, subject="writing", health=Health.BROKEN, detail="c"),
    )
    found = [finding for finding in practice.examine().findings if finding.subject == "writing"]
    assert [(finding.health, finding.detail, finding.advice) for finding in found] == [
        (Health.BROKEN, "a", "b"),
        (Health.BROKEN, "c", ""),
    ]


def test_one_trouble_of_many_places_is_told_once(practice: Practice) -> None:
    candid(practice).troubles = tuple(
        Finding(area=Area.SINK, subject="writing", location=place, health=Health.BROKEN, detail=detail)
        for place, detail in (("a", "the folder is immutable"), ("b", "the folder is immutable"), ("b", "foreign"))
    )
    found = [finding for finding in practice.examine().findings if finding.subject == "writing"]
    assert [finding.detail for finding in found] == ["the folder is immutable", "foreign"]


def test_a_sink_that_fails_to_tell_is_broken(practice: Practice) -> None:
    candid(practice).is_unable = True
    assert practice.find("writing").detail == "may not look"


def test_sinks_come_in_the_manifests_order() -> None:
    scenario = Scenario(World(sinks={"zebra": FULL, "ant": FULL}))
    settings = {
        SinkName(name): SinkSettings(name=SinkName(name), type="simulated", place=PLACE) for name in ("zebra", "ant")
    }
    scenario.manifest = replace(scenario.manifest, sinks=settings)
    found = Practice(scenario).examine().findings
    assert [finding.sink for finding in found if finding.subject == "reading"] == ["zebra", "ant"]


# the ledger


def test_what_the_ledger_remembers_is_counted(practice: Practice) -> None:
    practice.scenario.run()
    assert practice.find("ledger").detail == "receipts: 1; applies so far: 1"


def test_a_run_that_did_not_finish_is_worth_a_look(practice: Practice) -> None:
    practice.scenario.world.ledger.open_intent(make_intent())
    found = practice.find("open intents")
    assert (found.health, found.detail) == (Health.WARNING, "a run did not finish for user/ci")


def test_who_holds_the_lock_is_named(practice: Practice) -> None:
    holder = make_holder()
    with practice.scenario.world.ledger.lock(holder, patience=timedelta(0)):
        found = practice.find("lock")
    assert found.health is Health.WARNING
    assert f"held by {holder.owner} on {holder.host}, process {holder.pid}" in found.detail
    assert found.advice.endswith(f"keyplan ledger unlock {holder.id}")

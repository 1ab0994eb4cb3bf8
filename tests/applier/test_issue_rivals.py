"""What becomes of an issue while another run, with which nothing is shared, is at work on the same address."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from applier.test_issue import applied, apply, failed, refreshing
from samples import NOW, make_declaration, make_desired, make_holder, make_observation
from scenario import Scenario, Silent
from simulator import BLIND, FULL, WEAK, WRITE_ONLY, Fault, World

from keyplan.applier.apply import apply as apply_plan
from keyplan.applier.rivals import was_refreshed
from keyplan.errors import LeaseLostError, ProviderUnavailableError
from keyplan.model.manifest import Rotation
from keyplan.model.observation import Abilities
from keyplan.model.report import Done, Failed, InDoubt, Outcome

HOUR, NONE = timedelta(hours=1), timedelta(0)
LOCAL_FILE = replace(FULL, is_local=True)
"""A sink that compares, on one machine."""


def creating(abilities: Abilities) -> Scenario:
    return Scenario(World(sinks={"local": abilities}))


def before(scenario: Scenario, effect: str, act: Callable[[], object], *, skip: int = 0) -> None:
    """Let another run act right before our effect of that name, after so many of them."""
    left = count(-skip)

    def meet(name: str) -> None:
        # The other run's calls are not counted among ours, and meet no other run.
        if name == effect and next(left) == 0:
            act()

    scenario.world.effects.before = meet


def other_creates(scenario: Scenario) -> Callable[[], object]:
    """Return what another run does that creates the same key."""
    return lambda: scenario.world.provider._create(make_desired(), None)


def test_the_run_whose_key_is_later_deletes_its_own_and_says_so() -> None:
    scenario = creating(BLIND)
    before(scenario, "provider.create", other_creates(scenario))
    outcome = failed(scenario)
    assert outcome.exit_status == 4
    assert "another run made key key-0001 for this address at the same time" in outcome.message
    assert [record.id for record in scenario.world.provider.live()] == ["key-0001"]
    assert scenario.world.delivered() == {}
    assert scenario.world.ledger.intents == {}


@pytest.mark.parametrize(("compares", "is_left"), [(False, True), (True, False)])
def test_a_run_that_withdraws_touches_no_place_whose_note_it_could_lose(compares: bool, is_left: bool) -> None:
    scenario = creating(replace(LOCAL_FILE, compares=compares))
    before(scenario, "provider.create", other_creates(scenario))
    failed(scenario)
    assert ("sink.retract:local" not in scenario.world.effects.names()) is is_left


def test_the_run_whose_key_is_earlier_goes_on() -> None:
    scenario = creating(BLIND)
    before(scenario, "provider.verify", other_creates(scenario))
    assert isinstance(apply(scenario), Done)
    assert len(scenario.world.provider.live()) == 2
    assert scenario.world.ledger.receipts["user/ci"].key_id == "key-0001"  # type: ignore[index]  # an address


@pytest.mark.parametrize(
    ("abilities", "looks"),
    [
        pytest.param(FULL, False, id="the sink keeps runs apart"),
        pytest.param(LOCAL_FILE, True, id="the sink keeps runs of one machine apart"),
        pytest.param(WEAK, True, id="the sink cannot compare"),
    ],
)
def test_other_runs_are_looked_for_unless_the_sink_keeps_them_away(abilities: Abilities, looks: bool) -> None:
    scenario = creating(abilities)
    assert isinstance(apply(scenario), Done)
    names = scenario.world.effects.names(reads=True)
    after = names[names.index("provider.create") : names.index("provider.verify")]
    assert ("provider.list_keys" in after) is looks


def test_other_runs_are_not_looked_for_with_a_ledger_that_all_share(monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = creating(BLIND)
    monkeypatch.setattr(type(scenario.world.ledger), "is_shared", True)
    apply(scenario)
    assert scenario.world.effects.names(reads=True).count("provider.list_keys") == 1


def test_a_listing_that_fails_stops_nothing() -> None:
    scenario = creating(BLIND)
    scenario.world.effects.inject(Fault.ERROR, "provider.list_keys", skip=1, times=9)
    assert isinstance(apply(scenario), Done)


def test_a_key_that_another_run_ends_after_the_delivery_is_renewed_forward() -> None:
    scenario = refreshing(sinks={"local": BLIND})
    provider = scenario.world.provider
    before(scenario, "provider.verify", lambda: provider.person_rotates(provider.live()[0].id), skip=1)
    assert isinstance(apply(scenario), Done)
    assert scenario.world.provider.accepts(*scenario.world.delivered().values())


@pytest.mark.parametrize("refresh_id", ["same", "new"])
def test_a_key_that_another_run_refreshed_while_its_grace_keeps_ours_alive_is_renewed_forward(refresh_id: str) -> None:
    scenario = Scenario(World(sinks={"local": BLIND}, refresh_id=refresh_id))  # type: ignore[arg-type]  # one of two
    scenario.declare(make_declaration(rotation=Rotation(overlap=HOUR)))
    scenario.apply()
    scenario.world.restart()
    scenario.declare(make_declaration(rotation=Rotation(overlap=HOUR, generation=2)))
    provider = scenario.world.provider
    # The key that our own refresh gives is the newest by then.
    before(scenario, "sink.put:local", lambda: provider._refresh(provider.live()[-1].id, None, HOUR))
    assert isinstance(apply(scenario), Done)
    scenario.world.clock.advance(2 * HOUR)
    assert provider.accepts(*scenario.world.delivered().values())


@pytest.mark.parametrize("refresh_id", ["same", "new"])
def test_a_key_just_made_that_another_run_refreshed_with_a_grace_is_renewed_forward(refresh_id: str) -> None:
    scenario = Scenario(World(sinks={"local": BLIND}, refresh_id=refresh_id))  # type: ignore[arg-type]  # one of two
    provider = scenario.world.provider
    before(scenario, "sink.put:local", lambda: provider._refresh(provider.live()[-1].id, None, HOUR))
    assert isinstance(apply(scenario), Done)
    scenario.world.clock.advance(2 * HOUR)
    assert provider.accepts(*scenario.world.delivered().values())


def test_a_declaration_without_overlap_leaves_no_grace_to_look_for() -> None:
    scenario = creating(BLIND)
    scenario.declare(make_declaration(rotation=Rotation(overlap=NONE)))
    apply(scenario)
    names = scenario.world.effects.names(reads=True)
    assert "provider.list_keys" not in names[names.index("sink.put:local") :]


ISSUED = make_observation(expires_at=NOW + HOUR)


@pytest.mark.parametrize(
    ("shown", "is_refreshed"),
    [
        pytest.param({}, False, id="as it was answered"),
        pytest.param({"redacted": "ak-a...002"}, True, id="another raw key"),
        pytest.param({"redacted": ""}, False, id="a listing that shows no redacted form"),
        pytest.param({"expires_at": NOW + HOUR / 2}, True, id="an earlier end"),
        pytest.param({"expires_at": None}, False, id="no end"),
        pytest.param({"expires_at": NOW + HOUR - timedelta(milliseconds=999)}, False, id="an end without fractions"),
    ],
)
def test_a_listing_shows_whether_a_key_was_refreshed_since_it_was_issued(
    shown: dict[str, Any], *, is_refreshed: bool
) -> None:
    assert was_refreshed(ISSUED, replace(ISSUED, **shown)) is is_refreshed


def test_a_key_without_end_that_has_got_one_was_refreshed() -> None:
    assert was_refreshed(replace(ISSUED, expires_at=None), ISSUED)


def test_two_runs_that_keep_renewing_one_key_end_in_doubt() -> None:
    scenario = refreshing(sinks={"local": BLIND})
    provider = scenario.world.provider

    def meet(name: str) -> None:
        if name == "sink.put:local":
            provider.person_rotates(provider.live()[0].id)

    scenario.world.effects.after = meet
    outcome = apply(scenario)
    assert isinstance(outcome, InDoubt)
    assert "another run keeps renewing this key" in outcome.message
    assert [intent.until for intent in scenario.world.ledger.intents.values()] == [None]


def test_a_key_that_another_run_deleted_after_the_delivery_leaves_a_doubt() -> None:
    scenario = refreshing(sinks={"local": BLIND})
    provider = scenario.world.provider
    before(scenario, "provider.verify", lambda: provider.person_deletes(provider.live()[0].id), skip=1)
    outcome = apply(scenario)
    assert isinstance(outcome, InDoubt)
    assert "ended key" in outcome.message


def test_a_sink_that_compares_needs_no_second_verification() -> None:
    scenario = refreshing()
    apply(scenario)
    assert scenario.world.effects.names().count("provider.verify") == 1


# A refresh whose raw key is not accepted: another run may have refreshed the key after this one.


def rotate_at_once(scenario: Scenario) -> None:
    """Let another run refresh the key right after ours, and deliver what it got."""
    world = scenario.world

    def act() -> None:
        record = world.provider.person_rotates(world.provider.live()[0].id)
        world.sinks["local"].person_writes("user/ci", record.raw)  # type: ignore[index]  # a sink's name

    before(scenario, "provider.verify", act)


def test_a_dead_key_is_not_put_over_one_that_works() -> None:
    scenario = refreshing(sinks={"local": LOCAL_FILE})
    rotate_at_once(scenario)
    outcome = apply(scenario)
    assert isinstance(outcome, InDoubt)
    assert outcome.exit_status == 5
    assert "kept back" in outcome.message
    assert scenario.world.provider.accepts(*scenario.world.delivered().values())


def test_where_a_place_cannot_be_read_the_dead_key_goes_over_what_this_run_ended_alone() -> None:
    for abilities, overlap, is_put in ((WRITE_ONLY, NONE, True), (WRITE_ONLY, HOUR, False), (BLIND, NONE, False)):
        scenario = applied(sinks={"local": abilities})
        scenario.declare(make_declaration(rotation=Rotation(generation=2, overlap=overlap)))
        scenario.world.provider.verifications_refused = 99
        held = scenario.world.delivered()
        outcome = apply(scenario)
        assert isinstance(outcome, InDoubt)
        assert (scenario.world.delivered() != held) is is_put


def test_a_provider_that_gives_no_answer_leaves_the_new_key_where_the_old_one_is_dead() -> None:
    scenario = applied(sinks={"local": LOCAL_FILE})
    scenario.declare(make_declaration(rotation=Rotation(generation=2, overlap=NONE)))
    scenario.world.effects.inject(Fault.ERROR, "provider.verify", times=99, error=ProviderUnavailableError("no answer"))
    outcome = apply(scenario)
    assert isinstance(outcome, InDoubt)
    # What was there is what this refresh has ended: nothing is lost by trying the new one.
    assert scenario.world.provider.accepts(*scenario.world.delivered().values())


def test_a_place_that_cannot_be_looked_at_may_work() -> None:
    scenario = applied(sinks={"local": LOCAL_FILE})
    scenario.declare(make_declaration(rotation=Rotation(generation=2, overlap=NONE)))
    scenario.world.provider.verifications_refused = 99
    scenario.world.effects.inject(Fault.ERROR, "sink.read:local", times=9)
    held = scenario.world.delivered()
    outcome = apply(scenario)
    assert isinstance(outcome, InDoubt)
    assert "kept back" in outcome.message
    assert scenario.world.delivered() == held


def test_a_look_for_an_overtaking_refresh_that_fails_stops_nothing() -> None:
    scenario = applied(sinks={"local": BLIND})
    scenario.declare(make_declaration(rotation=Rotation(generation=2, overlap=HOUR)))
    scenario.world.effects.inject(Fault.ERROR, "provider.list_keys", skip=1, times=9)
    assert isinstance(apply(scenario), Done)


# A run that loses its lock.


class LosingLease:
    """Implements Lease: held for so many checks, and lost from then on."""

    def __init__(self, checks: int) -> None:
        self.holder = make_holder()
        self._left = checks

    def check(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise LeaseLostError("another run has the lock")


def apply_with(lease: LosingLease, scenario: Scenario) -> Outcome:
    silent, bench = Silent(), replace(scenario.bench(), lease=lease)
    report = apply_plan(scenario.plan(), digest="test", ports=bench, parallelism=1, progress=silent, stop=silent)
    (outcome,) = report.outcomes
    return outcome


def test_a_run_without_its_lock_changes_nothing_more_and_says_so() -> None:
    names = ("sink.intend:local", "provider.create", "sink.put:local")
    for checks, effect in enumerate(names):
        scenario = creating(FULL)
        outcome = apply_with(LosingLease(checks), scenario)
        assert isinstance(outcome, Failed)
        assert (outcome.exit_status, outcome.message) == (7, "another run has the lock")
        assert effect not in scenario.world.effects.names()
        assert scenario.world.delivered() == {}

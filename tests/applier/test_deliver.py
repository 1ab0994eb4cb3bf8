import pytest
from samples import make_receipt, make_runner
from simulator import BLIND, FULL, WEAK, WRITE_ONLY, Fault, World

from keyplan.applier.deliver import DeliveryResult, MaybeStored, NotStored, deliver
from keyplan.applier.workbench import Workbench
from keyplan.errors import SinkDeniedError, SinkPausedError
from keyplan.model.identity import KeyId, SinkName
from keyplan.model.observation import Abilities, Slot
from keyplan.model.secret import RawKey

HERE, THERE = (Slot(sink=SinkName(name), location="user/ci") for name in ("local", "remote"))
OLD, NEW = "ak-old", "ak-new"
DENIED = SinkDeniedError("no right to write", advice="ask for it")
PAUSED = SinkPausedError("busy or throttled until tomorrow", advice="apply again then")


def make_world(abilities: Abilities = FULL, other: Abilities = FULL) -> World:
    """Return a world whose first sink holds an older key."""
    world = World(sinks={"local": abilities, "remote": other})
    world.sinks[HERE.sink].put(HERE, RawKey(OLD), make_receipt(OLD))
    world.restart()
    return world


def make_bench(world: World) -> Workbench:
    return Workbench(
        reader=world.provider,
        writer=world.provider,
        sinks=world.sinks,
        ledger=world.ledger,
        clock=world.clock,
        runner=make_runner(),
    )


def deliver_to(world: World, *slots: Slot) -> DeliveryResult:
    receipt = make_receipt(NEW, key_id=KeyId("key-2"))
    return deliver(slots or (HERE,), RawKey(NEW), receipt, None, make_bench(world))


def test_every_sink_gets_raw_key_and_receipt() -> None:
    world = make_world()
    result = deliver_to(world, HERE, THERE)
    assert (result.stored, result.failures) == ((HERE, THERE), ())
    assert set(world.delivered().values()) == {NEW}


def test_a_sink_that_fails_for_a_while_is_tried_again() -> None:
    world = make_world()
    world.effects.inject(Fault.ERROR, "sink.put:*", times=3)
    assert deliver_to(world).stored == (HERE,)


def test_a_sink_whose_adapter_has_waited_in_vain_is_asked_once_and_may_hold_a_part() -> None:
    world = make_world(WRITE_ONLY)
    world.effects.inject(Fault.ERROR, "sink.*:local", times=9, error=PAUSED)
    began = world.clock.now()
    assert deliver_to(world).failures == (MaybeStored(slot=HERE, error=PAUSED),)
    assert world.effects.names() == ["sink.put:local"]
    assert world.clock.now() == began


def test_a_sink_that_is_denied_is_asked_once() -> None:
    world = make_world()
    world.effects.inject(Fault.ERROR, "sink.put:*", times=9, error=DENIED)
    assert deliver_to(world).failures == (NotStored(slot=HERE, error=DENIED),)
    assert world.effects.names() == ["sink.put:local"]


def test_one_sink_that_fails_does_not_keep_the_others_from_theirs() -> None:
    world = make_world()
    world.effects.inject(Fault.ERROR, "sink.put:local", times=9)
    result = deliver_to(world, HERE, THERE)
    assert result.stored == (THERE,)
    assert not result.is_nowhere


@pytest.mark.parametrize("abilities", [FULL, WRITE_ONLY], ids=["full", "write only"])
def test_a_sink_whose_answers_are_lost_is_found_to_hold_the_key(abilities: Abilities) -> None:
    world = make_world(abilities)
    world.effects.inject(Fault.ANSWER_LOST, "sink.put:*", times=9)
    assert deliver_to(world).stored == (HERE,)


@pytest.mark.parametrize(
    ("abilities", "fault", "error", "is_uncertain"),
    [
        pytest.param(FULL, Fault.ERROR, None, False, id="the receipt of the old value is still there"),
        pytest.param(WRITE_ONLY, Fault.ERROR, None, False, id="the same, where values cannot be read"),
        pytest.param(WEAK, Fault.ERROR, None, True, id="a sink without receipts cannot tell"),
        pytest.param(BLIND, Fault.ANSWER_LOST, None, True, id="nor can a blind one, and it does hold it"),
        pytest.param(BLIND, Fault.ERROR, DENIED, False, id="a refusal is certain even there"),
    ],
)
def test_that_no_slot_holds_it_is_said_only_for_certain(
    abilities: Abilities, fault: Fault, error: SinkDeniedError | None, is_uncertain: bool
) -> None:
    world = make_world(abilities)
    world.effects.inject(fault, "sink.put:*", times=9, error=error)
    result = deliver_to(world)
    (failure,) = result.failures
    assert (type(failure), result.is_nowhere) == (MaybeStored if is_uncertain else NotStored, not is_uncertain)


def test_a_refusal_after_an_unanswered_try_is_not_certain() -> None:
    world = make_world(BLIND)
    world.effects.inject(Fault.ANSWER_LOST, "sink.put:*", times=1)
    world.effects.inject(Fault.ERROR, "sink.put:*", times=9, error=DENIED)
    assert not deliver_to(world).is_nowhere
    assert world.delivered() == {"local:user/ci": NEW}


def test_a_sink_that_cannot_be_looked_at_is_uncertain() -> None:
    world = make_world()
    world.effects.inject(Fault.ERROR, "sink.*", times=99)
    assert not deliver_to(world).is_nowhere


def test_an_empty_place_that_fails_stays_empty_for_certain() -> None:
    world = make_world()
    world.effects.inject(Fault.ERROR, "sink.put:remote", times=9)
    assert deliver_to(world, THERE).is_nowhere


def test_a_value_beside_the_receipt_of_another_may_be_the_new_one_half_stored() -> None:
    world = make_world()
    world.sinks[HERE.sink].person_writes("user/ci", NEW)
    world.effects.inject(Fault.ERROR, "sink.put:*", times=9)
    assert not deliver_to(world).is_nowhere

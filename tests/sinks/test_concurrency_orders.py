"""Two runs at one place, the second between any two requests of the first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from samples import NOW, OTHER_RAW, OWNER, RAW, make_declaration, make_delivery, make_receipt, make_runner
from sinks.fake_vault import Answer, FakeVault
from sinks.interleaved import Interruption, points, refused
from sinks.test_concurrency_races import make_vault_sink

from keyplan.errors import SinkBusyError
from keyplan.model.identity import KeyId
from keyplan.model.observation import Content, Slot
from keyplan.model.secret import RawKey
from keyplan.ports import Sink
from keyplan.testing.sink_races import make_racing_intent

LATER = make_receipt(OTHER_RAW, key_id=KeyId("key-2"), delivered_at=NOW + timedelta(seconds=1))


def find_slot(sink: Sink) -> Slot:
    return sink.locate(OWNER, make_declaration("ci"), make_delivery())


def interfere(interruption: Interruption) -> Callable[[FakeVault, str], Answer | None]:
    def before(_server: FakeVault, _doing: str) -> None:
        interruption()

    return before


@pytest.mark.parametrize("compares_metadata", [False, True], ids=["as HashiCorp Vault", "as OpenBao"])
@pytest.mark.parametrize("is_filled", [False, True], ids=["empty", "filled"])
def test_of_two_runs_that_saw_the_same_one_goes_on(compares_metadata: bool, is_filled: bool) -> None:
    def run(point: int) -> Interruption:
        server = FakeVault(compares_metadata=compares_metadata)
        first, second = make_vault_sink(server, {}), make_vault_sink(server, {})
        slot = find_slot(first)
        if is_filled:
            first.put(slot, RawKey(RAW), make_receipt())
        seen = first.inspect([slot])[slot].revision
        interruption = Interruption(point, lambda: second.intend(slot, make_racing_intent("b"), over=seen))
        server.interfere = interfere(interruption)
        interruption.arm()
        told = refused(lambda: first.intend(slot, make_racing_intent("a"), over=seen))
        interruption.disarm()
        winners = [run for run, error in (("a", told), ("b", interruption.errors)) if not error]
        noted = second.inspect([slot])[slot].intent
        if interruption.has_happened:
            assert len(winners) == 1, (point, told, interruption.errors)
            assert noted == make_racing_intent(winners[0])
        return interruption

    assert len(list(points(run))) > 2


@pytest.mark.parametrize("compares_metadata", [False, True], ids=["as HashiCorp Vault", "as OpenBao"])
def test_a_run_that_is_taken_over_in_mid_delivery_does_not_have_the_last_word(compares_metadata: bool) -> None:
    def run(point: int) -> Interruption:
        server = FakeVault(compares_metadata=compares_metadata)
        first, second = make_vault_sink(server, {}), make_vault_sink(server, {})
        slot = find_slot(first)
        first.put(slot, RawKey(RAW), make_receipt())
        ours = make_racing_intent("a")
        first.intend(slot, ours)
        theirs = replace(ours, runner=make_runner("b"), attempts=2)

        def take_over() -> None:
            second.intend(slot, theirs, over=second.inspect([slot])[slot].revision)
            second.put(slot, RawKey(OTHER_RAW), LATER, intent=theirs)

        interruption = Interruption(point, take_over)
        server.interfere = interfere(interruption)
        interruption.arm()
        late = make_receipt("ak-late", key_id=KeyId("key-3"), delivered_at=NOW + timedelta(seconds=2))
        told = refused(lambda: first.put(slot, RawKey("ak-late"), late, intent=ours))
        interruption.disarm()
        if interruption.has_happened and not interruption.errors:
            assert server.paths["arize/shared"].versions[-1] == {"api_key": OTHER_RAW}
            # Where no metadata is compared, a note may come too late: then it names another value than is there.
            is_noticed = second.inspect([slot])[slot].content is Content.DIFFERS and not compares_metadata
            assert isinstance(told, SinkBusyError) or is_noticed, point
        return interruption

    assert len(list(points(run))) > 2

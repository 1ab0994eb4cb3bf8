"""What a sink with the ability `compares` must do when several runs write one place at the same instant.

Subclass `CompareContract` beside `SinkContract`, and give it several sinks on one store, each as if on another machine.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier
from typing import ClassVar

import pytest

from keyplan.plugin import (
    Intent,
    IntentId,
    KeyId,
    RawKey,
    Receipt,
    Revision,
    Sink,
    SinkBusyError,
    Slot,
)
from keyplan.testing.samples import (
    NOW,
    OTHER_RAW,
    OWNER,
    RAW,
    make_declaration,
    make_delivery,
    make_intent,
    make_receipt,
    make_runner,
)


class CompareContract(ABC):
    """Tests that of several runs exactly one succeeds, and that the place holds its value at the end."""

    rounds: ClassVar[int] = 6
    """How often each race is run; each begins where the one before ended."""

    @pytest.fixture
    @abstractmethod
    def rivals(self) -> Sequence[Sink]:
        """Return two or more sinks on one empty store; a fixture again in the subclass. They share no lock."""

    @abstractmethod
    def value_at(self, slot: Slot) -> str | None:
        """Return the raw key that a consumer finds, read from the store without the sink; None if there is none."""

    @pytest.fixture
    def slot(self, rivals: Sequence[Sink]) -> Slot:
        """Return the slot of `user/ci`."""
        return rivals[0].locate(OWNER, make_declaration("ci"), make_delivery())

    def test_the_sinks_say_that_they_compare(self, rivals: Sequence[Sink]) -> None:
        """The applier relies on it: it verifies no key once more after such a sink."""
        assert all(sink.abilities.compares for sink in rivals)

    def test_of_runs_that_begin_at_once_one_goes_on_and_delivers(self, rivals: Sequence[Sink], slot: Slot) -> None:
        """The others learn so before any of them has made a key."""
        for number in range(self.rounds):
            seen = look(rivals[0], slot)
            intents = [make_racing_intent(f"run-{number}-{index}") for index in range(len(rivals))]
            told = race([note(sink, slot, intent, seen) for sink, intent in zip(rivals, intents, strict=True)])
            (winner,) = [index for index, error in enumerate(told) if error is None]
            assert all(isinstance(error, SinkBusyError) for error in told if error is not None), told
            assert rivals[0].inspect([slot])[slot].intent == intents[winner]
            raw, receipt = make_racing_key(number)
            told = race([store(sink, slot, raw, receipt, intent) for sink, intent in zip(rivals, intents, strict=True)])
            assert told[winner] is None
            assert self.value_at(slot) == f"ak-{number}"
            held = rivals[0].inspect([slot])[slot]
            assert (held.receipt, held.intent) == (receipt, None)

    def test_of_runs_that_take_a_dead_one_over_at_once_one_goes_on(self, rivals: Sequence[Sink], slot: Slot) -> None:
        """The dead run's lease is over, and all of them saw it."""
        dead = make_racing_intent("dead")
        rivals[0].put(slot, RawKey(RAW), make_receipt())
        rivals[0].intend(slot, dead)
        seen = look(rivals[0], slot)
        again = [replace(dead, runner=make_runner(f"run-{index}"), attempts=2) for index in range(len(rivals))]
        told = race([note(sink, slot, intent, seen) for sink, intent in zip(rivals, again, strict=True)])
        (winner,) = [index for index, error in enumerate(told) if error is None]
        receipt = make_receipt(OTHER_RAW, key_id=KeyId("key-2"), delivered_at=NOW + timedelta(seconds=1))
        with pytest.raises(SinkBusyError):
            rivals[0].put(slot, RawKey(OTHER_RAW), receipt, intent=dead)
        assert self.value_at(slot) == RAW
        rivals[winner].put(slot, RawKey(OTHER_RAW), receipt, intent=again[winner])
        assert self.value_at(slot) == OTHER_RAW

    def test_a_run_that_is_taken_over_while_it_delivers_leaves_the_other_ones_value(
        self, rivals: Sequence[Sink], slot: Slot
    ) -> None:
        """Whichever of the two is faster: at the end the place holds the key of the run that took over."""
        first, second = rivals[:2]
        for number in range(self.rounds):
            ours = make_racing_intent(f"slow-{number}")
            first.intend(slot, ours, over=look(first, slot))
            theirs = replace(ours, runner=make_runner(f"fast-{number}"), attempts=2)
            seen = look(second, slot)
            late, receipt = make_racing_key(number)
            told = race([note(second, slot, theirs, seen), store(first, slot, late, receipt, ours)])
            if told[0] is not None:
                # The value was there before the take-over, which saw that.
                assert isinstance(told[0], SinkBusyError)
                assert (told[1], self.value_at(slot)) == (None, f"ak-{number}")
                continue
            taken, receipt = make_racing_key(number + 1000)
            second.put(slot, taken, receipt, intent=theirs)
            held = second.inspect([slot])[slot]
            assert (held.receipt, self.value_at(slot)) == (receipt, f"ak-{number + 1000}")


def make_racing_intent(run: str) -> Intent:
    """Return the intent of a run that is under way."""
    return make_intent(IntentId(f"of-{run}"), runner=make_runner(run), until=NOW + timedelta(seconds=60))


def make_racing_key(number: int) -> tuple[RawKey, Receipt]:
    """Return the raw key of a round, and its receipt."""
    raw_text = f"ak-{number}"
    later = NOW + timedelta(seconds=number)
    return RawKey(raw_text), make_receipt(raw_text, key_id=KeyId(f"key-{number}"), delivered_at=later)


def look(sink: Sink, slot: Slot) -> Revision:
    """Return what a plan sees."""
    return sink.inspect([slot])[slot].revision


def note(sink: Sink, slot: Slot, intent: Intent, over: Revision) -> Callable[[], None]:
    """Return what notes an intent over what was seen."""
    return lambda: sink.intend(slot, intent, over=over)


def store(sink: Sink, slot: Slot, raw: RawKey, receipt: Receipt, intent: Intent) -> Callable[[], None]:
    """Return what puts a value for an intent."""
    return lambda: sink.put(slot, raw, receipt, intent=intent)


def race(calls: Sequence[Callable[[], None]]) -> list[Exception | None]:
    """Make all calls at once, and return what each raised."""
    start = Barrier(len(calls))

    def run(call: Callable[[], None]) -> Exception | None:
        start.wait(timeout=30)
        try:
            call()
        except SinkBusyError as error:
            return error
        return None

    with ThreadPoolExecutor(max_workers=len(calls)) as pool:
        return list(pool.map(run, calls))

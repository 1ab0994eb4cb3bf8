"""How many calls at a time an apply makes to each party."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event, Lock
from typing import Any

import pytest
from samples import make_declaration, make_delivery, make_desired, make_intent, make_receipt

from keyplan.applier.throttle import ThrottledSink, ThrottledWriter, Turns, count_lanes
from keyplan.errors import LeaseLostError
from keyplan.model.identity import KeyId, SinkName
from keyplan.model.observation import Abilities, Slot
from keyplan.model.secret import RawKey

SLOT = Slot(sink=SinkName("local"), location="ci.key")
MOST = 2
CALLS = 5


class Counter:
    """Stands for any party: every method notes how many threads are in it, and waits until as many as may are."""

    abilities = Abilities(holds_receipts=True, readable=True)

    def __init__(self) -> None:
        self.most = 0
        self._now = 0
        self._lock = Lock()
        self._is_full = Event()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return a method of any name."""
        return self._call

    def locate(self, *_: Any) -> Slot:
        """Return the one slot."""
        return SLOT

    def _call(self, *_: Any, **__: Any) -> None:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
            if self._now == MOST:
                self._is_full.set()
        self._is_full.wait(timeout=5)
        with self._lock:
            self._now -= 1


def allow() -> None:
    """Say that the lock is held."""


def refuse() -> None:
    """Say that the lock is lost."""
    raise LeaseLostError("lost")


WRITES: dict[str, Callable[[ThrottledWriter], object]] = {
    "create": lambda writer: writer.create(make_desired(), expires_at=None),
    "refresh": lambda writer: writer.refresh(KeyId("key"), expires_at=None, grace=timedelta(0)),
    "delete": lambda writer: writer.delete(KeyId("key")),
    "verify": lambda writer: writer.verify(RawKey("ak-1")),
}
STORES: dict[str, Callable[[ThrottledSink], object]] = {
    "inspect": lambda sink: sink.inspect((SLOT,)),
    "read": lambda sink: sink.read(SLOT),
    "intend": lambda sink: sink.intend(SLOT, make_intent()),
    "retract": lambda sink: sink.retract(SLOT, make_intent()),
    "put": lambda sink: sink.put(SLOT, RawKey("ak-1"), make_receipt()),
    "annotate": lambda sink: sink.annotate(SLOT, make_receipt()),
    "withdraw": lambda sink: sink.withdraw(SLOT, "ml-platform"),
}


def call_often(call: Callable[[], object]) -> None:
    """Make more calls than may be made at a time."""
    with ThreadPoolExecutor(CALLS) as pool:
        for future in [pool.submit(call) for _ in range(CALLS)]:
            future.result()


@pytest.mark.parametrize("write", WRITES.values(), ids=list(WRITES))
def test_the_provider_is_called_by_so_many_threads_and_no_more(
    write: Callable[[ThrottledWriter], object],
) -> None:
    party: Any = Counter()
    writer = ThrottledWriter(party, Turns(MOST, allow))
    call_often(lambda: write(writer))
    assert party.most == MOST


@pytest.mark.parametrize("store", STORES.values(), ids=list(STORES))
def test_a_sink_is_called_by_so_many_threads_and_no_more(store: Callable[[ThrottledSink], object]) -> None:
    party: Any = Counter()
    sink = ThrottledSink(party, Turns(MOST, allow))
    call_often(lambda: store(sink))
    assert party.most == MOST


@pytest.mark.parametrize(("most", "lanes"), [(1, 1), (2, 8), (8, 32)])
def test_more_keys_may_be_on_their_way_than_calls_unless_they_go_one_by_one(most: int, lanes: int) -> None:
    assert count_lanes(most) == lanes


def test_a_sink_tells_what_it_can_do_and_where_a_key_goes_without_a_turn() -> None:
    party: Any = Counter()
    sink = ThrottledSink(party, Turns(0, allow))
    assert sink.locate("ml-platform", make_declaration(), make_delivery()) is SLOT
    assert sink.abilities is party.abilities


@pytest.mark.parametrize("write", [pytest.param(act, id=name) for name, act in WRITES.items()])
def test_without_the_lock_the_provider_is_read_and_not_changed(write: Callable[[ThrottledWriter], object]) -> None:
    party = Counter()
    writer = ThrottledWriter(party, Turns(MOST, refuse))
    if write is WRITES["verify"]:
        write(writer)
    else:
        with pytest.raises(LeaseLostError):
            write(writer)
    assert bool(party.most) == (write is WRITES["verify"])


@pytest.mark.parametrize("store", [pytest.param(act, id=name) for name, act in STORES.items()])
def test_without_the_lock_a_sink_is_read_and_not_changed(store: Callable[[ThrottledSink], object]) -> None:
    party, reads = Counter(), (STORES["inspect"], STORES["read"])
    sink = ThrottledSink(party, Turns(MOST, refuse))
    if store in reads:
        store(sink)
    else:
        with pytest.raises(LeaseLostError):
            store(sink)
    assert bool(party.most) == (store in reads)

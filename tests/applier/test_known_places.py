"""Which places are not read again, which are noted, and what a ledger is given."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from samples import LOCAL, NOW, make_intent, make_receipt

from keyplan.applier.known_places import list_settled, note_in, survey_changed
from keyplan.errors import SinkDeniedError
from keyplan.model.examination import Area, Finding, Health
from keyplan.model.identity import Address, Identity
from keyplan.model.ledger import KnownPlace, Memory
from keyplan.model.observation import Content, Holding, Revision, Slot, Survey

RECEIPT = make_receipt()
SLOT = Slot(sink=LOCAL, location="a/ci")
OTHER = Slot(sink=LOCAL, location="a/other")
HELD = Holding(present=True, receipt=RECEIPT, content=Content.MATCHES, revision=Revision("r1"))
KNOWN = KnownPlace(
    sink=LOCAL, location="a/ci", address=RECEIPT.address, edition="e1", trace="t1", revision=Revision("r1")
)
MEMORY = Memory(receipts=(RECEIPT,), editions={RECEIPT.address: "e1"}, places={(LOCAL, "a/ci"): KNOWN})
BROKEN = Finding(area=Area.SINK, subject="writing", location="a/ci", health=Health.BROKEN, detail="no")


@dataclass
class Plain:
    """A sink without traces."""

    read: list[Slot] = field(default_factory=list)
    found: tuple[Finding, ...] = ()

    def survey(self, slots: Collection[Slot]) -> Survey:
        """Return that each slot holds the receipt's value."""
        self.read += slots
        return Survey(holdings=dict.fromkeys(slots, HELD), findings=self.found)

    def inspect(self, slots: Collection[Slot]) -> Mapping[Slot, Holding]:
        """Return the same."""
        return self.survey(slots).holdings

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)


@dataclass
class Traced(Plain):
    """A sink with traces."""

    traces: Mapping[Slot, str] = field(default_factory=dict)
    obstacles: tuple[Finding, ...] = ()

    def trace(self, slots: Collection[Slot]) -> Mapping[Slot, str]:
        """Return the traces of these slots."""
        return {slot: trace for slot, trace in self.traces.items() if slot in slots}

    def find_obstacles(self, slots: Collection[Slot]) -> tuple[Finding, ...]:
        """Return what is in the way."""
        assert slots
        return self.obstacles


def look(sink: Plain, memory: Memory = MEMORY, *, is_examined: bool = True) -> Survey:
    found, _ = survey_changed(sink, [SLOT, OTHER], lambda: memory, is_examined=is_examined)  # type: ignore[arg-type]  # as much of a sink as is asked
    return found


def test_a_place_with_the_noted_trace_is_not_read() -> None:
    sink = Traced(traces={SLOT: "t1", OTHER: "t2"}, obstacles=(BROKEN,))
    found = look(sink)
    assert sink.read == [OTHER]
    assert list(found.holdings) == [SLOT, OTHER]
    assert found.holdings[SLOT] == HELD
    assert found.holdings[SLOT].revision == "r1"
    assert found.findings == (BROKEN,)


@pytest.mark.parametrize(
    ("traces", "memory"),
    [
        pytest.param({SLOT: "t9"}, MEMORY, id="another trace"),
        pytest.param({}, MEMORY, id="no trace"),
        pytest.param({SLOT: "t1"}, Memory(receipts=(RECEIPT,)), id="nothing noted"),
    ],
)
def test_every_other_place_is_read(traces: Mapping[Slot, str], memory: Memory) -> None:
    sink = Traced(traces=traces)
    look(sink, memory)
    assert sink.read == [SLOT, OTHER]


def test_without_an_examination_nothing_is_said_to_be_in_the_way() -> None:
    assert look(Traced(traces={SLOT: "t1"}, obstacles=(BROKEN,)), is_examined=False).findings == ()


def test_a_sink_without_traces_is_read() -> None:
    sink = Plain()
    look(sink)
    assert sink.read == [SLOT, OTHER]


def test_a_sink_without_traces_does_not_wait_for_the_ledger() -> None:
    def wait() -> Memory:
        raise AssertionError("the ledger was waited for")

    survey_changed(Plain(), [SLOT], wait, is_examined=True)  # type: ignore[arg-type]  # as above


def test_a_trace_is_taken_before_a_place_is_read() -> None:
    class Changing(Traced):
        def survey(self, slots: Collection[Slot]) -> Survey:
            self.traces = {SLOT: "later"}
            return super().survey(slots)

    sink = Changing(traces={SLOT: "earlier"})
    _, traces = survey_changed(sink, [SLOT], Memory, is_examined=True)  # type: ignore[arg-type]  # as above
    assert traces == {SLOT: "earlier"}


def settle(held: Holding = HELD, *, memory: Memory = MEMORY, survey: Survey | None = None) -> tuple[KnownPlace, ...]:
    answer = survey or Survey(holdings={SLOT: held})
    return list_settled({SLOT: held}, {LOCAL: (answer, {SLOT: "t1"})}, memory)


def test_a_place_that_holds_what_the_ledger_says_is_settled() -> None:
    assert settle() == (KNOWN,)


@pytest.mark.parametrize(
    "held",
    [
        pytest.param(replace(HELD, present=False), id="nothing there"),
        pytest.param(replace(HELD, receipt=None), id="no receipt"),
        pytest.param(replace(HELD, receipt=replace(RECEIPT, protect=True)), id="another receipt"),
        pytest.param(replace(HELD, receipt=replace(RECEIPT, address=Address("user/else"))), id="another address"),
        pytest.param(replace(HELD, content=Content.DIFFERS), id="another value"),
        pytest.param(replace(HELD, content=Content.UNREAD), id="not compared"),
        pytest.param(replace(HELD, owner=Identity("other")), id="another owner"),
        pytest.param(replace(HELD, intent=make_intent()), id="an open intent"),
        pytest.param(replace(HELD, changed_at=NOW), id="a weak proof"),
    ],
)
def test_no_other_place_is(held: Holding) -> None:
    assert settle(held) == ()


def test_a_place_with_something_in_the_way_is_not() -> None:
    for survey in (Survey(holdings={}, findings=(BROKEN,)), Survey(holdings={}, unless_recorded=(BROKEN,))):
        assert settle(survey=survey) == ()


def test_a_ledger_that_keeps_no_places_is_given_none() -> None:
    assert settle(memory=replace(MEMORY, editions={})) == ()


class Keeper:
    """A ledger that keeps places."""

    def __init__(self) -> None:
        self.noted: list[Collection[KnownPlace]] = []

    def note_places(self, places: Collection[KnownPlace]) -> None:
        """Keep them."""
        self.noted.append(places)


def test_a_ledger_is_given_what_is_news_to_it() -> None:
    keeper = Keeper()
    note_in(keeper)(MEMORY, (KNOWN,))
    assert keeper.noted == []
    note_in(keeper)(MEMORY, ())
    note_in(keeper)(replace(MEMORY, places={}), (KNOWN,))
    assert keeper.noted == [(), (KNOWN,)]
    note_in(object())(MEMORY, ())


def test_a_sink_that_can_t_be_looked_at_fails() -> None:
    class Closed(Traced):
        def trace(self, slots: Collection[Slot]) -> Mapping[Slot, str]:
            raise SinkDeniedError("closed")

    with pytest.raises(SinkDeniedError):
        look(Closed())

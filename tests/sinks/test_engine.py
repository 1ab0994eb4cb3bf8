"""The rules of every sink, over a store in memory."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import pytest
from samples import (
    OWNER,
    RAW,
    RENAMED_LINEAGE,
    make_declaration,
    make_delivery,
    make_intent,
    make_receipt,
    make_sink_settings,
)

from keyplan.errors import InputError, SinkDeniedError
from keyplan.model.observation import Abilities, Content, Holding, Slot
from keyplan.model.secret import RawKey
from keyplan.ports import Sink
from keyplan.sinks.engine import SinkEngine, SinkKind
from keyplan.sinks.notes import Entry
from keyplan.sinks.value_store import Decide, Loaded, Presence, Seals, StoreConflictError
from keyplan.testing.sinks import SinkContract


class Memory:
    """Implements ValueStore over a dict, readable or only sealed."""

    def __init__(self, *, is_readable: bool) -> None:
        self.cells: dict[Slot, Loaded] = {}
        self.is_readable = is_readable
        self.conflicts = 0

    def load(self, slots: Collection[Slot]) -> Mapping[Slot, Loaded]:
        return {slot: self._show(self.cells.get(slot, Loaded())) for slot in slots}

    def change(self, slot: Slot, decide: Decide, *, create: bool) -> None:
        loaded = self.cells.get(slot, Loaded())
        change = decide(self._show(loaded))
        if self.conflicts:
            self.conflicts -= 1
            raise StoreConflictError(f"{slot.location}: changed meanwhile")
        if change is None:
            return
        if change.content is None:
            self.cells[slot] = replace(loaded, entry=change.entry)
        else:
            seal = change.content.decode()[::-1]
            entry = change.entry and replace(change.entry, seal=seal)
            self.cells[slot] = Loaded(content=change.content, seal=seal, entry=entry)

    def write_by_hand(self, slot: Slot, text: str) -> None:
        loaded = self.cells.get(slot, Loaded())
        self.cells[slot] = replace(loaded, content=text.encode(), seal=text[::-1])

    def _show(self, loaded: Loaded) -> Loaded:
        if self.is_readable or not loaded.content:
            return loaded
        return replace(loaded, content=None, presence=Presence.PRESENT)


def build(store: Memory, **options: Any) -> SinkEngine:
    return SinkEngine(make_sink_settings(options), lineage=RENAMED_LINEAGE, store=store, kind=make_kind(store))


def make_kind(store: Memory, **parts: Any) -> SinkKind:
    return SinkKind(
        fill_slot=lambda sink, owner, declaration, given: Slot(sink=sink, location=declaration.address, options=given),
        **{"abilities": Abilities(holds_receipts=True, readable=store.is_readable), **parts},
    )


def locate(sink: SinkEngine) -> Slot:
    return sink.locate(OWNER, make_declaration(), make_delivery())


@pytest.fixture(params=[True, False], ids=["readable", "sealed"])
def store(request: pytest.FixtureRequest) -> Memory:
    return Memory(is_readable=request.param)


class TestEngine(SinkContract):
    @pytest.fixture
    def sink(self, store: Memory) -> Sink:
        self.store = store
        return build(store)

    def value_at(self, slot: Slot) -> str | None:
        content = self.store.cells.get(slot, Loaded()).content
        return content.decode() if content else None

    def person_writes(self, slot: Slot, raw_text: str) -> None:
        self.store.write_by_hand(slot, raw_text)


def test_a_value_changed_by_hand_shows_whether_it_can_be_read_or_not(store: Memory) -> None:
    sink = build(store)
    slot = locate(sink)
    sink.put(slot, RawKey(RAW), make_receipt())
    store.write_by_hand(slot, "by hand")
    expected = {
        True: Holding(present=True, receipt=make_receipt(), content=Content.DIFFERS),
        False: Holding(present=True),
    }
    assert sink.inspect([slot])[slot] == expected[store.is_readable]


def test_a_value_changed_by_hand_stays_when_its_declaration_goes(store: Memory) -> None:
    sink = build(store)
    slot = locate(sink)
    sink.put(slot, RawKey(RAW), make_receipt())
    store.write_by_hand(slot, "by hand")
    sink.withdraw(slot, OWNER)
    assert store.cells[slot].content == b"by hand"
    assert store.cells[slot].entry is None


def test_a_value_that_was_half_stored_goes_with_its_declaration(store: Memory) -> None:
    sink = build(store)
    slot = locate(sink)
    sink.put(slot, RawKey(RAW), make_receipt())
    sink.intend(slot, make_intent())
    store.write_by_hand(slot, "new key, receipt not yet")
    sink.withdraw(slot, OWNER)
    assert not store.cells[slot].content


def test_an_owner_may_be_told_to_overwrite_or_to_keep(store: Memory) -> None:
    sink = build(store, overwrite=True, on_remove="keep")
    slot = locate(sink)
    store.write_by_hand(slot, "by hand")
    sink.put(slot, RawKey(RAW), make_receipt())
    sink.withdraw(slot, OWNER)
    assert store.cells[slot].content == RAW.encode()


def test_what_holds_for_all_keys_cannot_differ_for_one(store: Memory) -> None:
    with pytest.raises(InputError, match="'copy_from' can't differ"):
        build(store).locate(OWNER, make_declaration(), make_delivery({"copy_from": True}))


def test_a_value_without_note_gets_one_with_its_receipt(store: Memory) -> None:
    sink = build(store)
    slot = locate(sink)
    store.write_by_hand(slot, RAW)
    sink.annotate(slot, make_receipt())
    assert sink.inspect([slot])[slot].receipt == make_receipt()


def test_an_empty_value_is_refused_before_the_store_is_asked(store: Memory) -> None:
    sink = build(store)
    with pytest.raises(SinkDeniedError, match="empty"):
        sink.put(locate(sink), RawKey(""), make_receipt(""))
    assert store.cells == {}


def test_another_writers_change_is_met_by_loading_again(store: Memory) -> None:
    attempts: list[int] = []
    sink = SinkEngine(
        make_sink_settings({}), lineage=RENAMED_LINEAGE, store=store, kind=make_kind(store, give_way=attempts.append)
    )
    slot = locate(sink)
    store.conflicts = 3
    sink.put(slot, RawKey(RAW), make_receipt())
    assert (attempts, sink.inspect([slot])[slot].present) == ([1, 2, 3], True)


def test_a_conflict_that_does_not_end_is_reported(store: Memory) -> None:
    sink = build(store)
    store.conflicts = 10
    with pytest.raises(StoreConflictError, match="changed meanwhile"):
        sink.put(locate(sink), RawKey(RAW), make_receipt())


@pytest.mark.parametrize(
    ("seals", "same", "another"),
    [
        pytest.param(Seals.HINT, Content.UNREAD, None, id="another digest may be the same value"),
        pytest.param(Seals.CHANGE, Content.UNREAD, Content.DIFFERS, id="another writer wrote another value"),
        pytest.param(Seals.VERSION, Content.MATCHES, Content.DIFFERS, id="a version never changes"),
    ],
)
def test_a_seal_proves_what_its_store_says(seals: Seals, same: Content, another: Content | None) -> None:
    store = Memory(is_readable=False)
    sink = SinkEngine(make_sink_settings({}), lineage=RENAMED_LINEAGE, store=store, kind=make_kind(store, seals=seals))
    slot = locate(sink)
    sink.put(slot, RawKey(RAW), make_receipt())
    assert sink.inspect([slot])[slot].content is same
    store.write_by_hand(slot, "by hand")
    held = sink.inspect([slot])[slot]
    assert (held.content if held.receipt else None) is another


@pytest.mark.parametrize(
    ("loaded", "why"),
    [
        pytest.param(Loaded(presence=Presence.POSSIBLE), "something may be there", id="what may not be looked at"),
        pytest.param(Loaded(content=b"x", owner="another-team"), "another-team", id="an object's own mark"),
        pytest.param(
            Loaded(content=b"x", entry=Entry(owner=OWNER), is_foreign=True), "did not write", id="noted, not ours"
        ),
        pytest.param(Loaded(obstacle=SinkDeniedError("declared twice")), "declared twice", id="the store's own reason"),
    ],
)
def test_what_keeps_a_slot_from_being_written_is_named_before(loaded: Loaded, why: str) -> None:
    store = Memory(is_readable=True)
    sink = build(store)
    slot = locate(sink)
    store.cells[slot] = loaded
    (finding,) = sink.examine([slot])
    assert why in finding.detail
    with pytest.raises(SinkDeniedError, match=why):
        sink.intend(slot, make_intent())

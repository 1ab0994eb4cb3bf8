"""What every sink must do, whatever its abilities. Subclass it and give the fixtures `sink` and `slot`."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import replace

import pytest
from samples import NOW, OWNER, RAW, make_declaration, make_delivery, make_intent, make_receipt

from keyplan.errors import SinkDeniedError
from keyplan.model.examination import Finding, Health
from keyplan.model.manifest import KeyId
from keyplan.model.observation import Content, Holding, Slot
from keyplan.model.receipt import Delivered
from keyplan.model.secret import RawKey
from keyplan.ports import Examinable, Sink

OTHER_RAW = "ak-second" + "1" * 44


class SinkContract(ABC):
    """Tests that hold for every implementation of Sink."""

    @pytest.fixture
    @abstractmethod
    def sink(self, request: pytest.FixtureRequest) -> Sink:
        """Return an empty sink of owner OWNER."""

    @abstractmethod
    def value_at(self, slot: Slot) -> str | None:
        """Return the raw key that a consumer would find; None where there is none."""

    @abstractmethod
    def person_writes(self, slot: Slot, raw_text: str) -> None:
        """Put a value there by hand, in place of whatever is there; notes beside it stay."""

    @pytest.fixture
    def slot(self, sink: Sink) -> Slot:
        """Return the slot of `user/ci`."""
        return sink.locate(OWNER, make_declaration("ci"), make_delivery())

    def look(self, sink: Sink, slot: Slot) -> Holding:
        """Return what one slot holds."""
        return sink.inspect([slot])[slot]

    def test_an_empty_slot_holds_nothing(self, sink: Sink, slot: Slot) -> None:
        assert self.look(sink, slot) == Holding(present=False)

    def test_inspecting_no_slot_is_fine(self, sink: Sink) -> None:
        assert dict(sink.inspect([])) == {}

    def test_different_declarations_have_different_slots(self, sink: Sink) -> None:
        names = ["ci", "CI", "c/i", "c%2Fi", "..", "_", "ci "]
        slots = [sink.locate(OWNER, make_declaration(name), make_delivery()) for name in names]
        assert len(set(slots)) == len(names)

    def test_what_was_put_is_there_for_the_consumer(self, sink: Sink, slot: Slot) -> None:
        sink.put(slot, RawKey(RAW), make_receipt())
        assert self.value_at(slot) == RAW
        assert self.look(sink, slot).present

    def test_what_was_put_comes_with_its_receipt(self, sink: Sink, slot: Slot) -> None:
        sink.put(slot, RawKey(RAW), make_receipt())
        assert self.look(sink, slot).receipt == (make_receipt() if sink.abilities.holds_receipts else None)

    def test_putting_again_changes_nothing(self, sink: Sink, slot: Slot) -> None:
        sink.put(slot, RawKey(RAW), make_receipt())
        once = self.look(sink, slot)
        sink.put(slot, RawKey(RAW), make_receipt())
        # When it was written last is another time: a sink that cannot be read has to write again to be sure.
        assert replace(self.look(sink, slot), changed_at=None) == replace(once, changed_at=None)
        assert self.value_at(slot) == RAW

    def test_a_new_value_takes_the_old_ones_place(self, sink: Sink, slot: Slot) -> None:
        sink.put(slot, RawKey(RAW), make_receipt())
        sink.put(slot, RawKey(OTHER_RAW), make_receipt(OTHER_RAW, key_id=KeyId("key-2")))
        assert self.value_at(slot) == OTHER_RAW
        if sink.abilities.holds_receipts:
            assert self.look(sink, slot).receipt == make_receipt(OTHER_RAW, key_id=KeyId("key-2"))

    def test_an_empty_value_is_never_written(self, sink: Sink, slot: Slot) -> None:
        sink.put(slot, RawKey(RAW), make_receipt())
        with pytest.raises(SinkDeniedError):
            sink.put(slot, RawKey(""), make_receipt(""))
        assert self.value_at(slot) == RAW

    def test_one_slot_is_not_anothers(self, sink: Sink, slot: Slot) -> None:
        other = sink.locate(OWNER, make_declaration("second"), make_delivery())
        sink.put(slot, RawKey(RAW), make_receipt())
        sink.put(other, RawKey(OTHER_RAW), make_receipt(OTHER_RAW))
        assert (self.value_at(slot), self.value_at(other)) == (RAW, OTHER_RAW)
        sink.withdraw(slot, OWNER)
        assert (self.value_at(slot), self.value_at(other)) == (None, OTHER_RAW)

    def test_a_receipt_leads_back_to_what_is_to_be_withdrawn(self, sink: Sink, slot: Slot) -> None:
        sink.put(slot, RawKey(RAW), make_receipt())
        remembered = json.loads(json.dumps(slot.delivered.to_list()))
        sink.withdraw(Slot.of(Delivered.from_list(remembered)), OWNER)
        assert self.value_at(slot) is None

    def test_what_is_there_can_be_read_where_the_sink_can_be_read(self, sink: Sink, slot: Slot) -> None:
        assert sink.read(slot) is None
        sink.put(slot, RawKey(RAW), make_receipt())
        held = sink.read(slot)
        assert (held is not None) is sink.abilities.readable
        assert held is None or held.fingerprint("salt") == RawKey(RAW).fingerprint("salt")

    # intents

    def test_an_intent_is_seen_until_the_value_is_put(self, sink: Sink, slot: Slot) -> None:
        sink.intend(slot, make_intent())
        expected = make_intent() if sink.abilities.holds_receipts else None
        assert self.look(sink, slot) == Holding(present=False, intent=expected)
        sink.put(slot, RawKey(RAW), make_receipt())
        assert self.look(sink, slot).intent is None

    def test_intending_leaves_value_and_receipt_as_they_are(self, sink: Sink, slot: Slot) -> None:
        sink.put(slot, RawKey(RAW), make_receipt())
        before = self.look(sink, slot)
        sink.intend(slot, make_intent())
        assert replace(self.look(sink, slot), intent=None) == before
        assert self.value_at(slot) == RAW

    def test_a_later_intent_takes_the_former_ones_place(self, sink: Sink, slot: Slot) -> None:
        sink.intend(slot, make_intent())
        sink.intend(slot, make_intent(attempts=2))
        if sink.abilities.holds_receipts:
            assert self.look(sink, slot).intent == make_intent(attempts=2)

    def test_a_retracted_intent_leaves_nothing_behind(self, sink: Sink, slot: Slot) -> None:
        sink.intend(slot, make_intent())
        sink.retract(slot, make_intent().id)
        assert self.look(sink, slot) == Holding(present=False)

    def test_retracting_keeps_what_was_delivered_before(self, sink: Sink, slot: Slot) -> None:
        sink.put(slot, RawKey(RAW), make_receipt())
        before = self.look(sink, slot)
        sink.intend(slot, make_intent())
        sink.retract(slot, make_intent().id)
        assert self.look(sink, slot) == before
        assert self.value_at(slot) == RAW

    def test_retracting_another_intent_does_nothing(self, sink: Sink, slot: Slot) -> None:
        sink.retract(slot, make_intent("never noted").id)
        sink.intend(slot, make_intent())
        before = self.look(sink, slot)
        sink.retract(slot, make_intent("another").id)
        assert self.look(sink, slot) == before

    # receipts

    def test_annotating_replaces_the_receipt_and_leaves_the_value(self, sink: Sink, slot: Slot) -> None:
        sink.put(slot, RawKey(RAW), make_receipt())
        sink.annotate(slot, make_receipt(protect=True))
        assert self.value_at(slot) == RAW
        if sink.abilities.holds_receipts:
            assert self.look(sink, slot).receipt == make_receipt(protect=True)

    def test_annotating_an_empty_slot_makes_no_receipt(self, sink: Sink, slot: Slot) -> None:
        sink.annotate(slot, make_receipt())
        assert self.look(sink, slot) == Holding(present=False)

    def test_annotating_a_slot_that_is_only_intended_makes_no_receipt(self, sink: Sink, slot: Slot) -> None:
        sink.intend(slot, make_intent())
        before = self.look(sink, slot)
        sink.annotate(slot, make_receipt())
        assert self.look(sink, slot) == before

    # withdrawing

    def test_withdrawing_removes_value_and_receipt(self, sink: Sink, slot: Slot) -> None:
        sink.put(slot, RawKey(RAW), make_receipt())
        sink.withdraw(slot, OWNER)
        assert self.value_at(slot) is None
        assert self.look(sink, slot) == Holding(present=False)

    def test_withdrawing_twice_or_from_nothing_is_fine(self, sink: Sink, slot: Slot) -> None:
        sink.withdraw(slot, OWNER)
        sink.put(slot, RawKey(RAW), make_receipt())
        sink.withdraw(slot, OWNER)
        sink.withdraw(slot, OWNER)
        assert self.value_at(slot) is None

    def test_a_withdrawn_slot_can_be_filled_again(self, sink: Sink, slot: Slot) -> None:
        sink.put(slot, RawKey(RAW), make_receipt())
        sink.withdraw(slot, OWNER)
        sink.intend(slot, make_intent())
        sink.put(slot, RawKey(OTHER_RAW), make_receipt(OTHER_RAW))
        assert self.value_at(slot) == OTHER_RAW

    # what is not ours

    def test_what_a_person_put_there_is_never_overwritten(self, sink: Sink, slot: Slot) -> None:
        self.person_writes(slot, OTHER_RAW)
        if not sink.abilities.holds_receipts:
            pytest.skip("without marks nobody can tell")
        with pytest.raises(SinkDeniedError):
            sink.intend(slot, make_intent())
        with pytest.raises(SinkDeniedError):
            sink.put(slot, RawKey(RAW), make_receipt())
        sink.withdraw(slot, OWNER)
        assert self.value_at(slot) == OTHER_RAW

    def test_another_owners_value_is_never_touched(self, sink: Sink, slot: Slot) -> None:
        if not sink.abilities.holds_receipts:
            pytest.skip("without marks nobody can tell")
        sink.put(slot, RawKey(OTHER_RAW), make_receipt(OTHER_RAW, owner="another-team"))
        with pytest.raises(SinkDeniedError, match="another-team"):
            sink.intend(slot, make_intent())
        with pytest.raises(SinkDeniedError, match="another-team"):
            sink.put(slot, RawKey(RAW), make_receipt())
        with pytest.raises(SinkDeniedError, match="another-team"):
            sink.annotate(slot, make_receipt())
        sink.withdraw(slot, OWNER)
        assert self.value_at(slot) == OTHER_RAW

    def test_another_owners_mere_intent_keeps_us_out(self, sink: Sink, slot: Slot) -> None:
        if not sink.abilities.holds_receipts:
            pytest.skip("without marks nobody can tell")
        sink.intend(slot, make_intent(owner="another-team"))
        with pytest.raises(SinkDeniedError):
            sink.intend(slot, make_intent())

    # examining

    def examine(self, sink: Sink, slot: Slot) -> list[Finding]:
        """Return what an examination calls broken; it must leave the slot as it was."""
        if not isinstance(sink, Examinable):
            pytest.skip("no sink has to tell what keeps it from being written")
        before = (self.look(sink, slot), self.value_at(slot))
        found = sink.examine([slot])
        assert (self.look(sink, slot), self.value_at(slot)) == before
        return [finding for finding in found if finding.health is Health.BROKEN]

    def test_nothing_stands_in_the_way_of_an_empty_slot(self, sink: Sink, slot: Slot) -> None:
        assert self.examine(sink, slot) == []

    def test_examining_our_own_value_changes_nothing(self, sink: Sink, slot: Slot) -> None:
        sink.put(slot, RawKey(RAW), make_receipt())
        assert self.examine(sink, slot) == []

    def test_an_examination_names_a_value_that_keyplan_did_not_write(self, sink: Sink, slot: Slot) -> None:
        if not sink.abilities.holds_receipts:
            pytest.skip("without marks nobody can tell")
        self.person_writes(slot, OTHER_RAW)
        (finding,) = self.examine(sink, slot)
        assert slot.location in finding.detail
        assert "overwrite: true" in finding.advice

    def test_an_examination_names_another_owner(self, sink: Sink, slot: Slot) -> None:
        if not sink.abilities.holds_receipts:
            pytest.skip("without marks nobody can tell")
        sink.put(slot, RawKey(OTHER_RAW), make_receipt(OTHER_RAW, owner="another-team"))
        (finding,) = self.examine(sink, slot)
        assert slot.location in finding.detail
        assert "another-team" in finding.detail

    # reading the value

    def test_a_readable_sink_tells_whether_the_value_is_the_receipts(self, sink: Sink, slot: Slot) -> None:
        sink.put(slot, RawKey(RAW), make_receipt())
        if not sink.abilities.readable:
            assert self.look(sink, slot).content is Content.UNREAD
            return
        assert self.look(sink, slot).content is Content.MATCHES
        self.person_writes(slot, OTHER_RAW)
        assert self.look(sink, slot).content is Content.DIFFERS

    def test_a_receipt_without_fingerprint_is_compared_with_nothing(self, sink: Sink, slot: Slot) -> None:
        sink.put(slot, RawKey(RAW), make_receipt(None))
        assert self.look(sink, slot).content is Content.UNREAD

    def test_a_changed_value_of_ours_may_be_overwritten(self, sink: Sink, slot: Slot) -> None:
        sink.put(slot, RawKey(RAW), make_receipt())
        self.person_writes(slot, "ak-by-hand")
        sink.intend(slot, make_intent())
        sink.put(slot, RawKey(OTHER_RAW), make_receipt(OTHER_RAW))
        assert self.value_at(slot) == OTHER_RAW

    def test_weak_proof_comes_only_where_it_is_promised(self, sink: Sink, slot: Slot) -> None:
        sink.put(slot, RawKey(RAW), make_receipt())
        changed_at = self.look(sink, slot).changed_at
        assert (changed_at is not None) is sink.abilities.weak_proof
        assert changed_at is None or changed_at >= NOW

    def test_no_error_quotes_the_raw_key(self, sink: Sink, slot: Slot) -> None:
        if not sink.abilities.holds_receipts:
            pytest.skip("without marks nothing is refused")
        self.person_writes(slot, OTHER_RAW)
        with pytest.raises(SinkDeniedError) as caught:
            sink.put(slot, RawKey(RAW), make_receipt())
        assert "ak-" not in f"{caught.value!r} {caught.value.advice}"

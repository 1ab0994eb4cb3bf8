"""What every sink must do, whatever its abilities: subclass `SinkContract` and give it your sink."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from keyplan.plugin import (
    Content,
    Delivered,
    Holding,
    KeyId,
    Matchable,
    RawKey,
    Sink,
    SinkDeniedError,
    Slot,
    Surveyable,
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
)
from keyplan.testing.sink_runs import RunsContract


class SinkContract(RunsContract):
    """Tests that hold for every implementation of Sink.

    A subclass gives a sink, and two ways past it to the store::

        class TestVault(SinkContract):
            @pytest.fixture
            def sink(self, tmp_path: Path) -> Sink:
                self.folder = tmp_path
                return build(make_sink_settings({"path": "{name}"}), make_context(tmp_path))

            def value_at(self, slot: Slot) -> str | None: ...
            def person_writes(self, slot: Slot, raw_text: str) -> None: ...

    Parametrize the fixture `sink` to run the suite once for each form that the sink has.
    """

    def test_an_empty_slot_holds_nothing(self, sink: Sink, slot: Slot) -> None:
        """A place that was never written is reported as free, or planning would see a foreign value."""
        assert self.look(sink, slot) == Holding(present=False)

    def test_inspecting_no_slot_is_fine(self, sink: Sink) -> None:
        """A manifest may declare no key at all."""
        assert dict(sink.inspect([])) == {}

    def test_different_declarations_have_different_slots(self, sink: Sink) -> None:
        """Two names never share a place, however much a template has to encode: one key would overwrite the other."""
        names = ["ci", "CI", "c/i", "c%2Fi", "..", "_", "ci "]
        slots = [sink.locate(OWNER, make_declaration(name), make_delivery()) for name in names]
        assert len(set(slots)) == len(names)

    def test_what_was_put_is_there_for_the_consumer(self, sink: Sink, slot: Slot) -> None:
        """The stored value is the raw key, in the form that consumers read."""
        sink.put(slot, RawKey(RAW), make_receipt())
        assert self.value_at(slot) == RAW
        assert self.look(sink, slot).present

    def test_what_was_put_comes_with_its_receipt(self, sink: Sink, slot: Slot) -> None:
        """The receipt comes back equal: it alone says on another machine which key the value is."""
        sink.put(slot, RawKey(RAW), make_receipt())
        assert self.look(sink, slot).receipt == (make_receipt() if sink.abilities.holds_receipts else None)

    def test_putting_again_changes_nothing(self, sink: Sink, slot: Slot) -> None:
        """`put` is repeatable: after a failure keyplan sends it again."""
        sink.put(slot, RawKey(RAW), make_receipt())
        once = self.look(sink, slot)
        sink.put(slot, RawKey(RAW), make_receipt())
        # When it was written last is another time: a sink that cannot be read has to write again to be sure.
        assert replace(self.look(sink, slot), changed_at=None) == replace(once, changed_at=None)
        assert self.value_at(slot) == RAW

    def test_a_new_value_takes_the_old_ones_place(self, sink: Sink, slot: Slot) -> None:
        """A rotation replaces value and receipt together."""
        sink.put(slot, RawKey(RAW), make_receipt())
        sink.put(slot, RawKey(OTHER_RAW), make_receipt(OTHER_RAW, key_id=KeyId("key-2")))
        assert self.value_at(slot) == OTHER_RAW
        if sink.abilities.holds_receipts:
            assert self.look(sink, slot).receipt == make_receipt(OTHER_RAW, key_id=KeyId("key-2"))

    def test_an_empty_value_is_never_written(self, sink: Sink, slot: Slot) -> None:
        """An empty value would cut consumers off."""
        sink.put(slot, RawKey(RAW), make_receipt())
        with pytest.raises(SinkDeniedError):
            sink.put(slot, RawKey(""), make_receipt(""))
        assert self.value_at(slot) == RAW

    def test_one_slot_is_not_anothers(self, sink: Sink, slot: Slot) -> None:
        """Writing and withdrawing one key leaves its neighbours alone."""
        other = sink.locate(OWNER, make_declaration("second"), make_delivery())
        sink.put(slot, RawKey(RAW), make_receipt())
        sink.put(other, RawKey(OTHER_RAW), make_receipt(OTHER_RAW))
        assert (self.value_at(slot), self.value_at(other)) == (RAW, OTHER_RAW)
        sink.withdraw(slot, OWNER)
        assert (self.value_at(slot), self.value_at(other)) == (None, OTHER_RAW)

    def test_a_receipt_leads_back_to_what_is_to_be_withdrawn(self, sink: Sink, slot: Slot) -> None:
        """A slot survives JSON: the manifest no longer names the place when it has to be emptied."""
        sink.put(slot, RawKey(RAW), make_receipt())
        remembered = json.loads(json.dumps(slot.delivered.to_list()))
        sink.withdraw(Slot.of(Delivered.from_list(remembered)), OWNER)
        assert self.value_at(slot) is None

    def test_what_is_there_can_be_read_where_the_sink_can_be_read(self, sink: Sink, slot: Slot) -> None:
        """`read` and the ability `readable` say the same."""
        assert sink.read(slot) is None
        sink.put(slot, RawKey(RAW), make_receipt())
        held = sink.read(slot)
        assert (held is not None) is sink.abilities.readable
        assert held is None or held.fingerprint("salt") == RawKey(RAW).fingerprint("salt")

    def test_a_value_fits_its_own_redacted_form_alone(self, sink: Sink, slot: Slot) -> None:
        """`match` answers for whatever `read` can read: an import is proven, and the value stays in the sink."""
        if not isinstance(sink, Matchable):
            pytest.skip("this sink has no `match`: an import cannot ask it")
        own, another = (f"{raw_text[:6]}...{raw_text[-3:]}" for raw_text in (RAW, OTHER_RAW))
        assert dict(sink.match({slot: [own]})) == {}
        sink.put(slot, RawKey(RAW), make_receipt())
        found = dict(sink.match({slot: [own, another]}))
        assert found == ({slot: frozenset({own})} if sink.abilities.readable else {})

    # intents

    def test_an_intent_is_seen_until_the_value_is_put(self, sink: Sink, slot: Slot) -> None:
        """An open intent shows on every machine, and `put` closes it."""
        sink.intend(slot, make_intent())
        expected = make_intent() if sink.abilities.holds_receipts else None
        assert self.look(sink, slot) == Holding(present=False, intent=expected)
        sink.put(slot, RawKey(RAW), make_receipt())
        assert self.look(sink, slot).intent is None

    def test_intending_leaves_value_and_receipt_as_they_are(self, sink: Sink, slot: Slot) -> None:
        """`intend` runs before the new key exists, so consumers still need the old value."""
        sink.put(slot, RawKey(RAW), make_receipt())
        before = self.look(sink, slot)
        sink.intend(slot, make_intent())
        assert replace(self.look(sink, slot), intent=None) == before
        assert self.value_at(slot) == RAW

    def test_a_later_intent_takes_the_former_ones_place(self, sink: Sink, slot: Slot) -> None:
        """A second attempt notes itself in place of the first."""
        sink.intend(slot, make_intent())
        sink.intend(slot, make_intent(attempts=2))
        if sink.abilities.holds_receipts:
            assert self.look(sink, slot).intent == make_intent(attempts=2)

    def test_a_retracted_intent_leaves_nothing_behind(self, sink: Sink, slot: Slot) -> None:
        """Nothing was delivered, so the place is free again."""
        sink.intend(slot, make_intent())
        sink.retract(slot, make_intent())
        assert self.look(sink, slot) == Holding(present=False)

    def test_retracting_keeps_what_was_delivered_before(self, sink: Sink, slot: Slot) -> None:
        """A failed rotation leaves the old value and its receipt."""
        sink.put(slot, RawKey(RAW), make_receipt())
        before = self.look(sink, slot)
        sink.intend(slot, make_intent())
        sink.retract(slot, make_intent())
        assert self.look(sink, slot) == before
        assert self.value_at(slot) == RAW

    def test_retracting_another_intent_does_nothing(self, sink: Sink, slot: Slot) -> None:
        """An intent of another run is not ours to remove."""
        sink.retract(slot, make_intent("never noted"))
        sink.intend(slot, make_intent())
        before = self.look(sink, slot)
        sink.retract(slot, make_intent("another"))
        assert self.look(sink, slot) == before

    # receipts

    def test_annotating_replaces_the_receipt_and_leaves_the_value(self, sink: Sink, slot: Slot) -> None:
        """A changed manifest changes the receipt; the key stays."""
        sink.put(slot, RawKey(RAW), make_receipt())
        sink.annotate(slot, make_receipt(protect=True))
        assert self.value_at(slot) == RAW
        if sink.abilities.holds_receipts:
            assert self.look(sink, slot).receipt == make_receipt(protect=True)

    def test_annotating_an_empty_slot_makes_no_receipt(self, sink: Sink, slot: Slot) -> None:
        """A receipt without a value would be a lie."""
        sink.annotate(slot, make_receipt())
        assert self.look(sink, slot) == Holding(present=False)

    def test_annotating_a_slot_that_is_only_intended_makes_no_receipt(self, sink: Sink, slot: Slot) -> None:
        """An intent does not count as a value either."""
        sink.intend(slot, make_intent())
        before = self.look(sink, slot)
        sink.annotate(slot, make_receipt())
        assert self.look(sink, slot) == before

    # withdrawing

    def test_withdrawing_removes_value_and_receipt(self, sink: Sink, slot: Slot) -> None:
        """A removed declaration leaves neither secret nor note."""
        sink.put(slot, RawKey(RAW), make_receipt())
        sink.withdraw(slot, OWNER)
        assert self.value_at(slot) is None
        assert self.look(sink, slot) == Holding(present=False)

    def test_withdrawing_twice_or_from_nothing_is_fine(self, sink: Sink, slot: Slot) -> None:
        """`withdraw` is repeatable."""
        sink.withdraw(slot, OWNER)
        sink.put(slot, RawKey(RAW), make_receipt())
        sink.withdraw(slot, OWNER)
        sink.withdraw(slot, OWNER)
        assert self.value_at(slot) is None

    def test_a_withdrawn_slot_can_be_filled_again(self, sink: Sink, slot: Slot) -> None:
        """A declaration that returns finds its place free."""
        sink.put(slot, RawKey(RAW), make_receipt())
        sink.withdraw(slot, OWNER)
        sink.intend(slot, make_intent())
        sink.put(slot, RawKey(OTHER_RAW), make_receipt(OTHER_RAW))
        assert self.value_at(slot) == OTHER_RAW

    # what is not ours

    def test_what_a_person_put_there_is_never_overwritten(self, sink: Sink, slot: Slot) -> None:
        """Refused by `intend` already: before a key is created that could be delivered nowhere."""
        self.person_writes(slot, OTHER_RAW)
        if not sink.abilities.holds_receipts:
            pytest.skip("without marks the owner is not known")
        with pytest.raises(SinkDeniedError):
            sink.intend(slot, make_intent())
        with pytest.raises(SinkDeniedError):
            sink.put(slot, RawKey(RAW), make_receipt())
        sink.withdraw(slot, OWNER)
        assert self.value_at(slot) == OTHER_RAW

    # examining

    def test_nothing_stands_in_the_way_of_an_empty_slot(self, sink: Sink, slot: Slot) -> None:
        """`keyplan doctor` must not warn of a place that can be written."""
        assert self.examine(sink, slot) == []

    def test_examining_our_own_value_changes_nothing(self, sink: Sink, slot: Slot) -> None:
        """`keyplan doctor` and `keyplan plan` only read."""
        sink.put(slot, RawKey(RAW), make_receipt())
        assert self.examine(sink, slot) == []

    def test_an_examination_names_a_value_that_keyplan_did_not_write(self, sink: Sink, slot: Slot) -> None:
        """The user reads before an apply what `intend` would refuse, and how to allow it."""
        if not sink.abilities.holds_receipts:
            pytest.skip("without marks the owner is not known")
        self.person_writes(slot, OTHER_RAW)
        (finding,) = self.examine(sink, slot)
        assert slot.location in finding.detail
        assert "overwrite: true" in finding.advice

    def test_a_value_without_an_owner_is_named_for_the_ledger_to_decide(self, sink: Sink, slot: Slot) -> None:
        """A store that keeps no notes does not know whose a value is; a plan asks the ledger, as `intend` does."""
        if sink.abilities.holds_receipts or not isinstance(sink, Surveyable):
            pytest.skip("its marks name the owner of a value")
        self.person_writes(slot, OTHER_RAW)
        told = [finding.location for finding in sink.survey([slot]).unless_recorded]
        try:
            sink.intend(slot, make_intent())
        except SinkDeniedError:
            assert told == [slot.location]
        else:
            assert told == []

    # reading the value

    def test_a_readable_sink_tells_whether_the_value_is_the_receipts(self, sink: Sink, slot: Slot) -> None:
        """A value that was changed by hand shows in the next plan."""
        sink.put(slot, RawKey(RAW), make_receipt())
        if not sink.abilities.readable:
            assert self.look(sink, slot).content is Content.UNREAD
            return
        assert self.look(sink, slot).content is Content.MATCHES
        self.person_writes(slot, OTHER_RAW)
        assert self.look(sink, slot).content is Content.DIFFERS

    def test_a_receipt_without_fingerprint_is_compared_with_nothing(self, sink: Sink, slot: Slot) -> None:
        """The receipt of an imported key has no fingerprint; that proves no change."""
        sink.put(slot, RawKey(RAW), make_receipt(None))
        assert self.look(sink, slot).content is Content.UNREAD

    def test_a_changed_value_of_ours_may_be_overwritten(self, sink: Sink, slot: Slot) -> None:
        """The place is still ours: a rotation repairs it."""
        sink.put(slot, RawKey(RAW), make_receipt())
        self.person_writes(slot, "ak-by-hand")
        sink.intend(slot, make_intent())
        sink.put(slot, RawKey(OTHER_RAW), make_receipt(OTHER_RAW))
        assert self.value_at(slot) == OTHER_RAW

    def test_weak_proof_comes_only_where_it_is_promised(self, sink: Sink, slot: Slot) -> None:
        """`changed_at` and the ability `weak_proof` say the same; the time is aware and not before the write."""
        sink.put(slot, RawKey(RAW), make_receipt())
        changed_at = self.look(sink, slot).changed_at
        assert (changed_at is not None) is sink.abilities.weak_proof
        assert changed_at is None or changed_at >= NOW

    def test_no_error_quotes_the_raw_key(self, sink: Sink, slot: Slot) -> None:
        """Errors are printed and logged."""
        if not sink.abilities.holds_receipts:
            pytest.skip("without marks nothing is refused")
        self.person_writes(slot, OTHER_RAW)
        with pytest.raises(SinkDeniedError) as caught:
            sink.put(slot, RawKey(RAW), make_receipt())
        assert "ak-" not in f"{caught.value!r} {caught.value.advice}"

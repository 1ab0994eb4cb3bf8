"""What every sink must do when several runs write one place, whatever its store can compare; part of `SinkContract`.

One sink object stands for all runs here: what a run sees, and what it is refused, does not depend on the instant.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from keyplan.plugin import Content, Holding, Intent, KeyId, RawKey, Sink, SinkBusyError, Slot
from keyplan.testing.samples import NOW, OTHER_RAW, OWNER, RAW, make_intent, make_receipt, make_runner
from keyplan.testing.sink_marks import MarksContract

LEASE = timedelta(seconds=60)
OURS = make_intent(runner=make_runner("run-1"), until=NOW + LEASE)
THEIRS = make_intent("intent-2", runner=make_runner("run-2", user="bob", host="ci-2"), until=NOW + LEASE)
CONTINUED = replace(OURS, runner=make_runner("run-2", user="bob", host="ci-2"), attempts=2)
"""Our intent, with which another run goes on."""
OTHER_RECEIPT = make_receipt(OTHER_RAW, key_id=KeyId("key-2"))


class RunsContract(MarksContract):
    """Tests of who may write: the run whose intent is there, and one that saw what is there now."""

    @pytest.fixture
    def noting(self, marked: Sink) -> Sink:
        """Return the sink, if an intent stays beside a value."""
        if not marked.abilities.holds_intents:
            pytest.skip("this sink holds receipts and no intents")
        return marked

    # what was seen

    def test_a_revision_changes_with_intent_and_receipt_and_with_nothing_else(self, noting: Sink, slot: Slot) -> None:
        """A run that only brings a receipt up to date takes nothing from another one."""
        seen = [self.look(noting, slot).revision]
        noting.intend(slot, OURS)
        seen.append(self.look(noting, slot).revision)
        noting.intend(slot, replace(OURS, until=None))
        seen.append(self.look(noting, slot).revision)
        noting.put(slot, RawKey(RAW), make_receipt(), intent=OURS)
        seen.append(self.look(noting, slot).revision)
        assert len({*seen}) == len(seen)
        assert all(seen)
        noting.annotate(slot, make_receipt(protect=True))
        assert self.look(noting, slot).revision == seen[-1]

    def test_a_revision_tells_nothing_of_the_raw_key(self, sink: Sink, slot: Slot) -> None:
        """It is compared and may be shown."""
        sink.put(slot, RawKey(RAW), make_receipt())
        assert RAW not in self.look(sink, slot).revision

    def test_an_age_of_an_intent_is_told_by_none_or_by_the_stores_clock(self, sink: Sink, slot: Slot) -> None:
        """A wrong age would keep others away from the place of a dead run, or let them in on a living one."""
        assert self.look(sink, slot).intent_age is None
        sink.intend(slot, OURS)
        age = self.look(sink, slot).intent_age
        assert age is None or timedelta(0) <= age < timedelta(minutes=1)
        sink.put(slot, RawKey(RAW), make_receipt(), intent=OURS)
        assert self.look(sink, slot).intent_age is None

    # intents

    def test_of_two_runs_that_saw_the_same_the_second_is_told_who_was_first(self, noting: Sink, slot: Slot) -> None:
        """Both would make a key, and the later one's would end the earlier one's."""
        seen = self.look(noting, slot).revision
        noting.intend(slot, THEIRS, over=seen)
        with pytest.raises(SinkBusyError, match=r"bob on ci-2 since .*: keyplan apply") as caught:
            noting.intend(slot, OURS, over=seen)
        assert caught.value.advice
        assert self.look(noting, slot).intent == THEIRS

    def test_a_run_that_saw_what_stands_there_may_replace_it(self, noting: Sink, slot: Slot) -> None:
        """Whether another run is still under way was decided by the plan."""
        noting.intend(slot, THEIRS)
        noting.intend(slot, OURS, over=self.look(noting, slot).revision)
        assert self.look(noting, slot).intent == OURS

    def test_an_intent_is_refused_over_a_delivery_since_the_plan(self, noting: Sink, slot: Slot) -> None:
        """The other run came and went: its key is the current one, and nothing is left to do here."""
        noting.put(slot, RawKey(RAW), make_receipt())
        seen = self.look(noting, slot).revision
        noting.put(slot, RawKey(OTHER_RAW), OTHER_RECEIPT)
        with pytest.raises(SinkBusyError, match="key-2"):
            noting.intend(slot, OURS, over=seen)
        assert self.look(noting, slot).intent is None

    def test_an_intent_of_the_same_run_is_noted_again_whatever_was_seen(self, noting: Sink, slot: Slot) -> None:
        """The answer to the first attempt was lost."""
        seen = self.look(noting, slot).revision
        noting.intend(slot, OURS, over=seen)
        noting.intend(slot, OURS, over=seen)
        assert self.look(noting, slot).intent == OURS

    def test_an_intent_can_be_marked_as_ended(self, noting: Sink, slot: Slot) -> None:
        """A run that failed leaves the intent to the next one, which need not wait for it."""
        seen = self.look(noting, slot).revision
        noting.intend(slot, OURS, over=seen)
        noting.intend(slot, replace(OURS, until=None), over=seen)
        held = self.look(noting, slot).intent
        assert held is not None
        assert (held.runner, held.until) == (OURS.runner, None)

    def test_no_run_marks_anothers_intent_as_ended(self, noting: Sink, slot: Slot) -> None:
        """A run that lost its lease would clear the way for a third, beside the one that took over."""
        noting.intend(slot, CONTINUED)
        with pytest.raises(SinkBusyError):
            noting.intend(slot, replace(OURS, until=None))
        assert self.look(noting, slot).intent == CONTINUED

    def test_an_intent_of_an_older_keyplan_is_taken_over(self, noting: Sink, slot: Slot) -> None:
        """It names no run, and none is waited for."""
        old = make_intent()
        noting.intend(slot, old)
        assert self.look(noting, slot).intent == old
        noting.intend(slot, OURS, over=self.look(noting, slot).revision)
        noting.put(slot, RawKey(RAW), make_receipt(), intent=OURS)
        assert self.look(noting, slot).receipt == make_receipt()

    def test_an_intent_that_another_run_goes_on_with_is_not_retracted(self, noting: Sink, slot: Slot) -> None:
        """The run that took over is about to write there."""
        noting.intend(slot, CONTINUED)
        noting.retract(slot, OURS)
        assert self.look(noting, slot).intent == CONTINUED
        noting.retract(slot, CONTINUED)
        assert self.look(noting, slot) == Holding(present=False)

    def test_an_intent_of_an_older_keyplan_is_retracted_by_its_id(self, noting: Sink, slot: Slot) -> None:
        """It names no run."""
        noting.intend(slot, make_intent())
        noting.retract(slot, OURS)
        assert self.look(noting, slot) == Holding(present=False)

    # values

    def test_a_value_is_put_while_the_intent_stands_and_once_more_after(self, sink: Sink, slot: Slot) -> None:
        """The second one follows a lost answer."""
        sink.intend(slot, OURS, over=self.look(sink, slot).revision)
        sink.put(slot, RawKey(RAW), make_receipt(), intent=OURS)
        sink.put(slot, RawKey(RAW), make_receipt(), intent=OURS)
        assert self.value_at(slot) == RAW
        assert self.look(sink, slot).intent is None

    @pytest.mark.parametrize("taken", [THEIRS, CONTINUED], ids=["of another id", "of another run"])
    def test_a_late_value_of_a_run_that_was_taken_over_is_refused(
        self, noting: Sink, slot: Slot, taken: Intent
    ) -> None:
        """A paused machine wakes up: what it would store is a key that the other run has ended."""
        noting.put(slot, RawKey(RAW), make_receipt())
        noting.intend(slot, OURS)
        noting.intend(slot, taken, over=self.look(noting, slot).revision)
        with pytest.raises(SinkBusyError, match="bob on ci-2"):
            noting.put(slot, RawKey(OTHER_RAW), OTHER_RECEIPT, intent=OURS)
        assert self.value_at(slot) == RAW
        assert self.look(noting, slot).intent == taken

    def test_a_late_value_is_refused_after_the_other_run_has_delivered(self, noting: Sink, slot: Slot) -> None:
        """The intent is gone, and with it the right to write."""
        noting.intend(slot, OURS)
        noting.intend(slot, THEIRS, over=self.look(noting, slot).revision)
        noting.put(slot, RawKey(RAW), make_receipt(), intent=THEIRS)
        with pytest.raises(SinkBusyError, match="key-1"):
            noting.put(slot, RawKey(OTHER_RAW), OTHER_RECEIPT, intent=OURS)
        assert self.value_at(slot) == RAW

    def test_a_value_that_is_there_already_leaves_the_next_runs_intent(self, noting: Sink, slot: Slot) -> None:
        """The answer was lost, and another run has begun before it was asked for again."""
        noting.intend(slot, OURS)
        noting.put(slot, RawKey(RAW), make_receipt(), intent=OURS)
        noting.intend(slot, THEIRS)
        noting.put(slot, RawKey(RAW), make_receipt(), intent=OURS)
        assert self.look(noting, slot).intent == THEIRS
        assert self.value_at(slot) == RAW

    def test_a_receipt_that_was_delivered_later_is_not_overwritten(self, noting: Sink, slot: Slot) -> None:
        """The slower run has the older key."""
        later = replace(OTHER_RECEIPT, delivered_at=NOW + timedelta(seconds=1))
        noting.put(slot, RawKey(OTHER_RAW), later)
        with pytest.raises(SinkBusyError, match="key-2"):
            noting.put(slot, RawKey(RAW), make_receipt(), intent=OURS)
        with pytest.raises(SinkBusyError, match="key-2"):
            noting.annotate(slot, make_receipt())
        held = self.look(noting, slot)
        assert (held.receipt, self.value_at(slot)) == (later, OTHER_RAW)

    def test_an_intent_that_was_noted_over_a_later_receipt_may_replace_it(self, noting: Sink, slot: Slot) -> None:
        """The clock of the machine that delivered it was ahead: that must not close the place for hours."""
        noting.put(slot, RawKey(OTHER_RAW), replace(OTHER_RECEIPT, delivered_at=NOW + timedelta(seconds=1)))
        noting.intend(slot, OURS, over=self.look(noting, slot).revision)
        noting.put(slot, RawKey(RAW), make_receipt(), intent=OURS)
        assert self.value_at(slot) == RAW

    def test_a_receipt_brought_up_to_date_leaves_another_runs_intent(self, noting: Sink, slot: Slot) -> None:
        """The other run could not put its value any more."""
        noting.put(slot, RawKey(RAW), make_receipt())
        noting.intend(slot, THEIRS)
        noting.annotate(slot, make_receipt(protect=True))
        held = self.look(noting, slot)
        assert (held.intent, held.receipt) == (THEIRS, make_receipt(protect=True))

    # withdrawing

    def test_what_another_run_put_since_the_plan_is_not_withdrawn(self, noting: Sink, slot: Slot) -> None:
        """Its key is current, and consumers read it there."""
        noting.put(slot, RawKey(RAW), make_receipt())
        seen = self.look(noting, slot).revision
        noting.put(slot, RawKey(OTHER_RAW), OTHER_RECEIPT)
        with pytest.raises(SinkBusyError):
            noting.withdraw(slot, OWNER, over=seen)
        assert self.value_at(slot) == OTHER_RAW

    def test_a_place_where_another_run_began_since_the_plan_is_not_withdrawn(self, noting: Sink, slot: Slot) -> None:
        """It is about to deliver there."""
        noting.put(slot, RawKey(RAW), make_receipt())
        seen = self.look(noting, slot).revision
        noting.intend(slot, THEIRS)
        with pytest.raises(SinkBusyError, match="bob on ci-2"):
            noting.withdraw(slot, OWNER, over=seen)
        assert self.value_at(slot) == RAW

    def test_what_the_plan_saw_is_withdrawn_and_once_more(self, sink: Sink, slot: Slot) -> None:
        """The second time follows a lost answer."""
        sink.put(slot, RawKey(RAW), make_receipt())
        seen = self.look(sink, slot).revision
        sink.withdraw(slot, OWNER, over=seen)
        sink.withdraw(slot, OWNER, over=seen)
        assert self.value_at(slot) is None

    # without notes

    def test_a_sink_without_notes_writes_for_every_run_and_says_so(self, sink: Sink, slot: Slot) -> None:
        """It can't distinguish one run from another; the applier verifies once more after it."""
        if sink.abilities.holds_receipts:
            pytest.skip("notes distinguish one run from another")
        assert not sink.abilities.compares
        sink.intend(slot, OURS, over=self.look(sink, slot).revision)
        sink.put(slot, RawKey(RAW), make_receipt(), intent=THEIRS)
        assert self.value_at(slot) == RAW
        assert self.look(sink, slot).content is Content.UNREAD

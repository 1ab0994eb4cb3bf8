"""What every ledger must do. Subclass it and say how one is opened."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import ExitStack
from datetime import timedelta

import pytest
from samples import NOW, make_history_entry, make_holder, make_intent, make_receipt

from keyplan.errors import InputError, LedgerLockedError, PlanSpentError
from keyplan.model.manifest import Address
from keyplan.ports import Ledger, Memory, Spending

AT_ONCE = timedelta(0)


class LedgerContract(ABC):
    """Tests that hold for every implementation of Ledger."""

    @abstractmethod
    def open(self) -> Ledger:
        """Return a ledger on the same storage each time, as another process would open it."""

    @pytest.fixture
    def ledger(self) -> Ledger:
        """Return an empty ledger."""
        return self.open()

    def test_a_new_ledger_remembers_nothing(self, ledger: Ledger) -> None:
        assert ledger.recall() == Memory()
        assert ledger.spending("sha256:1") is None
        assert ledger.holder() is None
        assert list(ledger.history()) == []

    def test_receipts_come_back_whole_and_by_address(self, ledger: Ledger) -> None:
        second = make_receipt(address=Address("user/b"), protect=True, expires_at=NOW)
        first = make_receipt(address=Address("user/a"))
        ledger.record(second)
        ledger.record(first)
        assert self.open().recall().receipts == (first, second)

    def test_a_receipt_takes_the_place_of_the_addresss_former_one(self, ledger: Ledger) -> None:
        ledger.record(make_receipt())
        ledger.record(make_receipt(generation=2))
        assert self.open().recall().receipts == (make_receipt(generation=2),)

    def test_a_forgotten_address_has_no_receipt(self, ledger: Ledger) -> None:
        ledger.record(make_receipt())
        ledger.forget(make_receipt().address)
        ledger.forget(Address("user/never-there"))
        assert self.open().recall().receipts == ()

    def test_open_intents_come_back_whole_and_by_time(self, ledger: Ledger) -> None:
        later = make_intent("a", at=NOW + timedelta(seconds=1))
        sooner = make_intent("b")
        ledger.open_intent(later)
        ledger.open_intent(sooner)
        assert self.open().recall().intents == (sooner, later)

    def test_an_intent_of_the_same_id_is_replaced(self, ledger: Ledger) -> None:
        ledger.open_intent(make_intent())
        ledger.open_intent(make_intent(attempts=2))
        assert self.open().recall().intents == (make_intent(attempts=2),)

    def test_a_closed_intent_is_gone_and_closing_again_is_fine(self, ledger: Ledger) -> None:
        ledger.open_intent(make_intent())
        ledger.close_intent(make_intent().id)
        ledger.close_intent(make_intent().id)
        assert self.open().recall().intents == ()

    def test_a_recorded_receipt_closes_the_intents_named_and_no_other(self, ledger: Ledger) -> None:
        ledger.open_intent(make_intent("done"))
        ledger.open_intent(make_intent("other"))
        ledger.record(make_receipt(), closes=[make_intent("done").id, make_intent("never opened").id])
        assert self.open().recall() == Memory(receipts=(make_receipt(),), intents=(make_intent("other"),))

    def test_a_plan_is_spent_once(self, ledger: Ledger) -> None:
        spending = Spending(digest="sha256:1", at=NOW, host="build-7")
        ledger.spend(spending)
        with pytest.raises(PlanSpentError):
            self.open().spend(Spending(digest="sha256:1", at=NOW, host="elsewhere"))
        assert self.open().spending("sha256:1") == spending
        assert self.open().spending("sha256:2") is None

    def test_history_is_told_newest_first(self, ledger: Ledger) -> None:
        ledger.remember(make_history_entry("sha256:1"))
        ledger.remember(make_history_entry("sha256:2"))
        assert [entry.digest for entry in self.open().history()] == ["sha256:2", "sha256:1"]
        assert self.open().history()[1] == make_history_entry("sha256:1")

    def test_the_serial_counts_applies(self, ledger: Ledger) -> None:
        for digest in ("sha256:1", "sha256:1"):
            ledger.remember(make_history_entry(digest))
        assert self.open().recall() == Memory(serial=2)

    def test_a_held_lock_names_its_holder_and_keeps_others_out(self, ledger: Ledger) -> None:
        with ledger.lock(make_holder("first"), patience=AT_ONCE):
            assert self.open().holder() == make_holder("first")
            with pytest.raises(LedgerLockedError), self.open().lock(make_holder("second"), patience=AT_ONCE):
                pytest.fail("two hold one lock")
            assert self.open().holder() == make_holder("first")

    def test_a_released_lock_can_be_taken_at_once(self, ledger: Ledger) -> None:
        for name in ("first", "second"):
            with ledger.lock(make_holder(name), patience=AT_ONCE):
                assert ledger.holder() == make_holder(name)
        assert ledger.holder() is None

    def test_a_lock_is_released_when_its_run_fails(self, ledger: Ledger) -> None:
        with pytest.raises(ZeroDivisionError), ledger.lock(make_holder(), patience=AT_ONCE):
            raise ZeroDivisionError
        assert ledger.holder() is None

    def test_reading_and_writing_go_on_while_another_holds_the_lock(self, ledger: Ledger) -> None:
        with ledger.lock(make_holder(), patience=AT_ONCE):
            ledger.record(make_receipt())
            assert self.open().recall().receipts == (make_receipt(),)

    def test_patience_outlasts_a_holder_that_ends(self, ledger: Ledger) -> None:
        held = ExitStack()
        held.enter_context(ledger.lock(make_holder("first"), patience=AT_ONCE))
        self.on_sleep(held.close)
        with self.open().lock(make_holder("second"), patience=timedelta(minutes=1)):
            assert ledger.holder() == make_holder("second")

    @abstractmethod
    def on_sleep(self, act: object) -> None:
        """Call `act` when somebody waits on the clock."""

    def test_unlocking_wants_the_lock_s_own_id(self, ledger: Ledger) -> None:
        with pytest.raises(InputError):
            ledger.unlock("lock-1")
        with ledger.lock(make_holder("lock-1"), patience=AT_ONCE):
            with pytest.raises(InputError):
                self.open().unlock("lock-2")
            self.open().unlock("lock-1")
            assert ledger.holder() is None

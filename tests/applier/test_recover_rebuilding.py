"""A new ledger is filled from receipts, and tried again where it fails."""

from __future__ import annotations

import pytest
from samples import make_receipt
from scenario import Scenario
from simulator import Fault

from keyplan.applier.recover import record_again
from keyplan.errors import LedgerError
from keyplan.model.identity import Address


def test_each_receipt_is_kept() -> None:
    scenario = Scenario()
    receipts = (make_receipt(address=Address("user/a")), make_receipt(address=Address("user/b")))
    record_again(receipts, scenario.bench())
    assert scenario.world.ledger.recall().receipts == receipts


def test_a_ledger_that_fails_once_is_asked_again() -> None:
    scenario = Scenario()
    scenario.world.effects.inject(Fault.ERROR, "ledger.record")
    record_again([make_receipt()], scenario.bench())
    assert scenario.world.ledger.recall().receipts == (make_receipt(),)


def test_a_ledger_that_fails_for_good_says_so() -> None:
    scenario = Scenario()
    scenario.world.effects.inject(Fault.ERROR, "ledger.record", times=99)
    with pytest.raises(LedgerError):
        record_again([make_receipt()], scenario.bench())

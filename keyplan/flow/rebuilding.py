"""A new ledger is filled with what the sinks still tell.

In: receipts that core found good, and the ports. Out: the same receipts in the ledger, whose lock is held. Never: a
change at the provider or in a sink.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from keyplan.errors import LedgerError
from keyplan.flow.workbench import Workbench
from keyplan.model.receipt import Receipt


def record_again(receipts: Iterable[Receipt], bench: Workbench) -> None:
    """Keep each receipt in the ledger. Raises LedgerError."""
    for receipt in receipts:
        bench.persist(partial(bench.ledger.record, receipt), on=LedgerError)

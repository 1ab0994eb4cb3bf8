from collections.abc import Callable
from pathlib import Path

import pytest
from contracts.ledger_contract import LedgerContract
from samples import OWNER
from simulator import SimulatedClock

from keyplan.ledgers.sqlite import build
from keyplan.ports import Ledger


class TestSqliteLedger(LedgerContract):
    @pytest.fixture(autouse=True)
    def _storage(self, tmp_path: Path) -> None:
        self.path = tmp_path / ".keyplan" / "ledger.db"
        self.clock = SimulatedClock()

    def open(self) -> Ledger:
        return build(str(self.path), owner=OWNER, account="https://api.simulated.test", clock=self.clock)

    def on_sleep(self, act: Callable[[], None]) -> None:
        self.clock.on_sleep = act

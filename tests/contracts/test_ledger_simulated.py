from collections.abc import Callable

import pytest
from contracts.ledger_contract import LedgerContract
from simulator import World

from keyplan.ports import Ledger


class TestSimulatedLedger(LedgerContract):
    @pytest.fixture(autouse=True)
    def _world(self) -> None:
        self.world = World()

    def open(self) -> Ledger:
        return self.world.ledger

    def on_sleep(self, act: Callable[[], None]) -> None:
        self.world.clock.on_sleep = act

import pytest
from simulator import World

from keyplan.ports import Ledger
from keyplan.testing.ledgers import LedgerContract
from keyplan.testing.samples import ACCOUNT, OWNER


class TestSimulatedLedger(LedgerContract):
    @pytest.fixture(autouse=True)
    def _worlds(self) -> None:
        self.worlds: dict[tuple[str, str], World] = {}

    def open(self, *, owner: str = OWNER, account: str = ACCOUNT) -> Ledger:
        world = self.worlds.setdefault((owner, account), World())
        self.clock = world.clock
        return world.ledger

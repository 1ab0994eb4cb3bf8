import pytest
from simulator import World

from keyplan.model.identity import Identity, Lineage
from keyplan.ports import Ledger
from keyplan.testing.ledgers import LedgerContract
from keyplan.testing.samples import ACCOUNT, OWNER


class TestSimulatedLedger(LedgerContract):
    @pytest.fixture(autouse=True)
    def _worlds(self) -> None:
        self.worlds: dict[tuple[str, str], World] = {}
        self.taken_over: dict[Identity, World] = {}

    def open(self, *, owner: str = OWNER, account: str = ACCOUNT) -> Ledger:
        world = self.worlds.setdefault((owner, account), World())
        self.clock = world.clock
        return world.ledger.as_another_process()

    def open_for(self, lineage: Lineage) -> Ledger:
        known = (one for one in lineage.identities if one in self.taken_over)
        world = self.taken_over.pop(next(known, lineage.identity), World())
        self.taken_over[lineage.identity] = world
        return world.ledger

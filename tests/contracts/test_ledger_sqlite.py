from pathlib import Path

import pytest

from keyplan.ledgers.sqlite import build
from keyplan.ports import Ledger
from keyplan.testing.ledgers import LedgerContract
from keyplan.testing.samples import ACCOUNT, OWNER


class TestSqliteLedger(LedgerContract):
    @pytest.fixture(autouse=True)
    def _storage(self, tmp_path: Path) -> None:
        self.path = tmp_path / ".keyplan" / "ledger.db"

    def open(self, *, owner: str = OWNER, account: str = ACCOUNT) -> Ledger:
        return build(str(self.path), owner=owner, account=account, clock=self.clock)

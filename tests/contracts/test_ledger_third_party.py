from pathlib import Path

import pytest
from ledgers.json_ledger import build

from keyplan.plugin import Ledger, Lineage
from keyplan.testing.ledgers import LedgerContract
from keyplan.testing.samples import ACCOUNT, OWNER, make_context, make_ledger_settings


class TestJsonLedger(LedgerContract):
    @pytest.fixture(autouse=True)
    def _storage(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    def open(self, *, owner: str = OWNER, account: str = ACCOUNT) -> Ledger:
        settings = make_ledger_settings({"file": "ledger.json"}, ledger_type="json")
        return build(settings, make_context(self.folder, owner=owner, clock=self.clock), account=account)

    def open_for(self, lineage: Lineage) -> Ledger:
        settings = make_ledger_settings({"file": "ledger.json"}, ledger_type="json")
        return build(settings, make_context(self.folder, lineage=lineage, clock=self.clock), account=ACCOUNT)

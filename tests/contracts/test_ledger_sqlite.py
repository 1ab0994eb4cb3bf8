from pathlib import Path

import pytest

from keyplan.ledgers.sqlite import build, build_reader
from keyplan.model.identity import Lineage
from keyplan.ports import Ledger, LedgerReader
from keyplan.testing.ledgers import LedgerContract
from keyplan.testing.samples import ACCOUNT, OWNER, make_context, make_ledger_settings


class TestSqliteLedger(LedgerContract):
    @pytest.fixture(autouse=True)
    def _storage(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    def open(self, *, owner: str = OWNER, account: str = ACCOUNT) -> Ledger:
        context = make_context(self.folder, owner=owner, clock=self.clock)
        return build(make_ledger_settings(), context, account=account)

    def lapse(self) -> None:
        super().lapse()
        # The kernel's lock ends with its process alone. A machine that does not see it sees another file here.
        (self.folder / ".keyplan" / "ledger.lock").unlink()

    def open_for(self, lineage: Lineage) -> Ledger:
        context = make_context(self.folder, lineage=lineage, clock=self.clock)
        return build(make_ledger_settings(), context, account=ACCOUNT)

    def open_reader(self, *, owner: str = OWNER, account: str = ACCOUNT) -> LedgerReader:
        return build_reader(make_ledger_settings(), make_context(self.folder, owner=owner), account=account)

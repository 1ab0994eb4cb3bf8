"""The contract of every ledger, on a real PostgreSQL server, directly and through PgBouncer in transaction mode."""

from __future__ import annotations

import pytest
from ledgers.postgres.servers import Storage

from keyplan.ledgers.postgres import build, build_reader
from keyplan.model.identity import Lineage
from keyplan.ports import Ledger, LedgerReader
from keyplan.testing.ledgers import LedgerContract
from keyplan.testing.samples import ACCOUNT, OWNER, make_context, make_ledger_settings

pytestmark = [pytest.mark.sinks, pytest.mark.enable_socket]


class TestPostgresLedger(LedgerContract):
    @pytest.fixture(autouse=True)
    def _storage(self, storage: Storage) -> None:
        self.storage = storage
        self.settings = make_ledger_settings(ledger_type="postgres")
        self.environment = {"KEYPLAN_LEDGER_DSN": storage.url()}

    def open(self, *, owner: str = OWNER, account: str = ACCOUNT) -> Ledger:
        context = make_context(environment=self.environment, owner=owner, clock=self.clock)
        return build(self.settings, context, account=account)

    def lapse(self) -> None:
        super().lapse()
        # The database's own clock decides.
        self.storage.run(
            "UPDATE {schema}.locks SET until = clock_timestamp() - interval '1 second' WHERE name = 'apply'"
        )

    def open_for(self, lineage: Lineage) -> Ledger:
        context = make_context(environment=self.environment, lineage=lineage, clock=self.clock)
        return build(self.settings, context, account=ACCOUNT)

    def open_reader(self, *, owner: str = OWNER, account: str = ACCOUNT) -> LedgerReader:
        context = make_context(environment=self.environment, owner=owner, clock=self.clock)
        return build_reader(self.settings, context, account=account)


class TestPostgresLedgerBehindPgBouncer(TestPostgresLedger):
    @pytest.fixture(autouse=True)
    def _bouncer(self, _storage: None, bouncer: int) -> None:
        self.environment = {"KEYPLAN_LEDGER_DSN": self.storage.url(bouncer)}

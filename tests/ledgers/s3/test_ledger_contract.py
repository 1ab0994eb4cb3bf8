"""The contract of every ledger, on two independent S3 servers."""

from datetime import timedelta

import pytest
from ledgers.s3.buckets import Bucket

from keyplan.model.identity import Lineage
from keyplan.model.manifest import DEFAULT_LEASE
from keyplan.ports import Ledger, LedgerReader
from keyplan.testing.ledgers import LedgerContract
from keyplan.testing.samples import ACCOUNT, OWNER

pytestmark = [pytest.mark.sinks, pytest.mark.enable_socket]


class TestS3Ledger(LedgerContract):
    @pytest.fixture(autouse=True)
    def _storage(self, bucket: Bucket) -> None:
        self.bucket = bucket

    def open(self, *, owner: str = OWNER, account: str = ACCOUNT) -> Ledger:
        return self.bucket.open(owner=owner, account=account, clock=self.clock)

    def open_for(self, lineage: Lineage) -> Ledger:
        return self.bucket.open(lineage=lineage, clock=self.clock)

    def open_reader(self, *, owner: str = OWNER, account: str = ACCOUNT) -> LedgerReader:
        return self.bucket.open_reader(owner=owner, account=account)

    def lapse(self) -> None:
        super().lapse()
        # The store says its time in whole seconds, so a lease is known to be over a second later.
        self.bucket.pass_time(DEFAULT_LEASE + timedelta(seconds=3))


class TestEmptiedInsteadOfDeleted(TestS3Ledger):
    """The same on a store that knows no condition for deleting."""

    @pytest.fixture(autouse=True)
    def _without_conditional_deletes(self, bucket: Bucket) -> None:
        bucket.proxy.ignored_for_deletes = ("If-Match",)

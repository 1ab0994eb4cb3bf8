"""The http provider by the definitions of `examples/providers`, against a stand-in of each vendor."""

from collections.abc import Sequence
from datetime import datetime

import pytest
from providers.http.connected import connect_vendor
from providers.http.vendors import VENDORS, Vendor

from keyplan.model.desired import Desired
from keyplan.model.manifest import KeyType
from keyplan.ports import ProviderPorts
from keyplan.testing.providers import ProviderContract
from keyplan.testing.samples import make_desired

STORING_DESCRIPTIONS: Sequence[str] = ("LiteLLM",)
"""Vendors whose keys have a place for a description."""


class TestHttpVendors(ProviderContract):
    @pytest.fixture(autouse=True, params=VENDORS, ids=lambda kind: kind.__name__)
    def _server(self, request: pytest.FixtureRequest) -> None:
        self.vendor: Vendor = request.param()

    @pytest.fixture
    def ports(self) -> ProviderPorts:
        return connect_vendor(self.vendor)

    @pytest.fixture
    def desired(self) -> Desired:
        description = "Used for CI" if type(self.vendor).__name__ in STORING_DESCRIPTIONS else ""
        return make_desired("ci", key_type=KeyType.API, description=description)

    def now(self) -> datetime:
        return self.vendor.clock.now()

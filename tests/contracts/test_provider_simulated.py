from datetime import datetime
from typing import Literal

import pytest
from simulator import START, World

from keyplan.ports import ProviderPorts
from keyplan.testing.providers import ProviderContract


class TestSimulatedProvider(ProviderContract):
    @pytest.fixture(params=[("alpha", "new"), ("alpha", "same"), ("beta", "new"), ("beta", "same")], ids="-".join)
    def ports(self, request: pytest.FixtureRequest) -> ProviderPorts:
        dialect: Literal["alpha", "beta"]
        dialect, refresh_id = request.param
        provider = World(dialect=dialect, refresh_id=refresh_id).provider
        return ProviderPorts(reader=provider, writer=provider)

    def now(self) -> datetime:
        return START

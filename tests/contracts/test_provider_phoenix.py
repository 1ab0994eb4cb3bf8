"""The phoenix provider: against a server in memory in every run, and against a real one with `make providers`."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from servers.phoenix import RunningPhoenix
from simulated_phoenix import Phoenix

from keyplan.ports import ProviderPorts
from keyplan.providers.phoenix import CREDENTIAL, build
from keyplan.system.clock import SystemClock
from keyplan.testing.providers import ProviderContract
from keyplan.testing.samples import make_context, make_provider_settings


class TestPhoenixInMemory(ProviderContract):
    @pytest.fixture(autouse=True)
    def _server(self) -> None:
        self.server = Phoenix()

    @pytest.fixture
    def ports(self) -> ProviderPorts:
        return self.server.provider()

    def now(self) -> datetime:
        return self.server.clock.now()


@pytest.mark.providers
@pytest.mark.enable_socket
class TestPhoenixServer(ProviderContract):
    @pytest.fixture
    def ports(self, phoenix: RunningPhoenix) -> Iterator[ProviderPorts]:
        settings = make_provider_settings({"base_url": phoenix.base_url}, provider_type="phoenix")
        environment = {"PHOENIX_ADMIN_SECRET": phoenix.admin_secret}
        # The manifest reader sets the provider's own default in place of that of Arize.
        settings = type(settings)(type="phoenix", credential=CREDENTIAL, options=settings.options)
        ports = build(settings, make_context(environment=environment, clock=SystemClock()))
        yield ports
        ports.close()

    def now(self) -> datetime:
        return datetime.now(UTC)

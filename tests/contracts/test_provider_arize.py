"""The arize provider, over real HTTP, against the sandbox in both generations and with both answers to a refresh."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from keyplan.context import PluginContext
from keyplan.model.identity import Identity, Lineage
from keyplan.model.manifest import ProviderSettings
from keyplan.model.secret import Credential
from keyplan.ports import ProviderPorts
from keyplan.providers.arize import build
from keyplan.sandbox.options import SandboxOptions
from keyplan.sandbox.server import running
from keyplan.system.clock import SystemClock
from keyplan.testing.providers import ProviderContract


@pytest.fixture(
    scope="module", params=[("alpha", "new"), ("alpha", "same"), ("beta", "new"), ("beta", "same")], ids="-".join
)
def account(request: pytest.FixtureRequest) -> Iterator[ProviderPorts]:
    """Yield both doors to one account, shared by the tests: none of them looks at keys that are not its own."""
    api, refresh_id = request.param
    with running(SandboxOptions(port=0, api=api, refresh_id=refresh_id)) as sandbox:
        context = PluginContext(
            folder="/",
            lineage=Lineage(identity=Identity("ml-platform")),
            clock=SystemClock(),
            jitter=lambda most: most / 2,
            resolve=lambda _: Credential(sandbox.credential),
            environment={"ARIZE_API_HOST": sandbox.url.removeprefix("http://"), "ARIZE_API_SCHEME": "http"},
            say=lambda _: None,
        )
        ports = build(ProviderSettings(), context)
        yield ports
        ports.close()


@pytest.mark.enable_socket
class TestArizeProvider(ProviderContract):
    @pytest.fixture
    def ports(self, account: ProviderPorts) -> ProviderPorts:
        return account

    def now(self) -> datetime:
        return datetime.now(UTC)

"""Two independent emulators of AWS, and a sink's view of them: moto and ministack, each a process of its own.

Neither checks credentials or policies. Every test gets names of its own, so that one server serves a whole run.
"""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest

boto3 = pytest.importorskip("boto3")
botocore = pytest.importorskip("botocore")

from sinks.serving import free_port, listens, serving  # noqa: E402 - after the packages that this module needs

from keyplan.model.manifest import Json  # noqa: E402 - after what may skip
from keyplan.sinks.aws.service import Service, connect  # noqa: E402 - after what may skip
from keyplan.sinks.patience import open_retrier  # noqa: E402 - after what may skip
from keyplan.testing.samples import make_context, make_sink_settings  # noqa: E402 - after what may skip

REGION = "eu-west-1"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "emulated",
    "AWS_SECRET_ACCESS_KEY": "emulated",
    "AWS_EC2_METADATA_DISABLED": "true",
}
BIN = Path(sys.executable).parent


@cache
def _open_client(service: str, url: str) -> Any:
    return boto3.session.Session(
        aws_access_key_id="emulated", aws_secret_access_key="emulated", region_name=REGION
    ).client(service, endpoint_url=url)


@cache
def _open_services(names: tuple[str, ...], url: str) -> list[Any]:
    options: dict[str, Json] = {"region": REGION, "endpoint_url": url}
    settings = make_sink_settings(options, sink_type="aws-ssm")
    return [service._client for service in connect(names, settings, make_context())]


@dataclass(frozen=True)
class Emulator:
    """A running emulator."""

    name: str
    url: str

    def client(self, service: str) -> Any:
        """Return a client as a consumer has it; one for all tests, because making one takes most of a second."""
        return _open_client(service, self.url)

    def services(self, *names: str) -> tuple[Service, ...]:
        """Return services as a sink has them, around clients that all tests share."""
        retrier = open_retrier({}, make_context(), name="aws")
        return tuple(Service(client, botocore.exceptions, retrier) for client in _open_services(names, self.url))

    def options(self, **options: Json) -> dict[str, Json]:
        """Return the options of a sink there, with names that no other test has."""
        return {"region": REGION, "endpoint_url": self.url, "name": f"/{uuid.uuid4().hex}/{{name}}", **options}


@contextmanager
def emulating(name: str, folder: Path, **variables: str) -> Iterator[Emulator]:
    """Run one of the emulators while the block runs, with these in its environment."""
    port = free_port()
    commands = {
        "moto": [BIN / "moto_server", "-H", "127.0.0.1", "-p", str(port)],
        # Its own command takes no address to listen on.
        "ministack": [BIN / "hypercorn", "-b", f"127.0.0.1:{port}", "ministack.app:app"],
    }
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "SERVICES": "s3,secretsmanager,ssm,tagging,sts,iam,kms",
        "GATEWAY_PORT": str(port),
        **ENVIRONMENT,
        **variables,
    }
    url = f"http://127.0.0.1:{port}"
    ready = partial(listens, url)
    with serving(commands[name], is_ready=ready, log=folder / f"{name}.log", environment=environment):
        yield Emulator(name, url)


class Counting:
    """A client that notes what is asked of it."""

    def __init__(self, client: Any, asked: list[str]) -> None:
        self._client, self._asked = client, asked

    def __getattr__(self, name: str) -> Any:
        if name != "meta":
            self._asked.append(name)
        return getattr(self._client, name)

    @classmethod
    def of(cls, service: Service) -> list[str]:
        """Return the list that will hold the names of all operations from now on."""
        asked: list[str] = []
        service._client = cls(service._client, asked)
        return asked


@pytest.fixture(scope="session", params=["moto", "ministack"])
def emulator(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """Return each emulator in turn."""
    name = str(request.param)
    pytest.importorskip(name, reason=f"{name} comes with make sinks")
    with emulating(name, tmp_path_factory.mktemp(name)) as running:
        yield running


@pytest.fixture(autouse=True)
def aws_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the SDK find credentials where it always looks, and no others."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)

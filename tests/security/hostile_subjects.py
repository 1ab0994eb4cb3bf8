"""Each adapter that speaks HTTP, between an honest server and what it is made to believe."""

from __future__ import annotations

import json
import os
import ssl
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trustme
from samples import (
    NOW,
    OWNER,
    RAW,
    make_declaration,
    make_delivery,
    make_desired,
    make_holder,
    make_intent,
    make_receipt,
)
from security.hostile_answers import Forwarder
from security.hostile_server import Behaviour, HostileServer
from simulated.clock import SimulatedClock
from sinks.fake_vault import FakeVault
from sinks.gitlab_fake import GitLabFake
from sinks.kubernetes.cluster import TOKENS
from sinks.kubernetes.fake import KubernetesFake
from sinks.threaded import answering
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from keyplan.app.registry import load
from keyplan.model.audit import AuditQuery
from keyplan.model.identity import KeyId
from keyplan.model.manifest import FromEnvironment, Json, ProviderSettings
from keyplan.model.notice import Mood, Notice
from keyplan.model.secret import RawKey
from keyplan.net.http import open_client
from keyplan.notify.targets import read_target
from keyplan.notify.webhook import Webhook
from keyplan.sandbox.options import SandboxOptions
from keyplan.sandbox.server import running
from keyplan.testing.samples import make_context, make_ledger_settings, make_sink_settings

REGION = "eu-west-1"
SECRETS = {"GITLAB_TOKEN": "glpat-all", "GITHUB_TOKEN": "ghp_all", "VAULT_TOKEN": "hvs-x", "ARIZE_API_KEY": ""}
AUDITED = AuditQuery(
    key_ids=frozenset({KeyId("QXBpS2V5Ojk6YUFhQQ==")}),
    since=NOW - timedelta(days=30),
    until=NOW,
    entries=1000,
    time=timedelta(seconds=15),
)
"""What is looked for in an audit log."""
Journey = Callable[[str, Path], None]
"""Takes the URL of a server and a folder, and does everything that the adapter can."""
Honest = Callable[[], AbstractContextManager[str]]
"""Gives the URL of an honest server while a block runs."""


@dataclass(frozen=True)
class Subject:
    """One adapter."""

    journey: Journey
    honest: Honest
    statuses: tuple[int, ...]
    """Exit statuses that a server of this kind may lead to."""
    needs: tuple[str, ...] = ()
    """Packages that are not installed everywhere."""
    is_secure: bool = False
    """Whether it speaks TLS alone."""


def sink_journey(sink_type: str, options: Callable[[str, Path], dict[str, Json]], *, many: int = 0) -> Journey:
    """Return what looks at a place, writes it, looks again, looks at many, and empties it."""

    def run(url: str, folder: Path) -> None:
        # Names of its own for each run: what an earlier one left is not looked at.
        given = {"patience_seconds": 0, **options(url, folder)}
        settings = make_sink_settings(given, sink_type=sink_type)
        sink = load("keyplan.sinks", sink_type).build(settings, make_context(folder, SECRETS, clock=SimulatedClock()))
        run_id = uuid.uuid4().hex[:6]
        slots = [sink.locate(OWNER, make_declaration(f"{run_id}n{number}"), make_delivery()) for number in range(many)]
        slot = sink.locate(OWNER, make_declaration(run_id), make_delivery())
        sink.inspect([slot])
        sink.intend(slot, make_intent())
        sink.put(slot, RawKey(RAW), make_receipt())
        if sink.abilities.readable:
            sink.read(slot)
        sink.inspect([slot, *slots])
        sink.withdraw(slot, OWNER)

    return run


def arize_journey(api: str) -> Journey:
    """Return what lists, looks spaces up, creates, verifies, refreshes and deletes."""

    def run(url: str, folder: Path) -> None:
        options: dict[str, Json] = {"base_url": url, "api": "auto" if api == "beta" else api, "patience_seconds": 1}
        settings = ProviderSettings(credential=FromEnvironment("ARIZE_API_KEY"), options=options)
        context = make_context(folder, {"ARIZE_API_KEY": "ak-owner"}, clock=SimulatedClock())
        provider = load("keyplan.providers", "arize").build(settings, context)
        try:
            provider.reader.list_keys([])
            provider.reader.list_scopes()
            if api == "beta":
                provider.reader.read_audit(AUDITED)
            issued = provider.writer.create(make_desired(uuid.uuid4().hex[:8]), expires_at=None)
            provider.writer.verify(issued.raw)
            renewed = provider.writer.refresh(issued.key.id, expires_at=None, grace=NOW - NOW)
            provider.writer.delete(renewed.key.id)
        finally:
            provider.close()

    return run


@contextmanager
def sandbox(api: str) -> Iterator[str]:
    """Yield the URL of a sandbox of one generation."""
    with running(SandboxOptions(api="alpha" if api == "alpha" else "beta", credential="ak-owner")) as found:
        yield found.url


def run_webhook(url: str, folder: Path) -> None:
    """Send one notice."""
    notice = Notice(mood=Mood.CALM, title="t", text="", document={}, slack={})
    target = read_target(f"{url}/hook")
    Webhook(
        target=target, client=partial(open_client, environment={}), clock=SimulatedClock(), jitter=lambda most: most
    ).notify(notice)


async def _take(scope: Scope, receive: Receive, send: Send) -> None:
    await Request(scope, receive).body()
    await Response(status_code=204)(scope, receive, send)


class VaultApi:
    """The HTTP API of Vault in front of the fake that stands in for hvac elsewhere."""

    def __init__(self) -> None:
        self.vault = FakeVault(rights=["create", "read", "update", "patch", "delete"])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        body = await request.body()
        answer = self._route(request.method, request.url.path.removeprefix("/v1/"), json.loads(body) if body else {})
        shown = Response(status_code=204) if answer.body is None else JSONResponse(answer.body, answer.status_code)
        shown.headers.update({**answer.headers, "Date": datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")})
        await shown(scope, receive, send)

    def _route(self, method: str, path: str, body: dict[str, Any]) -> Any:  # noqa: PLR0911 - a table
        vault = self.vault
        if path.startswith("sys/internal"):
            return vault.get(path)
        if path == "sys/capabilities-self":
            return vault.get_capabilities(paths=body["paths"])
        _, kind, name = path.split("/", 2)
        match method, kind:
            case "GET", "data":
                return vault.read_secret_version(name, mount_point="secret", raise_on_deleted_version=True)
            case "GET", _:
                return vault.read_secret_metadata(name, mount_point="secret")
            case "DELETE", _:
                return vault.delete_latest_version_of_secret(name, mount_point="secret")
            case "PATCH", _:
                merge = {"Content-Type": "application/merge-patch+json"}
                return vault.request("patch", f"/v1/secret/{kind}/{name}", headers=merge, json=body)
            case _, "data":
                cas = body["options"]["cas"]
                return vault.create_or_update_secret(name, body["data"], cas=cas, mount_point="secret")
            case _:
                return vault.request("post", f"/v1/secret/{kind}/{name}", json=body)


@contextmanager
def _kubernetes() -> Iterator[str]:
    fake = KubernetesFake({**TOKENS, "token-of-admin": "admin"})
    fake.namespaces.add("default")
    with answering(fake) as url:
        yield url


def _kube_options(url: str, folder: Path) -> dict[str, Json]:
    config = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "users": [{"name": "u", "user": {"token": "token-of-admin"}}],
    }
    (folder / "kubeconfig").write_text(json.dumps(config))
    return {"name": "arize-{name}", "entry": "key", "kubeconfig": str(folder / "kubeconfig")}


@contextmanager
def _google() -> Iterator[str]:
    from sinks.gcp_fake import GcpFake  # noqa: PLC0415 - needs an extra

    with answering(GcpFake()) as url:
        yield url


@contextmanager
def _github() -> Iterator[str]:
    from sinks.github.fake import GitHubFake  # noqa: PLC0415 - needs an extra

    with answering(GitHubFake(NOW)) as url:
        yield url


_azure: list[Any] = []


@contextmanager
def _azure_vault() -> Iterator[str]:
    from sinks.azure_fake import IDENTITY_HEADER, AzureFake  # noqa: PLC0415 - of one subject alone

    fake = AzureFake()
    _azure[:] = [fake]
    former = dict(os.environ)
    with answering(fake) as url:
        os.environ.update(IDENTITY_ENDPOINT=f"{url}/msi/token", IDENTITY_HEADER=IDENTITY_HEADER)
        try:
            yield url
        finally:
            os.environ.clear()
            os.environ.update(former)


def _azure_options(url: str, folder: Path) -> dict[str, Json]:
    if _azure:
        _azure[0].host = url.removeprefix("https://")
    return {"vault_url": url, "name": "arize-{name}", "ca_file": "ca.pem"}


@contextmanager
def _aws() -> Iterator[str]:
    from moto.server import ThreadedMotoServer  # noqa: PLC0415 - needs an extra

    former = dict(os.environ)
    os.environ.update(AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b", AWS_EC2_METADATA_DISABLED="true")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()
        os.environ.clear()
        os.environ.update(former)


@contextmanager
def _bucket() -> Iterator[str]:
    import boto3  # noqa: PLC0415 - needs an extra

    with _aws() as url:
        client = boto3.client("s3", endpoint_url=url, region_name=REGION)
        # Another test of this process may have made it.
        with suppress(client.exceptions.BucketAlreadyOwnedByYou):
            client.create_bucket(Bucket="ledger", CreateBucketConfiguration={"LocationConstraint": REGION})
        yield url


def _run_s3(url: str, folder: Path) -> None:
    from keyplan.ledgers.s3 import build, build_reader, proof  # noqa: PLC0415 - needs an extra

    proof._PROVEN.clear()
    settings = make_ledger_settings(
        {"bucket": "ledger", "prefix": f"{uuid.uuid4().hex[:6]}/", "region": REGION, "endpoint_url": url},
        ledger_type="s3",
    )
    context, account = make_context(folder, clock=SimulatedClock()), "https://api.arize.com"
    ledger = build(settings, context, account=account)
    with ledger.lock(make_holder(), patience=NOW - NOW):
        ledger.open_intent(make_intent())
        ledger.recall()
    build_reader(settings, context, account=account).recall()


def _aws_options(url: str, folder: Path) -> dict[str, Json]:
    return {"name": "arize/{name}", "region": REGION, "endpoint_url": url}


SUBJECTS: Mapping[str, Subject] = {
    "arize alpha": Subject(arize_journey("alpha"), lambda: sandbox("alpha"), (5,)),
    "arize beta": Subject(arize_journey("beta"), lambda: sandbox("beta"), (5,)),
    "webhook": Subject(run_webhook, lambda: answering(_take), (1,)),
    "gitlab": Subject(
        sink_journey("gitlab-ci", lambda url, _: {"project": "acme/app", "url": url, "name": "K_{name}"}),
        lambda: answering(GitLabFake()),
        (4, 6),
    ),
    "github": Subject(
        sink_journey("github-actions", lambda url, _: {"repository": "acme/app", "api_url": url, "name": "K_{name}"}),
        _github,
        (4, 6),
        needs=("nacl",),
    ),
    "kubernetes": Subject(sink_journey("kubernetes", _kube_options, many=6), _kubernetes, (4, 6)),
    "vault": Subject(
        sink_journey("vault", lambda url, _: {"address": url, "path": "arize/{name}"}),
        lambda: answering(VaultApi()),
        (4, 6),
        needs=("hvac",),
    ),
    "gcp": Subject(
        sink_journey(
            "gcp-secret-manager", lambda url, _: {"project": "acme-prod", "name": "k-{name}", "endpoint": url}, many=25
        ),
        _google,
        (4, 6),
        needs=("google.cloud.secretmanager_v1", "google_crc32c"),
    ),
    "azure": Subject(
        sink_journey("azure-key-vault", _azure_options, many=25),
        _azure_vault,
        (4, 6),
        needs=("azure.keyvault.secrets", "azure.identity"),
        is_secure=True,
    ),
    "aws-ssm": Subject(
        sink_journey("aws-ssm", lambda url, folder: {**_aws_options(url, folder), "name": "/arize/{name}"}, many=50),
        _aws,
        (4, 6),
        needs=("boto3", "moto"),
    ),
    "aws-secrets-manager": Subject(
        sink_journey("aws-secrets-manager", _aws_options, many=101), _aws, (4, 6), needs=("boto3", "moto")
    ),
    "s3 ledger": Subject(_run_s3, _bucket, (7,), needs=("boto3", "moto")),
}


def require_packages(subject: Subject) -> None:
    """Skip where a package is missing that the adapter needs."""
    for name in subject.needs:
        pytest.importorskip(name)


@contextmanager
def between(subject: Subject, folder: Path) -> Iterator[tuple[Forwarder, str]]:
    """Yield what twists the answers of an honest server, and the URL where it does."""
    with subject.honest() as honest:
        forwarder = Forwarder(honest)
        with HostileServer(forwarder, tls=_make_tls(subject, folder)) as server:
            yield forwarder, server.url
        forwarder.close()


@contextmanager
def alone(subject: Subject, behave: Behaviour, folder: Path) -> Iterator[str]:
    """Yield the URL of a server that answers every request badly."""
    with ExitStack() as stack:
        if subject.needs and "boto3" in subject.needs:
            former = dict(os.environ)
            os.environ.update(AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b", AWS_EC2_METADATA_DISABLED="true")
            stack.callback(os.environ.update, former)
        if subject.is_secure:
            stack.enter_context(_azure_vault())
        yield stack.enter_context(HostileServer(behave, tls=_make_tls(subject, folder))).url


def _make_tls(subject: Subject, folder: Path) -> ssl.SSLContext | None:
    if not subject.is_secure:
        return None
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context

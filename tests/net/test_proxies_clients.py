"""Every client of keyplan takes the proxy and trusts the certificates that the environment names, and no others."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trustme
from net.servers import Proxy, proxying, serving
from samples import make_sink_settings
from sinks.local_context import make_context

from keyplan.context import PluginContext
from keyplan.errors import KeyplanError
from keyplan.model.manifest import FromEnvironment, Json, ProviderSettings
from keyplan.model.notice import Mood, Notice
from keyplan.net.http import exchange
from keyplan.notify import open_notifier
from keyplan.notify.targets import read_target
from keyplan.providers.arize import build_reader

pytestmark = [
    pytest.mark.enable_socket,
    # apprise looks for it when it is imported.
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
]

VARIABLES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "all_proxy", "NO_PROXY", "no_proxy")


@dataclass(frozen=True, kw_only=True)
class Client:
    """One client, and what makes it send a request."""

    name: str
    hosts: tuple[str, ...]
    """To which it sends, each over https on port 443."""
    package: str
    """Without it the client cannot be tried."""
    ask: Callable[[PluginContext, Path], None]
    answer: Mapping[str, Json] = field(default_factory=dict)
    text: str = ""
    """The answer, if it is not JSON."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Of the answer to a request without credentials, which has the status 401 if there are any."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Of the process's environment: where an SDK finds who it is."""


def ask_vault(context: PluginContext, _folder: Path) -> None:
    from keyplan.sinks.vault.connection import connect  # noqa: PLC0415 - needs hvac

    client = connect({"address": "https://vault.example.test", "patience_seconds": 1}, context, name="vault")
    client.look("secret", "arize/ci", values=False)


def ask_google(context: PluginContext, _folder: Path) -> None:
    from keyplan.sinks.gcp.client import SecretManager  # noqa: PLC0415 - needs the SDK
    from keyplan.sinks.gcp.connection import make_opener  # noqa: PLC0415 - needs the SDK
    from keyplan.sinks.patience import open_retrier  # noqa: PLC0415 - as above

    manager = SecretManager(
        make_opener("", context.environment),
        project="acme",
        replication={},
        retrier=open_retrier({"patience_seconds": 1}, context, name="google"),
    )
    manager.get("arize-ci")


def ask_azure(context: PluginContext, _folder: Path) -> None:
    from keyplan.sinks.azure.client import connect  # noqa: PLC0415 - needs the SDK
    from keyplan.sinks.patience import open_retrier  # noqa: PLC0415 - as above

    retrier = open_retrier({"patience_seconds": 1}, context, name="azure")
    connect("https://v.vault.azure.net", "v", environment=context.environment, retrier=retrier).get("arize-ci")


def ask_aws(context: PluginContext, _folder: Path) -> None:
    from keyplan.sinks.aws.service import connect  # noqa: PLC0415 - needs the SDK

    settings = make_sink_settings({"region": "eu-west-1", "patience_seconds": 1}, sink_type="aws-ssm")
    (service,) = connect(["ssm"], settings, context)
    service.call("describe_parameters", "here")


def ask_s3(context: PluginContext, _folder: Path) -> None:
    from keyplan.ledgers.s3.client import connect  # noqa: PLC0415 - needs the SDK
    from keyplan.ledgers.s3.options import S3Options  # noqa: PLC0415 - as above

    connect(S3Options.read({"bucket": "acme", "region": "eu-west-1"}), context.environment).get("any")


def ask_arize(context: PluginContext, _folder: Path) -> None:
    settings = ProviderSettings(credential=FromEnvironment("KEY"), options={"api": "beta", "patience_seconds": 1})
    build_reader(settings, context).reader.list_keys(())


def ask_kubernetes(context: PluginContext, folder: Path) -> None:
    from keyplan.sinks.kubernetes.config import find_connection  # noqa: PLC0415 - takes long
    from keyplan.sinks.kubernetes.tls import open_http  # noqa: PLC0415 - as above

    (folder / "kubeconfig").write_text(json.dumps(KUBECONFIG))
    connection = find_connection({"kubeconfig": "kubeconfig"}, context)
    with open_http(connection, None) as client:
        exchange(client, client.build_request("GET", f"{connection.server}/api"), bearer=None)


def ask_github(context: PluginContext, _folder: Path) -> None:
    from keyplan.sinks.forge import Call, open_forge  # noqa: PLC0415 - beside its client

    options: Mapping[str, Json] = {"token": {"env": "KEY"}, "patience_seconds": 1}
    forge = open_forge("https://api.github.com", options, context, {}, name="github")
    forge.ask(Call(what="acme/app", method="GET", path="/repos"))


def ask_webhook(context: PluginContext, _folder: Path) -> None:
    notify("https://hooks.example.test/x", context)


def ask_apprise(context: PluginContext, _folder: Path) -> None:
    notify("discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js", context)


def notify(target: str, context: PluginContext) -> None:
    notice = Notice(title="t", text="x", mood=Mood.CALM, document={}, slack={})
    opened = open_notifier(
        read_target(target), clock=context.clock, jitter=lambda _: 0.0, environment=context.environment
    )
    opened.notify(notice)


KUBECONFIG = {
    "current-context": "c",
    "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
    "clusters": [{"name": "c", "cluster": {"server": "https://k8s.example.test"}}],
    "users": [{"name": "c", "user": {"token": "t"}}],
}
AWS = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s", "AWS_CONFIG_FILE": "/nowhere"}
ROLE = {"AWS_REGION": "eu-west-1", "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/nowhere"}
STS_ANSWER = (
    "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>a</AccessKeyId>"
    "<SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2999-01-01T00:00:00Z</Expiration>"
    "</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
)
TENANT = "0b8a2c66-5d4f-4c7e-9a6f-1d2e3f405162"
LOGIN = f"https://login.microsoftonline.com/{TENANT}"
SECRET_ID = "https://v.vault.azure.net/secrets/arize-ci/1"
AUTHORITY = {
    "authorization_endpoint": f"{LOGIN}/oauth2/v2.0/authorize",
    "token_endpoint": f"{LOGIN}/oauth2/v2.0/token",
    "issuer": f"{LOGIN}/v2.0",
    "tenant_discovery_endpoint": f"{LOGIN}/v2.0/.well-known/openid-configuration",
}
GOOGLE = {"type": "authorized_user", "client_id": "a", "client_secret": "b", "refresh_token": "c"}
CLIENTS = (
    Client(name="arize", hosts=("api.arize.com",), package="httpx", ask=ask_arize),
    Client(name="kubernetes", hosts=("k8s.example.test",), package="httpx", ask=ask_kubernetes),
    Client(name="webhook", hosts=("hooks.example.test",), package="httpx", ask=ask_webhook),
    Client(name="apprise", hosts=("discord.com",), package="apprise", ask=ask_apprise),
    Client(name="github", hosts=("api.github.com",), package="httpx", ask=ask_github),
    Client(name="vault", hosts=("vault.example.test",), package="hvac", ask=ask_vault),
    Client(name="aws", hosts=("ssm.eu-west-1.amazonaws.com",), package="boto3", ask=ask_aws, variables=AWS),
    Client(
        name="aws with a role",
        hosts=("sts.eu-west-1.amazonaws.com", "ssm.eu-west-1.amazonaws.com"),
        package="boto3",
        ask=ask_aws,
        text=STS_ANSWER,
        variables={"AWS_ROLE_ARN": "arn:aws:iam::1:role/x", "AWS_WEB_IDENTITY_TOKEN_FILE": "token", **ROLE},
    ),
    Client(name="s3", hosts=("acme.s3.eu-west-1.amazonaws.com",), package="boto3", ask=ask_s3, variables=AWS),
    Client(
        name="azure",
        hosts=("login.microsoftonline.com", "v.vault.azure.net"),
        package="azure.keyvault.secrets",
        ask=ask_azure,
        answer={"access_token": "t", "token_type": "Bearer", "expires_in": 3600, "id": SECRET_ID, **AUTHORITY},
        headers={"WWW-Authenticate": f'Bearer authorization="{LOGIN}", resource="https://vault.azure.net"'},
        variables={"AZURE_TENANT_ID": TENANT, "AZURE_CLIENT_ID": "c", "AZURE_CLIENT_SECRET": "s"},
    ),
    Client(
        name="google",
        hosts=("oauth2.googleapis.com", "secretmanager.googleapis.com"),
        package="google.cloud.secretmanager_v1",
        ask=ask_google,
        answer={"access_token": "t", "expires_in": 3600, "name": "projects/acme/secrets/arize-ci"},
        variables={"GOOGLE_APPLICATION_CREDENTIALS": json.dumps(GOOGLE)},
    ),
)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def bundle(authority: trustme.CA, tmp_path: Path) -> str:
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    return str(tmp_path / "authority.pem")


@pytest.fixture(params=CLIENTS, ids=lambda client: client.name)
def client(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Client:
    """One client after the other, in a process whose own variables would lead nowhere."""
    client: Client = request.param
    pytest.importorskip(client.package, reason=f"{client.package} comes with make sinks")
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE"):
        monkeypatch.setenv(name, "/nowhere")
    for name, value in client.variables.items():
        if name.endswith(("CREDENTIALS", "TOKEN_FILE")):
            path = tmp_path / name
            path.write_text(value)
            value = str(path)  # noqa: PLW2901 - the variable names the file
        monkeypatch.setenv(name, value)
    return client


@pytest.fixture
def served(client: Client, authority: trustme.CA) -> Iterator[tuple[Proxy, list[str]]]:
    """Yield a proxy behind which every host of the client is, and what the hosts were asked."""
    leaf = authority.issue_cert(*client.hosts)
    body = (client.text or json.dumps(client.answer)).encode()
    with (
        serving(leaf.configure_cert, body=body, challenge=client.headers) as (port, seen),
        proxying(dict.fromkeys(client.hosts, port)) as proxy,
    ):
        yield proxy, seen


def ask(client: Client, environment: Mapping[str, str], folder: Path) -> None:
    """Make a client send its request; what it says to the answer, which is none of its server, does not count."""
    given = {"KEY": "k", "VAULT_TOKEN": "t", **client.variables, **environment}
    with suppress(KeyplanError, ValueError, KeyError):
        client.ask(make_context(folder, given), folder)


def test_it_takes_the_proxy_and_trusts_the_bundle(
    client: Client, served: tuple[Proxy, list[str]], bundle: str, tmp_path: Path
) -> None:
    proxy, seen = served
    ask(client, {"HTTPS_PROXY": proxy.address, "SSL_CERT_FILE": bundle, "NO_PROXY": "fd01::/48"}, tmp_path)
    assert sorted(set(proxy.asked)) == sorted(f"{host}:443" for host in client.hosts)
    assert {line.rpartition(" ")[2] for line in seen} == set(client.hosts)


def test_it_refuses_the_certificate_of_another_authority(
    client: Client, served: tuple[Proxy, list[str]], tmp_path: Path
) -> None:
    proxy, seen = served
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    ask(client, {"HTTPS_PROXY": proxy.address, "SSL_CERT_FILE": str(tmp_path / "other.pem")}, tmp_path)
    assert proxy.asked
    assert seen == []


def test_it_goes_past_the_proxy_if_no_proxy_says_so(
    client: Client, served: tuple[Proxy, list[str]], bundle: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy, seen = served
    port = proxy.ports[client.hosts[0]]
    lead_to_this_machine(monkeypatch, client.hosts, port)
    listed = " ".join(f".{host.partition('.')[2]}" for host in client.hosts)
    ask(client, {"HTTPS_PROXY": proxy.address, "SSL_CERT_FILE": bundle, "NO_PROXY": listed}, tmp_path)
    assert proxy.asked == []
    assert {line.rpartition(" ")[2] for line in seen} == set(client.hosts)


def lead_to_this_machine(monkeypatch: pytest.MonkeyPatch, hosts: tuple[str, ...], port: int) -> None:
    """Let every host be the server on this machine, whatever its port."""
    import socket  # noqa: PLC0415 - before it is replaced

    real = socket.getaddrinfo

    def look_up(host: Any, _port: Any, *arguments: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        place = ("127.0.0.1", port) if name in hosts else (host, _port)
        return real(*place, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


def test_the_process_s_environment_is_as_the_test_says(client: Client) -> None:
    assert os.environ["HTTPS_PROXY"] == "http://127.0.0.1:1"

"""Each fault of the network, met by each client over real sockets: one line with the host, what it was, what to do."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from net.fault_servers import (
    PAGE,
    SOUND,
    Authority,
    Handler,
    answer,
    close,
    dead_port,
    greet,
    reset,
    respond,
    serve,
)
from networks.clients import ask_arize, ask_sink, ask_webhook

from keyplan.errors import KeyplanError, NotificationError, ProviderError, SinkError
from keyplan.ledgers.s3.client import connect
from keyplan.ledgers.s3.options import S3Options

# Most of the clients are extras, and `make sinks` has them.
pytestmark = [pytest.mark.enable_socket, pytest.mark.sinks]
CANARY = "canary-5f2e"
AUTHORITY, STRANGER = Authority(), Authority()


@dataclass(frozen=True, kw_only=True)
class Client:
    """One client, and what it needs."""

    ask: Callable[[Any], None]
    module: str
    exit_status: int


def ask_s3(cell: Any) -> None:
    options = S3Options.read({"bucket": "acme", "region": "eu-west-1", "endpoint_url": cell["url"]})
    connect(options, cell["environment"]).get("any")


CLIENTS = {
    "arize": Client(ask=ask_arize, module="httpx", exit_status=ProviderError.exit_status),
    "webhook": Client(ask=ask_webhook, module="httpx", exit_status=NotificationError.exit_status),
    "vault": Client(ask=ask_sink, module="hvac", exit_status=SinkError.exit_status),
    "kubernetes": Client(ask=ask_sink, module="httpx", exit_status=SinkError.exit_status),
    "github-actions": Client(ask=ask_sink, module="nacl", exit_status=SinkError.exit_status),
    "gitlab-ci": Client(ask=ask_sink, module="httpx", exit_status=SinkError.exit_status),
    "aws-ssm": Client(ask=ask_sink, module="boto3", exit_status=SinkError.exit_status),
    "aws-secrets-manager": Client(ask=ask_sink, module="boto3", exit_status=SinkError.exit_status),
    "gcp-secret-manager": Client(
        ask=ask_sink, module="google.cloud.secretmanager_v1", exit_status=SinkError.exit_status
    ),
    "azure-key-vault": Client(ask=ask_sink, module="azure.keyvault.secrets", exit_status=SinkError.exit_status),
    "s3": Client(ask=ask_s3, module="boto3", exit_status=7),
}


def is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


EACH_CLIENT = pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.skipif(not is_there(client.module), reason=f"{client.module} is an extra"))
        for name, client in CLIENTS.items()
    ],
)


@pytest.fixture(scope="module")
def account() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return json.dumps(
        {"type": "service_account", "client_email": "a@b.test", "token_uri": "https://127.0.0.1:9/", "private_key": pem}
    )


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, account: str) -> Iterator[dict[str, str]]:
    (tmp_path / "google.json").write_text(account)
    AUTHORITY.ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    names = ("ARIZE_API_KEY", "TOKEN", "VAULT_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AZURE_TENANT_ID")
    variables = {
        **dict.fromkeys((*names, "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"), CANARY),
        "AZURE_TOKEN_CREDENTIALS": "EnvironmentCredential",
        "GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "google.json"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "SSL_CERT_FILE": str(tmp_path / "ca.pem"),
        "AWS_CA_BUNDLE": str(tmp_path / "ca.pem"),
    }
    for proxy in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "all_proxy"):
        monkeypatch.delenv(proxy, raising=False)
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    return variables


def fail(name: str, port: int, folder: Path, environment: dict[str, str]) -> KeyplanError:
    """Return the error of a client that asks a server at that port."""
    config = {
        "clusters": [{"name": "c", "cluster": {"server": f"https://127.0.0.1:{port}"}}],
        "users": [{"name": "c", "user": {"token": CANARY}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c", "namespace": "ml"}}],
        "current-context": "c",
    }
    (folder / "kubeconfig").write_text(json.dumps(config))
    cell = {
        "client": name,
        "url": f"https://127.0.0.1:{port}",
        "api": "beta",
        "folder": str(folder),
        "environment": environment,
        "ca_file": "",
        "kubeconfig": str(folder / "kubeconfig"),
    }
    with pytest.raises(KeyplanError) as caught:
        CLIENTS[name].ask(cell)
    error = caught.value
    assert error.exit_status == CLIENTS[name].exit_status
    # A webhook's host stands before the verb.
    assert f"127.0.0.1:{port}" in error.message or name == "webhook"
    assert error.advice
    assert "\n" not in f"{error.message}{error.advice}"
    assert CANARY not in f"{error.message}{error.advice}"
    return error


@EACH_CLIENT
@pytest.mark.parametrize(
    ("server", "words"),
    [
        pytest.param((greet(SOUND), None), "does not speak TLS on this port", id="plain http"),
        pytest.param((reset, None), "the connection was reset", id="reset"),
        pytest.param(
            (close, AUTHORITY.serve_as("127.0.0.1")),
            "the connection ended without a whole answer",
            id="closed without an answer",
        ),
        pytest.param(
            (answer(SOUND), STRANGER.serve_as("127.0.0.1")), "the certificate is not trusted", id="unknown authority"
        ),
        pytest.param(
            (answer(SOUND), AUTHORITY.serve_as("other.test")), "the certificate is for another host", id="wrong host"
        ),
        pytest.param(
            (answer(SOUND), AUTHORITY.serve_as("127.0.0.1", expired=True)), "the certificate has expired", id="expired"
        ),
        pytest.param(
            (respond("200 OK", PAGE, "Content-Type: text/html"), AUTHORITY.serve_as("127.0.0.1")),
            "a web page came in place of an answer (status 200)",
            id="captive portal",
        ),
        pytest.param(
            (respond("403 Forbidden", PAGE, "Content-Type: text/html"), AUTHORITY.serve_as("127.0.0.1")),
            "a web page came in place of an answer (status 403)",
            id="page of a proxy",
        ),
        pytest.param(
            (
                respond("200 OK", PAGE, "Content-Type: text/html", version="1.0", length=False),
                AUTHORITY.serve_as("127.0.0.1"),
            ),
            "a web page came in place of an answer (status 200)",
            id="page of an HTTP/1.0 gateway",
        ),
        pytest.param(
            (
                respond("307 Temporary Redirect", b"", "Location: https://login.corp.test/x?token=1"),
                AUTHORITY.serve_as("127.0.0.1"),
            ),
            "(to https://login.corp.test)",
            id="redirect",
        ),
    ],
)
def test_a_fault_is_one_line_with_host_reason_and_advice(
    name: str, server: tuple[Handler, ssl.SSLContext | None], words: str, tmp_path: Path, environment: dict[str, str]
) -> None:
    handler, tls = server
    with serve(handler, tls=tls) as port:
        error = fail(name, port, tmp_path, environment)
    assert words in error.message
    assert "certificate" not in words or "SSL_CERT_FILE, REQUESTS_CA_BUNDLE" in error.advice


@EACH_CLIENT
def test_a_dead_port_is_one_line_with_host_reason_and_advice(
    name: str, tmp_path: Path, environment: dict[str, str]
) -> None:
    with dead_port() as port:
        assert "connection refused" in fail(name, port, tmp_path, environment).message

"""The real ways of AWS's SDK: requests of its clients, and those that its providers of credentials send."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import botocore.exceptions
import botocore.session
import pytest
import trustme
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from net.servers import BODY, make_old_certificates, proxying, serving

from keyplan.errors import InputError
from keyplan.net.aws_transport import AwsTransport, lead_aws
from keyplan.net.trust import make_tls_context

pytestmark = pytest.mark.enable_socket

HOST = "ssm.example.test"
URL = f"https://{HOST}/"
CREDENTIALS = {
    "Code": "Success",
    "AccessKeyId": "of the machine",
    "SecretAccessKey": "s",
    "Token": "t",
    "Expiration": "2999-01-01T00:00:00Z",
}


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def bundle(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("trust") / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> botocore.session.Session:
    """A session whose process has no AWS variables but two files in a folder of the test."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_CA_BUNDLE", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    return botocore.session.Session()


def send(url: str, environment: dict[str, str], *, method: str = "GET", body: bytes = b"") -> Any:
    tls = make_tls_context(environment=environment)
    transport = AwsTransport(environment=environment, tls=tls, timeout=(5, 5), connections=2)
    try:
        return transport.send(AWSRequest(method=method, url=url, data=body).prepare())
    finally:
        transport.close()


@pytest.mark.parametrize(
    ("kind", "scheme"), [("http", "http"), ("socks", "socks5"), ("socks", "socks5h")], ids=["http", "socks5", "socks5h"]
)
def test_a_server_is_reached_through_the_proxy_alone(
    kind: str, scheme: str, authority: trustme.CA, bundle: str
) -> None:
    leaf = authority.issue_cert(HOST)
    with serving(leaf.configure_cert) as (port, seen), proxying({HOST: port}, kind=kind) as proxy:
        there = f"{scheme}://me:p4ss%2Fw%3Ard%40@{proxy.address}"
        answer = send(URL, {"HTTPS_PROXY": there, "SSL_CERT_FILE": bundle}, method="POST", body=b"{}")
    login = {"http": f"Basic {base64.b64encode(b'me:p4ss/w:rd@').decode()}", "socks": "me:p4ss/w:rd@"}[kind]
    assert (answer.content, proxy.asked, proxy.logins) == (BODY, [f"{HOST}:443"], [login])
    assert seen == [f"POST / {HOST}"]


def test_a_proxy_over_tls_is_trusted_as_a_server_is(authority: trustme.CA, bundle: str, tmp_path: Path) -> None:
    server, gateway = authority.issue_cert(HOST), trustme.CA().issue_cert("localhost")
    with serving(server.configure_cert) as (port, _):
        for certificate, is_trusted in ((authority.issue_cert("localhost"), True), (gateway, False)):
            with proxying({HOST: port}, tls=certificate.configure_cert) as proxy:
                there = f"https://localhost:{proxy.address.rpartition(':')[2]}"
                environment = {"HTTPS_PROXY": there, "SSL_CERT_FILE": bundle}
                if is_trusted:
                    assert send(URL, environment).content == BODY
                else:
                    with pytest.raises((botocore.exceptions.ProxyConnectionError, botocore.exceptions.SSLError)):
                        send(URL, environment)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("listens", ["127.0.0.1", "::1"])
def test_plain_http_to_this_machine_passes_every_proxy(host: str, listens: str) -> None:
    if (host, listens) == ("127.0.0.1", "::1"):
        pytest.skip("nothing listens there")
    with serving(host=listens) as (port, seen), proxying({}) as proxy:
        environment = dict.fromkeys(("http_proxy", "HTTP_PROXY", "ALL_PROXY"), f"http://{proxy.address}")
        assert send(f"http://{host}:{port}/x", environment, method="PUT", body=b"{}").content == BODY
    assert (proxy.asked, seen) == ([], [f"PUT /x {host}:{port}"])


def test_a_wrong_proxy_is_named() -> None:
    with pytest.raises(InputError, match="HTTPS_PROXY"):
        send(URL, {"HTTPS_PROXY": "gopher://x"})


def test_a_socks_proxy_without_pysocks_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keyplan.net.proxies.find_spec", lambda _: None)
    with pytest.raises(InputError, match="ALL_PROXY names a SOCKS proxy, and 'socks'"):
        send(URL, {"ALL_PROXY": "socks5://proxy.test"})


def test_failures_are_those_that_the_sdk_and_its_callers_know(authority: trustme.CA, bundle: str) -> None:
    errors = botocore.exceptions
    with pytest.raises(errors.EndpointConnectionError):
        send("https://127.0.0.1:1/", {})
    with serving(authority.issue_cert("127.0.0.1").configure_cert) as (port, _), pytest.raises(errors.SSLError):
        send(f"https://127.0.0.1:{port}/", {})
    with proxying({}, requires="Basic x") as proxy, pytest.raises(errors.ProxyConnectionError) as caught:
        send(URL, {"HTTPS_PROXY": f"http://me:p4ssword@{proxy.address}"})
    assert "p4ssword" not in str(caught.value)
    with serving(handler=_Slamming) as (port, _), pytest.raises(errors.ConnectionClosedError):
        send(f"http://127.0.0.1:{port}/", {}, method="POST", body=b"{}")


class _Slamming:
    def __init__(self, request: Any, *_: object) -> None:
        request.recv(1)


def test_certificates_without_key_identifiers_are_accepted_in_every_version_of_python(tmp_path: Path) -> None:
    old = make_old_certificates("localhost")
    (tmp_path / "server.pem").write_bytes(old.server)
    (tmp_path / "authority.pem").write_bytes(old.authority)
    with serving(lambda context: context.load_cert_chain(tmp_path / "server.pem")) as (port, _):
        environment = {"SSL_CERT_FILE": str(tmp_path / "authority.pem")}
        assert send(f"https://localhost:{port}/", environment).content == BODY


@pytest.mark.parametrize("by", ["AWS_CA_BUNDLE", "profile", "SSL_CERT_FILE"])
def test_a_client_trusts_what_variable_or_profile_name(
    by: str, session: botocore.session.Session, authority: trustme.CA, bundle: str, tmp_path: Path
) -> None:
    (tmp_path / "config").write_text(f"[default]\nca_bundle = {bundle}\n" if by == "profile" else "")
    environment = {"SSL_CERT_FILE": "/nowhere"} | ({by: bundle} if by != "profile" else {})
    lead_aws(session, environment=environment, timeout=(5, 5))
    with serving(authority.issue_cert("127.0.0.1").configure_cert, body=b"{}") as (port, seen):
        ask(session, f"https://127.0.0.1:{port}")
    assert len(seen) == 1


def ask(session: botocore.session.Session, url: str, **credentials: str) -> None:
    client = session.create_client(
        "ssm",
        region_name="eu-west-1",
        endpoint_url=url,
        config=Config(retries={"total_max_attempts": 1}),
        **(credentials or {"aws_access_key_id": "a", "aws_secret_access_key": "s"}),
    )
    client.describe_parameters()


def test_a_wrong_bundle_of_a_profile_is_named(session: botocore.session.Session, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[default]\nca_bundle = /nowhere\n")
    with pytest.raises(InputError, match=r"^ca_bundle of the AWS profile: .*No such file"):
        lead_aws(session, environment={}, timeout=(5, 5))


def test_the_machine_s_metadata_service_is_never_asked_through_a_proxy(
    session: botocore.session.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(body=json.dumps(CREDENTIALS).encode()) as (port, seen), proxying({}) as proxy:
        # The SDK would read these two itself when it makes its chain of credentials.
        for name in ("http_proxy", "HTTP_PROXY"):
            monkeypatch.setenv(name, f"http://{proxy.address}")
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", f"http://127.0.0.1:{port}/")
        lead_aws(session, environment={"http_proxy": f"http://{proxy.address}"}, timeout=(5, 5))
        found = session.get_credentials()
    assert found is not None
    assert found.access_key == "of the machine"
    assert (proxy.asked, seen[0]) == ([], f"PUT /latest/api/token 127.0.0.1:{port}")


def test_a_container_s_credentials_come_from_its_service_directly(
    session: botocore.session.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(body=json.dumps(CREDENTIALS).encode()) as (port, seen), proxying({}) as proxy:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"http://localhost:{port}/role")
        lead_aws(session, environment={"http_proxy": f"http://{proxy.address}"}, timeout=(5, 5))
        found = session.get_credentials()
    assert found is not None
    assert found.access_key == "of the machine"
    assert (proxy.asked, seen) == ([], [f"GET /role localhost:{port}"])

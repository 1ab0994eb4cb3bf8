"""The real ways of a session of requests: the same as those of an httpx client, whatever an SDK passes."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
import requests
import trustme
from net.servers import BODY, make_old_certificates, proxying, serving

from keyplan.errors import InputError
from keyplan.net.sessions import lead_new_sessions, open_session
from keyplan.net.trust import make_tls_context

pytestmark = pytest.mark.enable_socket

HOST = "vault.example.test"
URL = f"https://{HOST}/v1/secret"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def bundle(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("trust") / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


def get(url: str, environment: dict[str, str], **options: object) -> requests.Response:
    with open_session(environment=environment, base_url=url) as session:
        return session.request("GET", url, timeout=10, allow_redirects=False, **options)  # type: ignore[arg-type]  # options of requests, by name


@pytest.mark.parametrize(
    ("kind", "scheme"), [("http", "http"), ("socks", "socks5"), ("socks", "socks5h")], ids=["http", "socks5", "socks5h"]
)
def test_a_server_is_reached_through_the_proxy_alone(
    kind: str, scheme: str, authority: trustme.CA, bundle: str
) -> None:
    leaf = authority.issue_cert(HOST)
    with serving(leaf.configure_cert) as (port, seen), proxying({HOST: port}, kind=kind) as proxy:
        there = f"{scheme}://me:p4ss%2Fw%3Ard%40@{proxy.address}"
        answer = get(URL, {"HTTPS_PROXY": there, "SSL_CERT_FILE": bundle})
    login = {"http": f"Basic {base64.b64encode(b'me:p4ss/w:rd@').decode()}", "socks": "me:p4ss/w:rd@"}[kind]
    assert (answer.content, proxy.asked, proxy.logins) == (BODY, [f"{HOST}:443"], [login])
    assert seen == [f"GET /v1/secret {HOST}"]


def test_a_proxy_over_tls_is_trusted_as_a_server_is(authority: trustme.CA, bundle: str, tmp_path: Path) -> None:
    server, gateway = authority.issue_cert(HOST), authority.issue_cert("localhost")
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    with serving(server.configure_cert) as (port, _), proxying({HOST: port}, tls=gateway.configure_cert) as proxy:
        there = f"https://localhost:{proxy.address.rpartition(':')[2]}"
        assert get(URL, {"HTTPS_PROXY": there, "SSL_CERT_FILE": bundle}).content == BODY
        environment = {"HTTPS_PROXY": there, "SSL_CERT_FILE": str(tmp_path / "other.pem")}
        tls = make_tls_context(environment={}, ca_file=bundle)
        with (
            open_session(environment=environment, base_url=URL, tls=tls) as session,
            pytest.raises(requests.exceptions.ConnectionError),
        ):
            session.get(URL, timeout=10)


def test_a_socks_proxy_without_pysocks_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keyplan.net.proxies.find_spec", lambda _: None)
    with pytest.raises(InputError, match="ALL_PROXY names a SOCKS proxy, and 'socks'"):
        open_session(environment={"ALL_PROXY": "socks5://proxy.test"}, base_url=URL)


def test_what_no_proxy_names_is_reached_directly(authority: trustme.CA, bundle: str) -> None:
    with serving(authority.issue_cert("127.0.0.1").configure_cert) as (port, _), proxying({}) as proxy:
        environment = {"HTTPS_PROXY": proxy.address, "NO_PROXY": "fd01::/48", "SSL_CERT_FILE": bundle}
        assert get(f"https://127.0.0.1:{port}/", environment).content == BODY
    assert proxy.asked == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("listens", ["127.0.0.1", "::1"])
def test_plain_http_to_this_machine_passes_every_proxy(host: str, listens: str) -> None:
    if (host, listens) == ("127.0.0.1", "::1"):
        pytest.skip("nothing listens there")
    with serving(host=listens) as (port, seen), proxying({}) as proxy:
        environment = dict.fromkeys(("http_proxy", "HTTP_PROXY", "ALL_PROXY"), f"http://{proxy.address}")
        url = f"http://{host}:{port}/v1"
        with open_session(environment=environment, base_url=url) as session:
            assert session.post(url, json={"a": 1}, timeout=10).content == BODY
    assert (proxy.asked, seen) == ([], [f"POST /v1 {host}:{port}"])


def test_a_request_that_breaks_after_it_was_sent_is_not_sent_to_the_other_address() -> None:
    with serving(handler=_Slamming) as (port, _):
        url = f"http://localhost:{port}/"
        with (
            open_session(environment={}, base_url=url) as session,
            pytest.raises(requests.exceptions.ConnectionError, match=r"Connection aborted|closed connection"),
        ):
            session.post(url, json={}, timeout=10)


class _Slamming:
    def __init__(self, request: object, *_: object) -> None:
        request.recv(1)  # type: ignore[attr-defined]  # a socket


def test_nothing_that_an_sdk_passes_loosens_the_checks(authority: trustme.CA) -> None:
    with serving(authority.issue_cert("127.0.0.1").configure_cert) as (port, seen):
        for verify in (True, False):
            with pytest.raises(requests.exceptions.SSLError):
                get(f"https://127.0.0.1:{port}/", {}, verify=verify, proxies={"https": "http://127.0.0.1:1"})
    assert seen == []


def test_no_authority_but_those_of_the_bundle_is_trusted(bundle: str) -> None:
    tls = make_tls_context(environment={"SSL_CERT_FILE": bundle})
    with serving(trustme.CA().issue_cert("127.0.0.1").configure_cert) as (port, _):
        url = f"https://127.0.0.1:{port}/"
        with (
            open_session(environment={}, base_url=url, tls=tls) as session,
            pytest.raises(requests.exceptions.SSLError),
        ):
            session.get(url, timeout=10)
    assert tls.cert_store_stats()["x509"] == 1


def test_certificates_without_key_identifiers_are_accepted_in_every_version_of_python(tmp_path: Path) -> None:
    old = make_old_certificates("localhost")
    (tmp_path / "server.pem").write_bytes(old.server)
    (tmp_path / "authority.pem").write_bytes(old.authority)
    with serving(lambda context: context.load_cert_chain(tmp_path / "server.pem")) as (port, _):
        environment = {"REQUESTS_CA_BUNDLE": str(tmp_path / "authority.pem")}
        assert get(f"https://localhost:{port}/", environment).content == BODY


def test_nothing_of_the_process_s_own_environment_counts_beside_the_one_given(
    monkeypatch: pytest.MonkeyPatch, authority: trustme.CA, bundle: str, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("default login me password word\n")
    for name, value in {
        "HTTPS_PROXY": "http://127.0.0.1:1",
        "REQUESTS_CA_BUNDLE": "/nowhere",
        "CURL_CA_BUNDLE": "/nowhere",
        "SSL_CERT_FILE": "/nowhere",
        "NETRC": str(tmp_path / "netrc"),
    }.items():
        monkeypatch.setenv(name, value)
    leaf = authority.issue_cert(HOST)
    with serving(leaf.configure_cert) as (port, _), proxying({HOST: port}) as proxy:
        answer = get(URL, {"https_proxy": proxy.address, "SSL_CERT_FILE": bundle})
    assert "Authorization" not in answer.request.headers


def test_sessions_that_a_library_makes_are_led_for_a_block_alone(authority: trustme.CA, bundle: str) -> None:
    before = requests.Session
    with (
        serving(authority.issue_cert(HOST).configure_cert) as (port, _),
        proxying({HOST: port}) as proxy,
        lead_new_sessions({"HTTPS_PROXY": proxy.address, "SSL_CERT_FILE": bundle}),
    ):
        assert requests.get(URL, timeout=10).content == BODY
        with requests.Session() as session:
            assert session.get(URL, timeout=10).content == BODY
    assert proxy.asked == [f"{HOST}:443"] * 2
    assert requests.Session is requests.sessions.Session is before


def test_sessions_are_as_before_after_a_failure() -> None:
    before = requests.Session
    with pytest.raises(ZeroDivisionError), lead_new_sessions({}):
        raise ZeroDivisionError
    assert requests.Session is requests.sessions.Session is before

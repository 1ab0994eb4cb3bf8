"""The real ways of an httpx client: through proxies that speak HTTP, HTTPS and SOCKS, and past them."""

from __future__ import annotations

import base64
from pathlib import Path

import httpx
import pytest
import trustme
from net.servers import BODY, proxying, serving

from keyplan.errors import InputError
from keyplan.net.http import make_opener, open_client

pytestmark = pytest.mark.enable_socket

HOST = "api.example.test"
URL = f"https://{HOST}/v2/keys"
SECRET = "p4ss/w:rd@"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def bundle(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("trust") / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


def get(url: str, environment: dict[str, str]) -> httpx.Response:
    with make_opener(url, environment=environment)() as client:
        return client.get(url)


def test_a_server_is_reached_through_the_proxy_alone(authority: trustme.CA, bundle: str) -> None:
    leaf = authority.issue_cert(HOST)
    with serving(leaf.configure_cert) as (port, seen), proxying({HOST: port}) as proxy:
        answer = get(URL, {"HTTPS_PROXY": f"http://{proxy.address}", "SSL_CERT_FILE": bundle})
    assert (answer.content, proxy.asked, seen) == (BODY, [f"{HOST}:443"], [f"GET /v2/keys {HOST}"])


def test_user_and_password_of_the_proxy_reach_it_decoded(authority: trustme.CA, bundle: str) -> None:
    leaf = authority.issue_cert(HOST)
    login = f"Basic {base64.b64encode(f'me:{SECRET}'.encode()).decode()}"
    with serving(leaf.configure_cert) as (port, _), proxying({HOST: port}, requires=login) as proxy:
        there = f"http://me:p4ss%2Fw%3Ard%40@{proxy.address}"
        assert get(URL, {"HTTPS_PROXY": there, "SSL_CERT_FILE": bundle}).content == BODY
    assert proxy.logins == [login]


def test_a_proxy_that_wants_a_password_and_gets_none_is_a_proxy_error(bundle: str) -> None:
    with (
        proxying({}, requires="Basic x") as proxy,
        pytest.raises(httpx.ProxyError, match="407"),
    ):
        get(URL, {"HTTPS_PROXY": proxy.address, "SSL_CERT_FILE": bundle})


def test_a_proxy_over_tls_is_trusted_as_a_server_is(authority: trustme.CA, bundle: str) -> None:
    server, gateway = authority.issue_cert(HOST), authority.issue_cert("localhost")
    with serving(server.configure_cert) as (port, _), proxying({HOST: port}, tls=gateway.configure_cert) as proxy:
        there = f"https://localhost:{proxy.address.rpartition(':')[2]}"
        assert get(URL, {"HTTPS_PROXY": there, "SSL_CERT_FILE": bundle}).content == BODY
        with pytest.raises((httpx.ConnectError, httpx.ProxyError)):
            get(URL, {"HTTPS_PROXY": there, "SSL_CERT_FILE": _write_other(Path(bundle).parent)})


def _write_other(folder: Path) -> str:
    path = folder / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(path))
    return str(path)


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
def test_a_socks_proxy_resolves_the_name(scheme: str, authority: trustme.CA, bundle: str) -> None:
    leaf = authority.issue_cert(HOST)
    with serving(leaf.configure_cert) as (port, _), proxying({HOST: port}, kind="socks") as proxy:
        there = f"{scheme}://me:p4ss%2Fw%3Ard%40@{proxy.address}"
        assert get(URL, {"ALL_PROXY": there, "SSL_CERT_FILE": bundle}).content == BODY
    assert (proxy.asked, proxy.logins) == ([f"{HOST}:443"], [f"me:{SECRET}"])


def test_a_socks_proxy_without_socksio_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keyplan.net.proxies.find_spec", lambda _: None)
    with pytest.raises(InputError, match="ALL_PROXY names a SOCKS proxy, and 'socksio'") as caught:
        make_opener(URL, environment={"ALL_PROXY": "socks5://proxy.test"})
    assert caught.value.advice == "pip install 'keyplan[socks]'"


def test_what_no_proxy_names_is_reached_directly(authority: trustme.CA, bundle: str) -> None:
    leaf = authority.issue_cert("127.0.0.1")
    with serving(leaf.configure_cert) as (port, seen), proxying({}) as proxy:
        there = {"HTTPS_PROXY": f"http://{proxy.address}", "NO_PROXY": "fd01::/48", "SSL_CERT_FILE": bundle}
        assert get(f"https://127.0.0.1:{port}/", there).content == BODY
    assert (proxy.asked, len(seen)) == ([], 1)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.0.0.2"])
def test_plain_http_to_this_machine_passes_every_proxy(host: str) -> None:
    with serving(host="127.0.0.2" if host == "127.0.0.2" else "127.0.0.1") as (port, seen), proxying({}) as proxy:
        there = f"http://{proxy.address}"
        names = ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")
        assert get(f"http://{host}:{port}/", dict.fromkeys(names, there)).content == BODY
    assert (proxy.asked, seen) == ([], [f"GET / {host}:{port}"])


def test_plain_http_to_localhost_also_finds_a_server_that_listens_on_ipv6_alone() -> None:
    with serving(host="::1") as (port, seen), open_client(environment={}) as client:
        assert client.post(f"http://localhost:{port}/", json={"a": 1}).content == BODY
    assert seen == [f"POST / localhost:{port}"]


def test_no_name_server_leads_plain_http_to_localhost_away(monkeypatch: pytest.MonkeyPatch) -> None:
    def lead_away(*arguments: object, **_: object) -> list[object]:
        raise AssertionError(f"asked for {arguments[0]!r}")

    with serving() as (port, _):
        monkeypatch.setattr("socket.getaddrinfo", _only_numbers(lead_away))
        assert get(f"http://localhost:{port}/", {}).content == BODY


def _only_numbers(otherwise: object) -> object:
    import socket  # noqa: PLC0415 - before it is replaced

    real = socket.getaddrinfo

    def look_up(host: str, *arguments: object, **options: object) -> object:
        known = {"127.0.0.1", "::1"}
        return real(host, *arguments, **options) if host in known else otherwise(host)  # type: ignore[operator,arg-type]  # as getaddrinfo

    return look_up


def test_nothing_of_the_process_s_own_environment_counts_beside_the_one_given(
    monkeypatch: pytest.MonkeyPatch, authority: trustme.CA, bundle: str, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("default login me password word\n")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    leaf = authority.issue_cert(HOST)
    with serving(leaf.configure_cert) as (port, _), proxying({HOST: port}) as proxy:
        answer = get(URL, {"https_proxy": proxy.address, "SSL_CERT_FILE": bundle})
    assert "Authorization" not in answer.request.headers


def test_one_client_finds_the_way_to_each_of_several_hosts(authority: trustme.CA, bundle: str) -> None:
    leaf = authority.issue_cert(HOST, "127.0.0.1")
    with serving(leaf.configure_cert) as (port, seen), proxying({HOST: port}) as proxy:
        environment = {"HTTPS_PROXY": proxy.address, "SSL_CERT_FILE": bundle}
        with open_client(environment=environment) as client:
            assert client.get(URL).content == client.get(f"https://127.0.0.1:{port}/").content == BODY
    assert (proxy.asked, len(seen)) == ([f"{HOST}:443"], 2)

"""The one trust store: which setting counts, what is said of a wrong one, and which servers are accepted."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import trustme
from net.servers import BODY, OldCertificates, make_old_certificates, serving

from keyplan.errors import InputError
from keyplan.net.http import make_opener
from keyplan.net.trust import CaBundle, find_ca_bundle, make_tls_context

HOST = "localhost"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def bundle(authority: trustme.CA, tmp_path: Path) -> str:
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    return str(tmp_path / "authority.pem")


@pytest.mark.parametrize(
    ("environment", "options", "expected"),
    [
        pytest.param({}, {}, None, id="the system's"),
        pytest.param({"SSL_CERT_FILE": "a"}, {}, CaBundle(name="SSL_CERT_FILE", file="a"), id="SSL_CERT_FILE"),
        pytest.param({"SSL_CERT_DIR": "d"}, {}, CaBundle(name="SSL_CERT_DIR", folder="d"), id="SSL_CERT_DIR"),
        pytest.param(
            {"SSL_CERT_FILE": "a", "SSL_CERT_DIR": "d", "REQUESTS_CA_BUNDLE": "r"},
            {},
            CaBundle(name="SSL_CERT_FILE", file="a", folder="d"),
            id="file and folder count together, as for OpenSSL",
        ),
        pytest.param(
            {"REQUESTS_CA_BUNDLE": "r", "CURL_CA_BUNDLE": "c"},
            {},
            CaBundle(name="REQUESTS_CA_BUNDLE", file="r"),
            id="REQUESTS_CA_BUNDLE above CURL_CA_BUNDLE",
        ),
        pytest.param({"CURL_CA_BUNDLE": "c"}, {}, CaBundle(name="CURL_CA_BUNDLE", file="c"), id="CURL_CA_BUNDLE"),
        pytest.param({"SSL_CERT_FILE": "", "AWS_CA_BUNDLE": ""}, {"variable": "AWS_CA_BUNDLE"}, None, id="empty"),
        pytest.param(
            {"SSL_CERT_FILE": "a", "AWS_CA_BUNDLE": "w"},
            {"variable": "AWS_CA_BUNDLE"},
            CaBundle(name="AWS_CA_BUNDLE", file="w"),
            id="the client's own variable above all others",
        ),
        pytest.param({"AWS_CA_BUNDLE": "w"}, {}, None, id="the variable of another client"),
        pytest.param(
            {"SSL_CERT_FILE": "a", "AWS_CA_BUNDLE": "w"},
            {"variable": "AWS_CA_BUNDLE", "ca_file": "o", "named": "the vault sink's ca_file"},
            CaBundle(name="the vault sink's ca_file", file="o"),
            id="an option above all variables",
        ),
    ],
)
def test_the_narrowest_setting_counts(
    environment: dict[str, str], options: dict[str, str], expected: CaBundle | None
) -> None:
    assert find_ca_bundle(environment, **options) == expected


def test_a_variable_of_requests_may_name_a_folder(tmp_path: Path) -> None:
    found = find_ca_bundle({"REQUESTS_CA_BUNDLE": str(tmp_path)})
    assert found == CaBundle(name="REQUESTS_CA_BUNDLE", folder=str(tmp_path))


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "ARIZE_SSL_CA_CERT"])
@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param(None, "No such file", id="missing"),
        pytest.param("", "it holds no certificate", id="empty"),
        pytest.param("nonsense", "it holds no certificate", id="no certificate"),
        pytest.param("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "no certificate", id="broken"),
    ],
)
def test_a_wrong_bundle_is_named_by_its_setting(variable: str, text: str | None, why: str, tmp_path: Path) -> None:
    path = tmp_path / "bundle.pem"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=rf"^{variable}: .*{why}.*bundle\.pem") as caught:
        make_opener("https://example.test", variable="ARIZE_SSL_CA_CERT", environment={variable: str(path)})
    assert caught.value.advice == f"check {variable}"


@pytest.mark.parametrize("variable", ["SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"])
def test_a_folder_in_which_openssl_finds_nothing_is_named_by_its_setting(variable: str, tmp_path: Path) -> None:
    (tmp_path / "authority.pem").write_text("")
    with pytest.raises(InputError, match=f"^{variable}: .*is not a folder of certificates") as caught:
        make_tls_context(environment={variable: str(tmp_path)})
    assert "openssl rehash" in caught.value.advice


def test_a_folder_that_is_missing_is_named_by_its_setting() -> None:
    with pytest.raises(InputError, match=r"^SSL_CERT_DIR: .*'/nowhere' is not a folder"):
        make_tls_context(environment={"SSL_CERT_DIR": "/nowhere"})


CONTEXTS: tuple[tuple[str, Callable[[str], ssl.SSLContext]], ...] = (
    ("a bundle", lambda bundle: make_tls_context(environment={"SSL_CERT_FILE": bundle})),
    ("an option", lambda bundle: make_tls_context(environment={}, ca_file=bundle)),
    ("data", lambda bundle: make_tls_context(environment={}, ca_data=Path(bundle).read_text())),
    ("the system's", lambda _: make_tls_context(environment={})),
)


@pytest.mark.parametrize("make", [pytest.param(make, id=name) for name, make in CONTEXTS])
def test_every_context_checks_certificate_and_name_and_is_the_same_in_all_versions_of_python(
    make: Callable[[str], ssl.SSLContext], bundle: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    context = make(bundle)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert not context.verify_flags & ssl.VERIFY_X509_STRICT
    assert context.verify_flags & ssl.VERIFY_X509_PARTIAL_CHAIN
    assert context.keylog_filename is None


def test_the_system_s_store_does_not_depend_on_the_process_s_own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere")
    monkeypatch.setenv("SSL_CERT_DIR", "/nowhere")
    make_tls_context(environment={})


def test_a_machine_without_a_store_trusts_the_list_of_certifi(monkeypatch: pytest.MonkeyPatch) -> None:
    paths = ssl.get_default_verify_paths()._replace(openssl_cafile="/nowhere", openssl_capath="/nowhere")
    monkeypatch.setattr("ssl.get_default_verify_paths", lambda: paths)
    monkeypatch.setattr("keyplan.net.trust._SYSTEM_FILES", ("/nowhere",))
    assert make_tls_context(environment={}).cert_store_stats()["x509_ca"] > 50


def test_a_python_that_was_built_elsewhere_finds_the_machine_s_store(
    monkeypatch: pytest.MonkeyPatch, bundle: str
) -> None:
    paths = ssl.get_default_verify_paths()._replace(openssl_cafile="/nowhere", openssl_capath="/nowhere")
    monkeypatch.setattr("ssl.get_default_verify_paths", lambda: paths)
    monkeypatch.setattr("keyplan.net.trust._SYSTEM_FILES", ("/nowhere", bundle))
    assert make_tls_context(environment={}).cert_store_stats()["x509"] == 1


def get(url: str, environment: dict[str, str]) -> httpx.Response:
    with make_opener(url, variable="ARIZE_SSL_CA_CERT", environment=environment)() as client:
        return client.get(url)


@pytest.mark.enable_socket
@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "ARIZE_SSL_CA_CERT"])
def test_a_server_of_the_bundle_s_authority_is_accepted(variable: str, authority: trustme.CA, bundle: str) -> None:
    with serving(authority.issue_cert(HOST).configure_cert) as (port, _):
        assert get(f"https://{HOST}:{port}/", {variable: bundle}).content == BODY


@pytest.mark.enable_socket
def test_a_server_of_another_authority_is_refused_and_so_is_one_with_another_name(
    authority: trustme.CA, bundle: str
) -> None:
    with serving(trustme.CA().issue_cert(HOST).configure_cert) as (port, _):
        with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
            get(f"https://{HOST}:{port}/", {"SSL_CERT_FILE": bundle})
        with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
            get(f"https://{HOST}:{port}/", {})
    with (
        serving(authority.issue_cert("other.test").configure_cert) as (port, _),
        pytest.raises(httpx.ConnectError, match="Hostname mismatch"),
    ):
        get(f"https://{HOST}:{port}/", {"SSL_CERT_FILE": bundle})


@pytest.fixture(scope="module")
def old() -> OldCertificates:
    return make_old_certificates(HOST)


@pytest.mark.enable_socket
def test_certificates_without_key_identifiers_are_accepted_in_every_version_of_python(
    old: OldCertificates, tmp_path: Path
) -> None:
    (tmp_path / "server.pem").write_bytes(old.server)
    (tmp_path / "authority.pem").write_bytes(old.authority)
    with serving(lambda context: context.load_cert_chain(tmp_path / "server.pem")) as (port, _):
        assert get(f"https://{HOST}:{port}/", {"SSL_CERT_FILE": str(tmp_path / "authority.pem")}).content == BODY


@pytest.mark.enable_socket
def test_an_intermediate_authority_alone_is_enough(authority: trustme.CA, tmp_path: Path) -> None:
    child = authority.create_child_ca()
    child.cert_pem.write_to_path(str(tmp_path / "child.pem"))
    with serving(child.issue_cert(HOST).configure_cert) as (port, _):
        assert get(f"https://{HOST}:{port}/", {"SSL_CERT_FILE": str(tmp_path / "child.pem")}).content == BODY

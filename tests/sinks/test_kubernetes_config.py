"""Where a cluster is and who we are there: kubeconfigs, pods, plugins, certificates."""

from __future__ import annotations

import base64
import json
import ssl
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme
from samples import NOW, RENAMED_LINEAGE, make_sink_settings

from keyplan.context import PluginContext
from keyplan.errors import InputError, SinkDeniedError
from keyplan.model.manifest import Json
from keyplan.model.secret import Credential
from keyplan.sinks.engine import SinkEngine
from keyplan.sinks.kubernetes.config import Connection, find_connection
from keyplan.sinks.kubernetes.identity import Plugin, TokenFile
from keyplan.sinks.kubernetes.sink import build
from keyplan.sinks.kubernetes.tls import open_http
from keyplan.system.clock import SystemClock

URL = "https://k8s.example"


def make_kubeconfig(folder: Path, *, name: str = "config", **changes: Any) -> Path:
    config: dict[str, Any] = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "ml"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://k8s.example:6443/"}}],
        "users": [{"name": "u", "user": {"token": "t0ken"}}],
    }
    path = folder / name
    path.write_text(json.dumps({**config, **changes}))
    return path


def surround(folder: Path, environment: Mapping[str, str]) -> PluginContext:
    return PluginContext(
        folder=str(folder),
        lineage=RENAMED_LINEAGE,
        clock=SystemClock(),
        jitter=lambda _: 0.0,
        resolve=lambda _: Credential("unused"),
        environment=environment,
        say=lambda _: None,
    )


def find(options: Mapping[str, Json], folder: Path, **environment: str) -> Connection:
    return find_connection(options, surround(folder, environment), account=folder / "account")


def user(**values: Any) -> dict[str, Any]:
    return {"users": [{"name": "u", "user": values}]}


def cluster(**values: Any) -> dict[str, Any]:
    return {"clusters": [{"name": "c", "cluster": {"server": "https://k8s.example", **values}}]}


def reveal(connection: Connection) -> str:
    token = connection.identity.present(NOW, renewed=False).token
    return "" if token is None else token.reveal()


def test_the_option_goes_before_the_environment(tmp_path: Path) -> None:
    make_kubeconfig(tmp_path)
    found = find({"kubeconfig": "config"}, tmp_path, KUBECONFIG="/nowhere")
    assert (found.server, found.namespace, reveal(found)) == ("https://k8s.example:6443", "ml", "t0ken")
    open_http(found, None).close()


def test_a_tilde_is_the_home_folder(tmp_path: Path) -> None:
    make_kubeconfig(tmp_path)
    assert reveal(find({"kubeconfig": "~/config"}, Path("/nowhere"), HOME=str(tmp_path))) == "t0ken"


def test_without_anything_it_is_kubectls_own_file(tmp_path: Path) -> None:
    (tmp_path / ".kube").mkdir()
    make_kubeconfig(tmp_path / ".kube")
    assert reveal(find({}, tmp_path, HOME=str(tmp_path), KUBECONFIG="")) == "t0ken"


def test_of_several_files_the_first_that_names_something_counts(tmp_path: Path) -> None:
    first = make_kubeconfig(tmp_path, name="first", clusters=None, **{"current-context": ""}, **user(token="first"))
    second = make_kubeconfig(tmp_path, name="second", **user(token="second"))
    found = find({}, tmp_path, KUBECONFIG=f"{tmp_path}/missing::{first}:{second}")
    assert (reveal(found), found.server) == ("first", "https://k8s.example:6443")


def test_another_context_can_be_chosen(tmp_path: Path) -> None:
    contexts = [{"name": "there", "context": {"cluster": "c", "user": "u"}}]
    path = make_kubeconfig(tmp_path, contexts=contexts)
    assert find({"kubeconfig": str(path), "context": "there"}, tmp_path).namespace == "default"


def test_certificates_may_stand_in_files_beside_it(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("authority")
    (tmp_path / "me.pem").write_text("chain")
    key = base64.b64encode(b"key").decode()
    identity = user(**{"client-certificate": "me.pem", "client-key-data": key})
    path = make_kubeconfig(
        tmp_path, **identity, **cluster(**{"certificate-authority": "ca.pem", "tls-server-name": "api.example"})
    )
    found = find({"kubeconfig": str(path)}, tmp_path)
    certificate = found.identity.present(NOW, renewed=False).certificate
    assert certificate is not None
    assert (certificate.chain, certificate.key.reveal()) == ("chain", "key")
    assert (found.authority, found.server_name) == ("authority", "api.example")


def test_a_token_may_stand_in_a_file_beside_it(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-file\n")
    path = make_kubeconfig(tmp_path, **user(tokenFile="token"))
    assert reveal(find({"kubeconfig": str(path)}, tmp_path)) == "from-file"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"current-context": ""}, "no current context", id="no context"),
        pytest.param({"current-context": "gone"}, "no context 'gone'", id="unknown context"),
        pytest.param({"users": []}, "no user 'u'", id="unknown user"),
        pytest.param({"clusters": "s3cret"}, r"clusters has another form", id="no list"),
        pytest.param(user(token=["s3cret"]), r"token has another form", id="token is not a text file"),
        pytest.param(user(username="me", password="s3cret"), "no token, client certificate", id="basic"),
        pytest.param(user(**{"client-key-data": "s3cret?"}), "not base64", id="no base64"),
        pytest.param(user(**{"client-key": "gone"}), "cannot be read", id="missing file"),
        pytest.param(user(exec={"command": "p", "interactiveMode": "Always"}), "wants a terminal", id="terminal"),
        pytest.param(cluster(server="http://k8s.example"), "plain http", id="plain http"),
        pytest.param(cluster(**{"insecure-skip-tls-verify": True}), "authenticated", id="unverified"),
        pytest.param(cluster(**{"proxy-url": "http://p"}), "proxy-url", id="proxy"),
    ],
)
def test_a_kubeconfig_that_can_not_be_used_is_refused_without_being_quoted(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    path = make_kubeconfig(tmp_path, **changes)
    with pytest.raises(InputError, match=message) as caught:
        find({"kubeconfig": str(path)}, tmp_path)
    assert "s3cret" not in f"{caught.value!r} {caught.value.advice}"


@pytest.mark.parametrize("content", [b"{s3cret: [", b"\xff\xfe s3cret"])
def test_what_is_no_kubeconfig_is_refused_without_being_quoted(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "config").write_bytes(content)
    with pytest.raises(InputError, match=r"is not YAML|is not a text file") as caught:
        find({"kubeconfig": "config"}, tmp_path)
    assert "s3cret" not in str(caught.value)


def test_a_pod_is_where_it_runs(tmp_path: Path) -> None:
    account = tmp_path / "account"
    account.mkdir()
    for name, text in {"token": "pod-token", "ca.crt": "authority", "namespace": "ml\n"}.items():
        (account / name).write_text(text)
    found = find({}, tmp_path, KUBERNETES_SERVICE_HOST="fd00::1", KUBERNETES_SERVICE_PORT="6443")
    assert (found.server, found.namespace, found.authority) == ("https://[fd00::1]:6443", "ml", "authority")
    (account / "namespace").unlink()
    (account / "token").write_text("renewed")
    assert reveal(found) == "renewed"
    assert find({}, tmp_path, KUBERNETES_SERVICE_HOST="10.0.0.1").namespace == "default"


def test_neither_kubeconfig_nor_pod_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no kubeconfig") as caught:
        find({}, tmp_path)
    assert "KUBECONFIG" in caught.value.advice


# identities


def make_plugin(tmp_path: Path, printed: str, *, status: int = 0) -> Plugin:
    script = (
        "import json, os, sys; from pathlib import Path; Path('runs').open('a').write('x'); "
        "asked = json.loads(os.environ['KUBERNETES_EXEC_INFO']); assert asked['kind'] == 'ExecCredential'; "
        f"assert 'ARIZE_API_KEY' not in os.environ; print({printed!r} % os.environ); sys.exit({status})"
    )
    settings = {
        "command": sys.executable,
        "args": ["-c", script],
        "env": [{"name": "ROLE", "value": "r0le"}],
        "apiVersion": "v1",
    }
    path = make_kubeconfig(tmp_path, **user(exec=settings))
    plugin = find({"kubeconfig": str(path)}, tmp_path, ARIZE_API_KEY="ak-own").identity
    assert isinstance(plugin, Plugin)
    return plugin


def runs(tmp_path: Path) -> int:
    return len((tmp_path / "runs").read_text())


def printed(**status: Any) -> str:
    return json.dumps({"apiVersion": "v1", "status": status}).replace("%", "%%").replace("ROLE", "%(ROLE)s")


def test_a_plugin_is_asked_again_when_its_token_ends_or_is_refused(tmp_path: Path) -> None:
    plugin = make_plugin(tmp_path, printed(token="ROLE", expirationTimestamp="2026-11-23T08:00:00Z"))
    token = plugin.present(NOW, renewed=False).token
    assert token is not None
    assert token.reveal() == "r0le"
    plugin.present(NOW, renewed=False)
    assert runs(tmp_path) == 1
    plugin.present(datetime(2026, 11, 23, 7, 59, 45, tzinfo=UTC), renewed=False)
    plugin.present(NOW, renewed=True)
    assert runs(tmp_path) == 3


def test_a_plugin_may_give_a_certificate_for_good(tmp_path: Path) -> None:
    plugin = make_plugin(tmp_path, printed(clientCertificateData="chain", clientKeyData="key"))
    presented = plugin.present(NOW, renewed=False)
    assert presented.token is None
    assert presented.certificate is not None
    assert presented.certificate.chain == "chain"
    plugin.present(NOW + timedelta(days=9), renewed=False)
    assert runs(tmp_path) == 1


@pytest.mark.parametrize(
    ("text", "status", "message"),
    [
        pytest.param("s3cret", 0, "printed no ExecCredential", id="no JSON"),
        pytest.param("[]", 0, "printed no ExecCredential", id="no object"),
        pytest.param('{"apiVersion": "v2", "s3cret": {}}', 0, "another version", id="another version"),
        pytest.param('{"apiVersion": "v1", "status": {}}', 0, "neither a token nor", id="nothing"),
        pytest.param('{"apiVersion": "v1", "status": {"token": "s3cret s3cret"}}', 0, "is not a token", id="two words"),
        pytest.param("s3cret", 3, "exit status 3", id="failed"),
    ],
)
def test_a_plugin_that_fails_is_told_without_its_words(tmp_path: Path, text: str, status: int, message: str) -> None:
    plugin = make_plugin(tmp_path, text, status=status)
    with pytest.raises(SinkDeniedError, match=message) as caught:
        plugin.present(NOW, renewed=False)
    assert "s3cret" not in f"{caught.value!r} {caught.value.advice}"


@pytest.mark.parametrize("content", [None, b"", b"two words", b"\xff"])
def test_a_token_file_without_a_token_is_told(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "token").write_bytes(content)
    with pytest.raises(SinkDeniedError, match="token"):
        TokenFile(tmp_path / "token").present(NOW, renewed=False)


# TLS


@contextmanager
def answering_with_tls(authority: trustme.CA) -> Iterator[int]:
    """Yield the port of a server that wants a client certificate, for the host ``api.example`` only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("api.example").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            subject = dict(pair for group in self.connection.getpeercert()["subject"] for pair in group)
            body = json.dumps(subject["commonName"]).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.enable_socket
def test_a_client_certificate_and_another_server_name_are_presented(tmp_path: Path) -> None:
    authority = trustme.CA()
    leaf = authority.issue_cert("me.example", common_name="me")
    encoded = {
        "client-certificate-data": leaf.cert_chain_pems[0].bytes(),
        "client-key-data": leaf.private_key_pem.bytes(),
    }
    values = {name: base64.b64encode(content).decode() for name, content in encoded.items()}
    trusted = base64.b64encode(authority.cert_pem.bytes()).decode()
    with answering_with_tls(authority) as port:
        server = {"server": f"https://127.0.0.1:{port}", "tls-server-name": "api.example"}
        path = make_kubeconfig(
            tmp_path, **user(**values), **cluster(**server, **{"certificate-authority-data": trusted})
        )
        connection = find({"kubeconfig": str(path)}, tmp_path)
        with open_http(connection, connection.identity.present(NOW, renewed=False).certificate) as client:
            answer = client.get(connection.server, extensions={"sni_hostname": connection.server_name})
    assert answer.json() == "me"


@pytest.mark.parametrize("authority", ["", "no certificate"])
def test_a_certificate_that_can_not_be_used_is_refused(tmp_path: Path, authority: str) -> None:
    values = {name: base64.b64encode(b"s3cret").decode() for name in ("client-certificate-data", "client-key-data")}
    found = find({"kubeconfig": str(make_kubeconfig(tmp_path, **user(**values)))}, tmp_path)
    presented = found.identity.present(NOW, renewed=False)
    connection = Connection(server=URL, identity=found.identity, authority=authority)
    with pytest.raises(InputError, match="can't be used") as caught:
        open_http(connection, presented.certificate)
    assert "s3cret" not in str(caught.value)


def test_a_sink_is_built_without_a_word_to_the_cluster(tmp_path: Path) -> None:
    make_kubeconfig(tmp_path)
    settings = make_sink_settings({"name": "arize-keys", "kubeconfig": "config"}, sink_type="kubernetes")
    sink = build(settings, surround(tmp_path, {}))
    assert isinstance(sink, SinkEngine)


def test_what_is_never_read_can_not_be_copied_from(tmp_path: Path) -> None:
    options: dict[str, Json] = {"name": "arize-keys", "write_only": True, "copy_from": True}
    with pytest.raises(InputError, match="can't be copied from"):
        build(make_sink_settings(options, sink_type="kubernetes"), surround(tmp_path, {}))

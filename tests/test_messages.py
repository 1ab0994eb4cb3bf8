"""A message says what happened, where, and what to do next: each kind through the real command line."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

COMMAND = Path(sys.executable).with_name("keyplan")
HEAD = "version: 1\nowner: ml\nid: k7f3a9c2\n"
MANIFEST = HEAD + 'sinks: {local: {type: file, path: "{name}.key"}}\nkeys: [{name: ci, key_type: user, sink: local}]\n'

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def keyplan(tmp_path: Path) -> Run:
    """Return what runs the installed command in a folder with a manifest."""
    (tmp_path / "keys.yaml").write_text(MANIFEST)

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        given = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "ARIZE_API_KEY": "ak-0123456789abcdef",
            **environment,
        }
        return subprocess.run(
            [COMMAND, *arguments],
            cwd=tmp_path,
            env={name: value for name, value in given.items() if value},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    return run


@contextmanager
def serve(status: int, content_type: str, body: bytes) -> Iterator[str]:
    """Yield host and port of a server that gives one answer to everything."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def free_port() -> int:
    """Return a port at which nothing listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@pytest.mark.enable_socket
def test_a_refused_connection_names_the_host_and_the_setting(keyplan: Run) -> None:
    host = f"127.0.0.1:{free_port()}"
    ended = keyplan("plan", ARIZE_API_HOST=host, ARIZE_API_SCHEME="http")
    assert ended.returncode == 5
    assert f"{host}: connection refused\n  hint: check provider.region or provider.base_url" in ended.stderr


def test_a_name_that_cannot_be_resolved_is_named(keyplan: Run) -> None:
    # RFC 6761, 6.4: a resolver answers for this name without asking anyone.
    ended = keyplan("plan", ARIZE_API_HOST="api.keyplan.invalid")
    assert ended.returncode == 5
    assert "api.keyplan.invalid: the host name cannot be resolved\n  hint: check provider.region or" in ended.stderr


@pytest.mark.parametrize("name", ["ARIZE_API_HOST", "ARIZE_SINGLE_HOST", "ARIZE_BASE_DOMAIN"])
def test_a_url_in_place_of_a_host_is_refused_with_the_form_that_is_expected(keyplan: Run, name: str) -> None:
    ended = keyplan("plan", **{name: "http://api.arize.com"})
    assert ended.returncode == 3
    assert f"error: {name} must be host[:port], not a URL\n  hint: set {name}=api.arize.com" in ended.stderr


@pytest.mark.enable_socket
def test_tls_to_a_plain_port_is_named(keyplan: Run) -> None:
    with serve(200, "application/json", b"{}") as host:
        ended = keyplan("plan", ARIZE_API_HOST=host)
    assert ended.returncode == 5
    assert f"{host}: the server does not speak TLS on this port\n  hint: check scheme and port of" in ended.stderr


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        pytest.param(
            (500, "application/json", b"{}"), ": 500 Internal Server Error\n  hint: try again later", id="status 500"
        ),
        pytest.param((502, "text/html", b"<html>bad</html>"), ": a web page came in place of an answer", id="HTML"),
    ],
)
def test_a_failing_server_is_named_with_a_next_step(
    keyplan: Run, tmp_path: Path, answer: tuple[int, str, bytes], said: str
) -> None:
    with serve(*answer) as host:
        provider = f"provider: {{base_url: 'http://{host}', api: beta, patience_seconds: 1}}\n"
        (tmp_path / "keys.yaml").write_text(MANIFEST + provider)
        ended = keyplan("plan")
    assert ended.returncode == 5
    assert f"{host}{said}" in ended.stderr
    assert "\n  hint: " in ended.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("plan", "--allow-deletes", "all"),
        ("plan", "--allow-missing", "1.5"),
        ("apply", "--parallelism", "many"),
        ("calendar", "--days", "week"),
        ("list", "--limit", "none"),
    ],
)
def test_an_amount_that_is_not_a_number_is_called_so(keyplan: Run, arguments: tuple[str, ...]) -> None:
    ended = keyplan(*arguments)
    assert ended.returncode == 64
    assert f"{arguments[2]!r} is not a number" in ended.stderr


def test_schema_without_a_name_prints_the_names(keyplan: Run) -> None:
    ended = keyplan("schema")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines()[:3] == ["manifest", "policy", "provider"]
    for name in ended.stdout.split():
        assert keyplan("schema", name).returncode == 0


VAULT = "sinks: {v: {type: vault, address: 'https://vault.invalid', path: 'a/{name}'%s}}\n"
KEY = "keys: [{name: ci, key_type: user, sink: v}]\n"


@pytest.mark.parametrize(
    ("text", "message", "fix"),
    [
        pytest.param(
            VAULT % "", "sink 'v': environment variable VAULT_TOKEN", ("option 'auth'", "sinks/vault"), id="usual"
        ),
        pytest.param(
            VAULT % ", auth: {method: token, token: {env: OTHER}}",
            "sink 'v': environment variable OTHER",
            ("option 'auth.token'", "sinks/vault"),
            id="named",
        ),
        pytest.param(
            "sinks: {v: {type: github-actions, token: {env: GH_T}, repository: a/b, name: '{name}'}}\n",
            "sink 'v': environment variable GH_T",
            ("option 'token'", "sinks/github-actions"),
            id="github",
        ),
        pytest.param(
            "sinks: {v: {type: file, path: '{name}'}}\nprovider: {credential: {env: OWN}}\n",
            "the provider: environment variable OWN",
            ("provider.credential", "manifest"),
            id="provider",
        ),
        pytest.param(
            "sinks: {v: {type: file, path: '{name}'}}\nledger: {type: postgres, dsn: {env: DSN}}\n",
            "the ledger: environment variable DSN",
            ("ledger.dsn", "ledgers"),
            id="ledger",
        ),
    ],
)
@pytest.mark.enable_socket
def test_a_credential_that_is_missing_names_its_user_the_setting_and_the_page(
    keyplan: Run, tmp_path: Path, text: str, message: str, fix: tuple[str, str]
) -> None:
    with serve(200, "application/json", b'{"api_keys": []}') as host:
        url = f"base_url: 'http://{host}', api: beta, patience_seconds: 1"
        provider = "" if "provider:" in text else f"provider: {{{url}}}\n"
        text = text.replace("provider: {", f"provider: {{{url}, ") if not provider else text
        (tmp_path / "keys.yaml").write_text(HEAD + text + provider + KEY)
        ended = keyplan("plan")
    assert ended.returncode == 3, ended.stderr
    assert f"error: {message} is not set\n  hint: set it, or name another credential with " in ended.stderr
    setting, page = fix
    assert setting in ended.stderr
    assert f"(see docs/{page}.md)" in ended.stderr
    assert (Path(__file__).parent.parent / f"docs/{page}.md").is_file()


def test_an_unknown_field_of_a_sink_comes_with_the_known_ones(keyplan: Run, tmp_path: Path) -> None:
    (tmp_path / "keys.yaml").write_text(MANIFEST.replace("path:", "pfad: x, path:"))
    ended = keyplan("validate")
    assert ended.returncode == 3
    assert "keys.yaml:4:29: field 'pfad' is unknown; known fields: copy_from, format, " in ended.stdout + ended.stderr


def test_a_sink_without_a_path_is_a_problem_and_not_a_bug(keyplan: Run, tmp_path: Path) -> None:
    (tmp_path / "keys.yaml").write_text(MANIFEST.replace(', path: "{name}.key"', ""))
    ended = keyplan("validate")
    assert ended.returncode == 3
    assert "field 'path' is missing" in ended.stdout + ended.stderr


def test_another_version_of_the_manifest_says_which_one_is_read(keyplan: Run, tmp_path: Path) -> None:
    (tmp_path / "keys.yaml").write_text(MANIFEST.replace("version: 1", "version: 2"))
    ended = keyplan("plan")
    assert ended.returncode == 3
    assert "keys.yaml:1:10: field 'version' must be 1: this keyplan reads manifests of version 1 only" in ended.stderr


def test_a_file_that_is_neither_plan_nor_manifest_is_called_so(keyplan: Run, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text("{}")
    ended = keyplan("apply", "plan.json")
    assert ended.returncode == 3
    assert (
        "error: plan.json is neither a saved plan nor a manifest\n  hint: save a plan with: keyplan plan"
        in ended.stderr
    )


@pytest.mark.parametrize("verb", ["apply", "show"])
def test_a_plan_file_that_is_missing_comes_with_the_command_that_saves_one(keyplan: Run, verb: str) -> None:
    ended = keyplan(verb, "plan.json")
    assert ended.returncode == 3
    assert "error: plan.json does not exist\n  hint: save a plan with: keyplan plan --out plan.json" in ended.stderr


@pytest.mark.parametrize("arguments", [("plan", "--out"), ("report", "--out")])
def test_a_directory_in_place_of_a_file_is_called_so(keyplan: Run, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    ended = keyplan(*arguments, str(tmp_path))
    assert ended.returncode == 3
    assert f"{tmp_path} is a directory, not a file" in ended.stderr

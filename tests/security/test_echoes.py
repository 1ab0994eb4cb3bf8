"""Servers and programs that repeat a secret: keyplan repeats it nowhere, whatever is wrong besides. Real processes."""

from __future__ import annotations

import base64
import html
import json
import os
import subprocess
import sys
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from e2e.terminal import COMMAND, Terminal

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]

UNMASKED = Path(__file__).with_name("unmasked.py")
TOKEN = "Tok/en+of-4711_\"q'uoted\\&<odd>%:,;=" + "Zx9" * 8
"""A character for each that an encoding changes, and of no shape that is known."""
HEAD = """\
version: 1
owner: e2e
provider: {{base_url: "{url}", api: beta, patience_seconds: 1}}
sinks:
  local: {sink}
defaults: {{sink: local}}
keys:
  - {{name: ci, key_type: user}}
"""
FILE = '{type: file, path: "secrets/{name}.key"}'


@dataclass(frozen=True)
class Said:
    """An answer."""

    status: int
    body: str
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"),)


def problem(text: str, status: int = 400) -> Said:
    return Said(status, json.dumps({"title": text, "detail": f"not for {text}"}))


def listing(**fields: object) -> Said:
    key = {
        "id": "QXBpS2V5OjE6YUFh",
        "name": "one",
        "key_type": "USER",
        "status": "ACTIVE",
        "created_at": "2026-01-01T00:00:00Z",
        "redacted_key": "ak-1...9xyz",
    }
    return Said(200, json.dumps({"api_keys": [{**key, **fields}], "pagination": {"has_more": False}}))


WAYS: dict[str, Callable[[str], Said]] = {
    "a problem": problem,
    "a problem of 401": lambda token: problem(token, 401),
    "a problem of 500": lambda token: problem(token, 500),
    "a problem that is cut": lambda token: problem("x" * 180 + token),
    "base64 of the header": lambda token: problem(base64.b64encode(f"Authorization: Bearer {token}".encode()).decode()),
    "base64 for URLs": lambda token: problem(base64.urlsafe_b64encode(f"{token}|{token}".encode()).decode()),
    "base64 in lines": lambda token: problem(base64.encodebytes(f"Bearer {token}".encode()).decode()),
    "percent": lambda token: problem(urllib.parse.quote(token, safe="")),
    "a form": lambda token: problem(urllib.parse.urlencode({"token": token})),
    "JSON in JSON": lambda token: problem(json.dumps({"token": token})),
    "HTML": lambda token: problem(f"<b>{html.escape(token)}</b>"),
    "a page of HTML": lambda token: Said(502, f"<html>{html.escape(token)}</html>", (("Content-Type", "text/html"),)),
    "no JSON": lambda token: Said(200, token),
    "a redirect": lambda token: Said(302, "", (("Location", f"https://evil.example/{urllib.parse.quote(token)}"),)),
    "headers": lambda token: Said(429, "", (("Retry-After", token), ("Content-Type", token))),
    "a name": lambda token: listing(name=token),
    "a part of a name": lambda token: listing(name=f"key of {token} here"),
    "an id": lambda token: listing(id=token),
    "a description": lambda token: listing(description=token),
    "a redacted form": lambda token: listing(redacted_key=token),
    "a status": lambda token: listing(status=token),
    "a type": lambda token: listing(key_type=token),
    "a time": lambda token: listing(created_at=token),
    "a user": lambda token: listing(created_by_user_id=token),
    "a cursor": lambda token: Said(
        200, json.dumps({"api_keys": [], "pagination": {"has_more": True, "next_cursor": token}})
    ),
    "a field": lambda token: Said(200, json.dumps({token: []})),
}
COMMANDS = (
    ("plan", "--format", "json"),
    ("doctor",),
)


@contextmanager
def echoing(answer: Callable[[str], Said]) -> Iterator[str]:
    """Give the URL of a server that answers all with what it makes of the token in the request."""

    class Echo(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            sent = self.headers.get("Authorization", "").removeprefix("Bearer ") or self.headers.get(
                "X-Vault-Token", ""
            )
            said = answer(sent)
            body = said.body.encode()
            self.send_response(said.status)
            for name, value in said.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def find_forms(token: str, text: str) -> list[str]:
    """Return which pieces of a token stand in a text, in any encoding that a reader would undo."""
    readings = [text, urllib.parse.unquote(text), html.unescape(text), text.replace("\\\\", "\\").replace('\\"', '"')]
    pieces = {token[at : at + 15] for at in range(len(token) - 14)}
    for before in ("", "x", "xx"):
        digits = base64.b64encode(f"{before}{token}".encode()).decode()
        pieces |= {digits[at : at + 16] for at in range(4, len(digits) - 19)}
    pieces |= {piece.translate(str.maketrans("+/", "-_")) for piece in pieces}
    return sorted(piece for piece in pieces if any(piece in reading for reading in readings))


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "ARIZE_API_KEY": TOKEN, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.parametrize("way", WAYS)
def test_the_search_finds_what_a_server_says_if_nothing_hides_it(way: str) -> None:
    said = WAYS[way](TOKEN)
    text = said.body + "".join(value for _, value in said.headers)
    if said.body.startswith("{") and (detail := json.loads(said.body).get("detail")):
        text = detail.replace("\n", "")
    assert find_forms(TOKEN, text)


@pytest.mark.parametrize("way", WAYS)
def test_what_a_provider_answers_shows_no_token(way: str, tmp_path: Path) -> None:
    with echoing(WAYS[way]) as url:
        (tmp_path / "keys.yaml").write_text(
            HEAD.replace("{sink}", FILE.replace("{", "{{").replace("}", "}}")).format(url=url)
        )
        for command in COMMANDS:
            done = run(tmp_path, *command, KEYPLAN_DEBUG="1")
            assert find_forms(TOKEN, done.stdout + done.stderr) == [], command
            assert "Traceback" not in done.stderr
            if "json" in command and done.stdout:
                json.loads(done.stdout)


LEAKY_SINK = """
import logging, os, sys, threading, warnings
from keyplan.plugin import *
OPTIONS = {"type": "object", "properties": {}, "additionalProperties": True}

class Sick:
    def __init__(self, secret):
        self.secret = secret
    def __del__(self):
        raise ValueError(self.secret)

def build(settings, context):
    from keyplan.model.manifest import FromEnvironment
    secret = context.resolve(FromEnvironment("LEAK")).reveal()
    def crash():
        raise ValueError("thread", secret)
    thread = threading.Thread(target=crash)
    thread.start()
    thread.join()
    Sick(secret)
    warnings.warn(f"warned {secret}")
    logging.getLogger("leaky").error("logged %s", secret)
    print("printed", secret)
    print("printed", secret, file=sys.stderr)
    for piece in ("pieces ", secret[:9], secret[9:20], secret[20:]):
        sys.stderr.write(piece)
    sys.stderr.write("\\n")
    context.say(f"said {secret}")
    if os.environ.get("EXIT"):
        raise SystemExit(f"exits {secret}")
    raise ValueError("breaks", secret)
"""


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    """Return a folder with a sink in it that leaks in each way that Python has."""
    site = tmp_path / "site"
    info = site / "leaky-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "leaky.py").write_text(LEAKY_SINK)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: leaky\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[keyplan.sinks]\nleaky = leaky\n")
    return site


@pytest.mark.parametrize("exits", ["", "1"], ids=["an exception", "an exit"])
def test_a_plugin_that_crashes_prints_and_warns_shows_no_secret(plugin: Path, tmp_path: Path, exits: str) -> None:
    leak = "leaked-by-a-plugin-0123456789"
    (tmp_path / "keys.yaml").write_text(HEAD.format(url="http://127.0.0.1:9", sink="{type: leaky}"))
    done = run(tmp_path, "plan", PYTHONPATH=str(plugin), LEAK=leak, EXIT=exits, KEYPLAN_DEBUG="1")
    said = done.stdout + done.stderr
    assert find_forms(leak, said) == []
    for word in ("warned", "logged", "printed", "pieces", "said", "thread", "ValueError"):
        assert f"{word}" in said, said
    assert said.count("(hidden)") >= 7


def test_a_program_that_repeats_its_input_shows_no_raw_key(beta: Terminal) -> None:
    (beta.folder / "store.sh").write_text(
        '#!/bin/sh\nread -r raw\necho "got $raw" >&2\nprintf %s "$raw" | base64 >&2\nprintf %s "$raw" > seen\nexit 1\n'
    )
    (beta.folder / "store.sh").chmod(0o700)
    (beta.folder / "keys.yaml").write_text(HEAD.format(url=beta.url, sink="{type: command, argv: [./store.sh]}"))
    done = beta.run("apply", "--auto-approve", "--json-lines", "events.jsonl", KEYPLAN_DEBUG="1")
    raw = (beta.folder / "seen").read_text()
    said = done.stdout + done.stderr + (beta.folder / "events.jsonl").read_text()
    assert "got (hidden)" in said
    assert find_forms(raw, said) == []


def test_a_vault_that_repeats_the_token_of_a_login_shows_none(beta: Terminal) -> None:
    pytest.importorskip("hvac")
    granted = "hvs.granted-by-the-login-0123456789"
    login = json.dumps({"auth": {"client_token": granted, "lease_duration": 3600}})
    # The name of a key, too, is text from a stranger, and it is shown.
    beta.call("POST", "api-keys", {"name": f"named {granted}", "key_type": "USER"})
    with echoing(lambda token: Said(404, '{"errors": []}') if token == granted else Said(200, login)) as url:
        auth = "auth: {method: approle, role_id: role-of-keyplan, secret_id: {env: SECRET_ID}}"
        sink = f"{{type: vault, address: '{url}', path: 'keys/ci', patience_seconds: 1, {auth}}}"
        (beta.folder / "keys.yaml").write_text(HEAD.format(url=beta.url, sink=sink))
        done = beta.run("plan", "--format", "json", "--no-preflight", SECRET_ID="secret-id-0123456789")
    assert "named (hidden)" in done.stdout, done.stderr
    assert find_forms(granted, done.stdout + done.stderr) == []


@pytest.mark.parametrize("without", ["-", "keyplan.net.aws:note_credential"], ids=["with the mask", "without it"])
def test_a_service_that_repeats_a_session_token_of_aws(beta: Terminal, without: str) -> None:
    pytest.importorskip("boto3")
    token = "SessionTokenOfARole0123456789"
    (beta.folder / "aws").write_text(
        f"[default]\naws_access_key_id = AKIA0\naws_secret_access_key = never-sent-0123\naws_session_token = {token}\n"
    )
    refusal = Said(400, json.dumps({"__type": token, "message": token}))
    with echoing(lambda _: refusal) as url:
        sink = f"{{type: aws-ssm, region: eu-west-1, endpoint_url: '{url}', name: /keys/ci, patience_seconds: 1}}"
        (beta.folder / "keys.yaml").write_text(HEAD.format(url=beta.url, sink=sink))
        done = subprocess.run(
            [sys.executable, UNMASKED, without, "plan"],
            cwd=beta.folder,
            env={**beta.environment, "AWS_SHARED_CREDENTIALS_FILE": str(beta.folder / "aws"), "HOME": str(beta.folder)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert "AWS" in done.stderr
    assert (find_forms(token, done.stdout + done.stderr) == []) is (without == "-"), done.stderr


def test_a_short_secret_is_used_and_said_not_to_be_hidden(tmp_path: Path) -> None:
    with echoing(lambda _: problem("no")) as url:
        (tmp_path / "keys.yaml").write_text(
            HEAD.replace("{sink}", FILE.replace("{", "{{").replace("}", "}}")).format(url=url)
        )
        done = run(tmp_path, "plan", ARIZE_API_KEY="root")
    assert "environment variable ARIZE_API_KEY holds fewer than 8 characters" in done.stderr


def test_the_password_of_a_proxy_is_shown_by_nothing(beta: Terminal) -> None:
    password = "pass-of-the-proxy-0123"
    beta.call("POST", "api-keys", {"name": f"is {password}", "key_type": "USER"})
    beta.write()
    done = beta.run("list", HTTPS_PROXY=f"http://keyplan:{password}@127.0.0.1:9", NO_PROXY="127.0.0.1")
    assert "is (hidden)" in done.stdout
    assert find_forms(password, done.stdout + done.stderr) == []

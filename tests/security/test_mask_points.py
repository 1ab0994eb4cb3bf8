"""No exit of a process lets a secret out, and each mask is needed: with any one taken out, a leak is seen.

Real processes. The secret stands where a stranger can put it: in a manifest, in the name of a key that another user
made, in the name of a file.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest
from e2e.terminal import Terminal

from keyplan.sandbox.options import SandboxOptions
from keyplan.sandbox.server import running

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]

SECRET = "Hidden-credential_of-4711-Team"
"""Of the shape of no raw key, or manifests with it would be refused at once."""
OTHER = "Another_secret-of-the-environment"
FOLDED = "Qx7-hidden-4711z"
ROOT = Path(__file__).parents[2]
UNMASKED = Path(__file__).with_name("unmasked.py")
NOTHING = "-"
HEAD = """\
version: 1
owner: e2e
provider: {{base_url: "{url}", api: beta, patience_seconds: 2}}
sinks:
  local: {{type: file, path: "secrets/one.key"}}
defaults: {{sink: local}}
keys:
"""
NAMED = HEAD + f"  - {{{{name: {SECRET}, key_type: user, description: 'Used by {SECRET}'}}}}\n"
CALM = HEAD + "  - {{name: ci, key_type: user}}\n"


@dataclass
class Runs:
    """Keyplan in a folder beside a sandbox, with one mask taken out."""

    terminal: Terminal
    without: str

    @property
    def folder(self) -> Path:
        return self.terminal.folder

    def write(self, manifest: str, name: str = "keys.yaml") -> None:
        (self.folder / name).write_text(manifest.format(url=self.terminal.url))

    def run(self, *arguments: str, **environment: str) -> str:
        """Return what a command said on both streams."""
        done = self.start(*arguments, **environment)
        out, err = done.communicate(timeout=60)
        return out + err

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, UNMASKED, self.without, *arguments],
            cwd=self.folder,
            env={**self.terminal.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def read(self, name: str) -> str:
        path = self.folder / name
        return path.read_text() if path.exists() else ""


def to_stdout(runs: Runs) -> str:
    runs.write(NAMED)
    return runs.run("plan")


def to_json(runs: Runs) -> str:
    runs.write(NAMED)
    return runs.run("plan", "--format", "json")


def to_stderr(runs: Runs) -> str:
    runs.write(CALM)
    return runs.run("rotate", f"user/{SECRET}x", "--auto-approve")


def to_files(runs: Runs) -> str:
    runs.write(NAMED)
    formats = ("json", "markdown", "github", "gitlab", "junit", "sarif")
    runs.run("plan", *(f"--format={name}=plan.{name}" for name in formats))
    return "".join(runs.read(f"plan.{name}") for name in formats)


def to_a_plan_file(runs: Runs) -> str:
    runs.write(NAMED)
    runs.run("plan", "--out", "plan.json")
    return runs.read("plan.json")


def to_a_manifest(runs: Runs) -> str:
    runs.terminal.call("POST", "api-keys", {"name": SECRET, "key_type": "USER"})
    runs.run("export", "--owner", "acme", "--out", "exported", "--base-url", runs.terminal.url)
    return runs.read("exported/keys.yaml")


def to_events(runs: Runs) -> str:
    runs.write(NAMED)
    runs.run("apply", "--auto-approve", "--json-lines", "events.jsonl")
    return runs.read("events.jsonl")


def to_metrics(runs: Runs) -> str:
    runs.write(NAMED)
    runs.terminal.apply()
    runs.run("drift", "--metrics-file", "keyplan.prom")
    return runs.read("keyplan.prom")


def to_a_step_summary(runs: Runs) -> str:
    runs.write(NAMED)
    runs.run("plan", "--format", "github", GITHUB_STEP_SUMMARY=str(runs.folder / "summary.md"))
    return runs.read("summary.md")


def to_a_webhook(runs: Runs) -> str:
    runs.write(NAMED)
    with listening() as (url, bodies):
        runs.run("drift", "--notify-always", "--notify", url)
        return b"".join(bodies).decode()


def to_a_page_of_probes(runs: Runs) -> str:
    runs.write(CALM)
    runs.write("version: 0\n", f"{SECRET}.yaml")
    return "".join(watched(runs, "/readyz", "keys.yaml", f"{SECRET}.yaml"))


def to_a_page_of_metrics(runs: Runs) -> str:
    runs.write(NAMED)
    runs.terminal.apply()
    return "".join(watched(runs, "/metrics", "keys.yaml"))


def to_a_calendar(runs: Runs) -> str:
    # `SUMMARY:user/` and the name: the line is folded in the middle of the secret.
    name = "x" * (75 - 13 - 8) + FOLDED
    runs.write(HEAD + f"  - {{{{name: {name}, key_type: user, expires_in: 30d}}}}\n")
    text = runs.run("calendar", "--days", "90", "--format", "ics", VAULT_TOKEN=FOLDED)
    return re.sub("\r?\n ", "", text).replace(FOLDED, SECRET)


def to_a_report(runs: Runs) -> str:
    runs.write(NAMED)
    runs.run("report")
    return runs.read("report.html")


def to_the_words_of_shells(runs: Runs) -> str:
    made = runs.terminal.call("POST", "api-keys", {"name": "ci", "key_type": "USER"})["id"]
    runs.write(CALM)
    runs.run("list", GITHUB_TOKEN=made, XDG_CACHE_HOME=str(runs.folder))
    return runs.read("keyplan/listing.json").replace(made, SECRET)


def from_the_environment(runs: Runs) -> str:
    runs.write(CALM)
    runs.terminal.call("POST", "api-keys", {"name": OTHER, "key_type": "USER"})
    return runs.run("list", GITHUB_TOKEN=OTHER).replace(OTHER, SECRET)


def from_a_file(runs: Runs) -> str:
    (runs.folder / "credential").write_text(SECRET)
    runs.write(NAMED.replace("api: beta", "api: beta, credential: {{file: credential}}"))
    return runs.run("plan", ARIZE_API_KEY="")


def from_the_provider(runs: Runs) -> str:
    runs.write(CALM)
    runs.terminal.apply()
    raw = (runs.folder / "secrets" / "one.key").read_text()
    runs.terminal.call("POST", "api-keys", {"name": raw, "key_type": "USER"})
    return runs.run("plan", "--format", "json").replace(raw, SECRET)


def to_apprise(runs: Runs) -> str:
    pytest.importorskip("apprise", reason="apprise comes with make sinks")
    runs.write(NAMED)
    with listening() as (url, bodies):
        runs.run("drift", "--notify-always", "--notify", url.replace("http:", "json:"))
        return b"".join(bodies).decode()


API = """
import keyplan
print(keyplan.render(keyplan.plan("keys.yaml")))
try:
    keyplan.plan("keys.yaml", rotate=["user/%sx"])
except keyplan.KeyplanError as error:
    print(repr(error), error.message, error.advice)
"""


def to_a_program(runs: Runs) -> str:
    runs.write(NAMED)
    (runs.folder / "program.py").write_text(API % SECRET)
    return runs.run("program.py")


def to_an_exported_text(runs: Runs) -> str:
    runs.terminal.call("POST", "api-keys", {"name": f"of {SECRET}", "key_type": "USER"})
    (runs.folder / "program.py").write_text('import keyplan\nprint(keyplan.export_keys("ml")[0].text)\n')
    host = runs.terminal.url.removeprefix("http://")
    return runs.run("program.py", ARIZE_API_HOST=host, ARIZE_API_SCHEME="http")


@contextmanager
def listening() -> Iterator[tuple[str, list[bytes]]]:
    bodies: list[bytes] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Hook) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/hook", bodies
        server.shutdown()


def watched(runs: Runs, page: str, *manifests: str) -> Iterator[str]:
    """Yield a page of a watch once it has looked, and nothing of its log."""
    watch = runs.start("watch", *manifests, "--listen", "127.0.0.1:0", "--apply", "nothing")
    assert watch.stderr
    try:
        for line in watch.stderr:
            if found := re.search(r"metrics on (127[0-9.]+:[0-9]+)", line):
                break
        assert found
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            text = httpx.get(f"http://{found[1]}{page}", timeout=10).text
            if re.search("hidden|[0-9]\\.yaml is not read|address=", text, re.IGNORECASE):
                yield text
                break
            time.sleep(0.2)
    finally:
        watch.kill()
        watch.communicate()


STREAMS = "keyplan.cli.masked_stream:hide"
EXITS: dict[str, tuple[Callable[[Runs], str], tuple[str, ...]]] = {
    "stdout": (to_stdout, (STREAMS,)),
    "json": (to_json, (STREAMS,)),
    "stderr": (to_stderr, (STREAMS,)),
    "files": (to_files, ("keyplan.cli.outputs:hide",)),
    "plan file": (to_a_plan_file, ("keyplan.cli.commands.plan:hide",)),
    "manifest": (to_a_manifest, ("keyplan.cli.commands.export:hide",)),
    "report": (to_a_report, ("keyplan.cli.commands.report:hide",)),
    "words of shells": (to_the_words_of_shells, ("keyplan.app.completions:hide",)),
    "events": (to_events, ("keyplan.cli.events:hide",)),
    "metrics": (to_metrics, ("keyplan.app.metrics:hide_in_strings",)),
    "step summary": (to_a_step_summary, ("keyplan.cli.github:hide",)),
    "webhook": (to_a_webhook, ("keyplan.app.notifications:hide_fields",)),
    "probes": (to_a_page_of_probes, ("keyplan.app.watch_pages:hide",)),
    "page of metrics": (to_a_page_of_metrics, ("keyplan.app.watch_pages:hide_in_strings",)),
    "calendar": (to_a_calendar, ("keyplan.renderers.machine.ics:hide",)),
    "apprise": (to_apprise, ("keyplan.app.notifications:hide",)),
    "Python API": (to_a_program, ("keyplan.app.api:hide", "keyplan.app.api_session:hide")),
    "exported text": (to_an_exported_text, ("keyplan.app.api_keys:hide",)),
    "environment": (from_the_environment, ("keyplan.app.wiring:note_environment",)),
    "credential": (from_a_file, ("keyplan.model.secret:note_credential",)),
    "provider": (from_the_provider, ("keyplan.model.secret:note_raw_key",)),
}
"""What a run writes there, and each mask that keeps a secret out of it."""


def produce(exit_: Callable[[Runs], str], folder: Path, without: str) -> str:
    with running(SandboxOptions(api="beta", credential=SECRET)) as sandbox:
        return exit_(Runs(Terminal(folder=folder, url=sandbox.url, credential=SECRET, api="beta"), without))


@pytest.mark.parametrize("name", EXITS)
def test_no_exit_lets_a_secret_out(name: str, tmp_path: Path) -> None:
    exit_, _ = EXITS[name]
    assert SECRET not in produce(exit_, tmp_path, NOTHING)


@pytest.mark.parametrize(("name", "point"), [(name, point) for name, (_, points) in EXITS.items() for point in points])
def test_with_a_mask_taken_out_a_leak_is_seen(name: str, point: str, tmp_path: Path) -> None:
    exit_, _ = EXITS[name]
    assert SECRET in produce(exit_, tmp_path, point)


WRITERS = ("save_new", "save_privately", "save_publicly")
WRITES_NO_SECRET = {
    "keyplan.cli.commands.demo": "the credential of a sandbox, which it makes for this file",
    "keyplan.cli.commands.init": "a template",
    "keyplan.cli.commands.schema": "a file of the package",
}


def walk_program() -> Iterator[tuple[str, ast.AST]]:
    """Yield each node of keyplan's source with the module that it is in."""
    for path in sorted((ROOT / "keyplan").rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        yield from ((module, node) for node in ast.walk(ast.parse(path.read_text())))


def test_each_module_that_writes_a_file_of_a_command_has_a_mask() -> None:
    writers = {
        module
        for module, node in walk_program()
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in WRITERS
    }
    masked = {point.partition(":")[0] for _, points in EXITS.values() for point in points}
    assert writers - masked == set(WRITES_NO_SECRET)


def test_each_mask_of_the_program_is_in_the_table() -> None:
    used = set()
    for module, node in walk_program():
        if isinstance(node, ast.ImportFrom) and node.module == "keyplan.model.mask":
            used |= {f"{module}:{name.name}" for name in node.names if name.name.startswith(("hide", "note_"))}
    tried = {point for _, points in EXITS.values() for point in points}
    # environment_secrets stands behind wiring, which is tried.
    assert used == (tried - {"keyplan.app.wiring:note_environment"}) | {
        "keyplan.app.environment_secrets:note_credential",
        # It asks whether a variable holds a secret, and shows none.
        "keyplan.app.secret_variables:hide",
        # test_echoes.py has a server that answers with the token.
        "keyplan.net.aws:note_credential",
    }

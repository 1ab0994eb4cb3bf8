"""A raw key exists in memory and in the sink, nowhere else: a canary is looked for wherever text can come out."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from threading import Thread

import pytest
from e2e.terminal import HEAD, TWO_KEYS, Terminal

from keyplan.model.secret import RawKey
from keyplan.sandbox.options import SandboxOptions
from keyplan.sandbox.server import running

CANARY = "ak-canary" + "7" * 44


def _fail_with(raw: RawKey) -> None:
    raise ValueError(raw)


def _in_traceback(raw: RawKey) -> str:
    try:
        _fail_with(raw)
    except ValueError as error:
        return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


def _in_log(raw: RawKey) -> str:
    return logging.LogRecord("keyplan", logging.DEBUG, __file__, 1, "key %s %r", (raw, raw), None).getMessage()


WAYS: dict[str, Callable[[RawKey], object]] = {
    "repr": repr,
    "str": str,
    "format": lambda raw: f"{raw} {raw!r} {raw:>99}",
    "percent": lambda raw: "%s %r" % (raw, raw),  # noqa: UP031 - loggers format so
    "in a container": lambda raw: str([raw, {"key": raw}]),
    "traceback with locals": _in_traceback,
    "log": _in_log,
    "pickle": pickle.dumps,
    "copy": lambda raw: copy.copy(raw).reveal(),
    "json": lambda raw: json.dumps(raw, default=str),
}


def find_leaks(raw: RawKey) -> list[str]:
    """Return the ways by which a raw key can be got out without `reveal`."""
    leaks = []
    for name, way in WAYS.items():
        try:
            shown = way(raw)
        except TypeError:
            continue
        if CANARY in (shown.decode(errors="replace") if isinstance(shown, bytes) else str(shown)):
            leaks.append(name)
    return leaks


def test_a_raw_key_comes_out_by_reveal_alone() -> None:
    assert find_leaks(RawKey(CANARY)) == []


class _Printed(RawKey):
    __slots__ = ()

    def __repr__(self) -> str:
        return self.reveal()


class _Converted(RawKey):
    __slots__ = ()

    def __str__(self) -> str:
        return self.reveal()


class _Formatted(RawKey):
    __slots__ = ()

    def __format__(self, format_spec: str) -> str:
        return format(self.reveal(), format_spec)


class _Pickled(RawKey):
    __slots__ = ()

    def __reduce__(self) -> tuple[type[RawKey], tuple[str]]:  # type: ignore[override]  # a mask removed on purpose
        return RawKey, (self.reveal(),)


@pytest.mark.parametrize("unmasked", [_Printed, _Converted, _Formatted, _Pickled])
def test_the_search_turns_red_when_one_mask_is_removed(unmasked: type[RawKey]) -> None:
    assert find_leaks(unmasked(CANARY)) != []


@pytest.mark.enable_socket
def test_no_raw_key_leaves_a_whole_run_but_into_its_sink(tmp_path: Path) -> None:
    with running(SandboxOptions(api="beta")) as sandbox:
        terminal = Terminal(folder=tmp_path, url=sandbox.url, credential=sandbox.credential, api="beta")
        terminal.write()
        runs = [
            terminal.run("plan", "--out", "plan.json", KEYPLAN_DEBUG="1"),
            terminal.run("apply", "plan.json", "--format", "json", KEYPLAN_DEBUG="1"),
            terminal.run("rotate", "user/ci", "--auto-approve", KEYPLAN_DEBUG="1"),
            terminal.run("doctor", KEYPLAN_DEBUG="1"),
            terminal.run("drift", "--verbose", KEYPLAN_DEBUG="1"),
            terminal.run("ledger", "history"),
            terminal.run("list", "--format", "csv"),
        ]
    secrets = [terminal.delivered("ci"), terminal.delivered("ingest"), sandbox.credential]
    said = "".join(run.stdout + run.stderr for run in runs)
    kept = [path for path in terminal.folder.rglob("*") if path.is_file() and path.suffix != ".key"]
    written = b"".join(path.read_bytes() for path in kept)
    assert [run.returncode for run in runs] == [0] * len(runs)
    assert {path.name for path in kept} >= {"plan.json", "ledger.db", ".ci.key.keyplan.json"}
    assert not [secret for secret in secrets if secret in said or secret.encode() in written]


FORMATS = ("json", "markdown", "github", "gitlab", "junit", "sarif")
SECRET_PATH = "hook-canary-5e2c"


@contextmanager
def hooked() -> Iterator[tuple[str, list[bytes]]]:
    """Give the URL of a webhook on this machine, and every body that it gets."""
    bodies: list[bytes] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204 if len(bodies) < 3 else 410)
            self.end_headers()

        def log_message(self, *_: object) -> None:  # it would write to stderr
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Hook) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://user:{SECRET_PATH}@127.0.0.1:{server.server_port}/{SECRET_PATH}?token={SECRET_PATH}", bodies
        server.shutdown()


def write_envs(terminal: Terminal) -> None:
    """Write two manifests whose drift is looked for with a credential of its own."""
    head = HEAD.format(url=terminal.url, api="beta").replace(
        "provider: {", "provider: {reader_credential: {env: READER}, "
    )
    for owner in ("prod", "test"):
        (terminal.folder / "envs" / owner).mkdir(parents=True)
        (terminal.folder / "envs" / owner / "keys.yaml").write_text(
            head.replace("owner: e2e", f"owner: {owner}") + TWO_KEYS
        )


@pytest.mark.enable_socket
def test_no_secret_comes_out_by_any_format_notice_metric_or_event(tmp_path: Path) -> None:
    with running(SandboxOptions(api="beta")) as sandbox, hooked() as (url, bodies):
        terminal = Terminal(folder=tmp_path, url=sandbox.url, credential=sandbox.credential, api="beta")
        write_envs(terminal)
        reader = str(terminal.call("POST", "api-keys", {"name": "reader", "key_type": "USER"})["key"])
        runner = {"GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"), "GITHUB_OUTPUT": str(tmp_path / "output.txt")}
        environment = {**runner, "READER": reader, "KEYPLAN_DEBUG": "1", "KEYPLAN_NOTIFY": url}

        def run(verb: str, *arguments: str) -> tuple[int, str]:
            files = [f"--format={name}={verb}.{name}" for name in FORMATS]
            done = terminal.run(verb, *arguments, "--format", "text", *files, **environment)
            return done.returncode, done.stdout + done.stderr

        watched = ("drift", "envs", "--verbose", "--notify-always", "--metrics-file", "keyplan.prom")
        runs = [
            run("validate", "envs"),
            run(*watched),
            run("plan", "envs", "--out", "plan.out", "--verbose"),
            run("apply", "plan.out", "--json-lines", "events.jsonl"),
            run("apply", "envs", "--auto-approve", "--verbose"),
            run(*watched),
            run(*watched),
            run(*watched, "--notify", f"json://{SECRET_PATH}"),
            run(*watched, "--notify", f"http://{SECRET_PATH}:nonsense/"),
        ]
    values = [path.read_text() for path in tmp_path.glob("envs/*/secrets/*.key")]
    secrets = [*values, sandbox.credential, reader, SECRET_PATH]
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".key"]
    everything = b"".join([*(path.read_bytes() for path in kept), *bodies, *(said.encode() for _, said in runs)])
    # Without apprise, its scheme is unknown; with it, nobody is there to be told.
    unknown_scheme = 1 if find_spec("apprise") else 3
    assert [status for status, _ in runs] == [0, 2, 0, 0, 0, 0, 1, unknown_scheme, 3], runs
    assert (len(values), len(bodies), len(kept) > 30) == (4, 3, True)
    assert [secret for secret in secrets if secret.encode() in everything] == []

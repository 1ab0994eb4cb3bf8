"""Known vulnerabilities are asked for each release of the lock files, and a missing answer is a failure."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from release.audit import AUDITED, write_requirements
from release.locks import LOCKS, REPOSITORY, read_locks, read_pins

ADVISORY = {
    "id": "PYSEC-2026-0001",
    "summary": "invented for a test",
    "affected": [
        {
            "package": {"name": "idna", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "9999"}]}],
        }
    ],
}


class Advisories(ThreadingHTTPServer):
    """A server on loopback with the interface of OSV: it notes what it is asked, and knows the given advisories."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.known: dict[str, Any] = {}
        self.status = 200
        self.asked: set[str] = set()


class Answer(BaseHTTPRequestHandler):
    """One question: a package and its version."""

    server: Advisories

    def do_POST(self) -> None:
        query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.add(f"{query['package']['name']}=={query['version']}")
        found = self.server.known.get(query["package"]["name"])
        body = json.dumps({"vulns": [found]} if found else {}).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def advisories() -> Iterator[Advisories]:
    """Return a running server."""
    with Advisories() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def audit(advisories: Advisories) -> subprocess.CompletedProcess[str]:
    """Return how an audit against a server ended."""
    url = f"http://127.0.0.1:{advisories.server_address[1]}/v1/query"
    argv = [sys.executable, "-m", "release.audit", "--vulnerability-service=osv", f"--osv-url={url}"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "tests"), "NO_PROXY": "127.0.0.1"}
    return subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=300, check=False)


def list_pins() -> set[str]:
    """Return every release that has to be asked for."""
    return {str(pin) for lock in AUDITED for pin in read_pins(read_locks(LOCKS)[lock])}


def test_each_release_is_written_once_and_without_its_marker() -> None:
    pins = [pin for lock in AUDITED for pin in read_pins(read_locks(LOCKS)[lock])]
    assert any(pin.marker for pin in pins)
    written = list(read_pins(write_requirements([*pins, *pins])))
    assert [pin.marker for pin in written] == [""] * len(written)
    assert sorted(map(str, written)) == sorted(list_pins())


@pytest.mark.release
@pytest.mark.enable_socket
def test_a_service_that_knows_of_nothing_was_asked_for_every_release(advisories: Advisories) -> None:
    done = audit(advisories)
    assert (done.returncode, "No known vulnerabilities found" in done.stderr) == (0, True), done.stderr
    assert advisories.asked == list_pins()


@pytest.mark.release
@pytest.mark.enable_socket
def test_a_known_vulnerability_fails_and_is_named(advisories: Advisories) -> None:
    advisories.known["idna"] = ADVISORY
    done = audit(advisories)
    assert (done.returncode, "PYSEC-2026-0001" in done.stdout) == (1, True), done.stderr


@pytest.mark.release
@pytest.mark.enable_socket
def test_a_service_that_does_not_answer_is_a_failure(advisories: Advisories) -> None:
    advisories.status = 503
    assert audit(advisories).returncode != 0

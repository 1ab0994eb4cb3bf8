"""Servers that run as processes of their own while a test does: on loopback, at a free port, ended by their number."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

_PATIENCE_SECONDS = 60
_PAUSE_SECONDS = 0.05


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody used a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def serving(
    argv: Sequence[str | Path],
    *,
    is_ready: Callable[[], bool],
    log: Path,
    environment: Mapping[str, str] | None = None,
    patience_seconds: float = _PATIENCE_SECONDS,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server while the block runs; enter it once the server is ready. What it prints goes into `log`."""
    with (
        log.open("ab") as output,
        subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=environment
        ) as process,
    ):
        try:
            await_ready(is_ready, process, log, patience_seconds)
            yield process
        finally:
            process.terminate()
            try:
                process.wait(_PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def await_ready(
    is_ready: Callable[[], bool],
    process: subprocess.Popen[bytes],
    log: Path,
    patience_seconds: float = _PATIENCE_SECONDS,
) -> None:
    """Return when the server is ready. Raises AssertionError where it ended, or takes too long."""
    deadline = time.monotonic() + patience_seconds
    while not is_ready():
        ended = process.poll()
        assert ended is None, f"the server ended with {ended}: {log.read_text()[-2000:]}"
        assert time.monotonic() < deadline, f"the server is not ready: {log.read_text()[-2000:]}"
        time.sleep(_PAUSE_SECONDS)


def listens(url: str) -> bool:
    """Whether something listens where a URL leads; for servers that have no better sign of being ready."""
    host, _, port = url.partition("://")[2].partition("/")[0].partition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=1):
            return True
    except OSError:
        return False

"""A package index on loopback that takes uploads: pypiserver, with a folder for its files."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PATIENCE_SECONDS = 30.0


@contextmanager
def serving_index(folder: Path) -> Iterator[str]:
    """Yield the address of an index that keeps uploads in a folder, and refuses a file that it has."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    url = f"http://127.0.0.1:{port}/"
    # Any name and password upload: there is no account here to protect.
    argv = [sys.executable, "-m", "pypiserver", "run", "--interface", "127.0.0.1", "--port", str(port)]
    with (folder.parent / "index.log").open("w") as log:
        process = subprocess.Popen(
            [*argv, "--authenticate", ".", "--passwords", ".", "--disable-fallback", str(folder)],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        _await(url, process)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=10)


def _await(url: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _PATIENCE_SECONDS
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while time.monotonic() < until and process.poll() is None:
        try:
            with opener.open(f"{url}health", timeout=2):
                return
        except urllib.error.URLError:
            time.sleep(0.1)
    raise TimeoutError("the package index did not start: its log is in .rehearsal/index.log")

"""Prism, which holds requests and answers against an OpenAPI description: found, or installed once by npm."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sinks.serving import free_port, listens, serving

VERSION = "5.14.2"
DESCRIPTION = Path(__file__).with_name("api.github.com.secrets.json")


def find_prism(folder: Path) -> Path:
    """Return the program: the one in PATH, else the one that npm puts into a folder. Skips the test without either."""
    if found := shutil.which("prism"):
        return Path(found)
    program = folder / "node_modules" / ".bin" / "prism"
    if not program.exists():
        _install(folder)
    return program


def _install(folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("Prism is missing: put `prism` into PATH, or node and npm, which install it")
    package = f"@stoplight/prism-cli@{VERSION}"
    options = ("--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder))
    done = subprocess.run([npm, "install", *options, package], capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        pytest.skip(f"Prism is missing: `npm install {package}` failed: {done.stderr[-300:]}")


@contextmanager
def proxying(upstream: str, *, program: Path, log: Path) -> Iterator[str]:
    """Yield the URL of a proxy; to what GitHub's description forbids it answers 422 (a request) or 500 (an answer)."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    argv = [program, "proxy", "--errors", "-h", "127.0.0.1", "-p", str(port), DESCRIPTION, upstream]
    with serving(argv, is_ready=lambda: listens(url), log=log):
        yield url

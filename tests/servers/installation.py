"""Environments of real servers, each of a fixed version, in `.servers`. `python -m servers.installation` makes them.

A server never shares an environment with keyplan: Phoenix alone brings more than a hundred packages. An environment is
made once for each version, and used again.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

ENVIRONMENTS = Path(__file__).resolve().parents[2] / ".servers"
REQUIRED = "KEYPLAN_PROVIDERS"
"""The variable with which `make providers` says that a missing server is a failure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A server as a package of one version."""

    name: str
    version: str
    requirement: str

    @property
    def folder(self) -> Path:
        """Where its environment is, or would be."""
        return ENVIRONMENTS / f"{self.name}-{self.version}"

    @property
    def is_installed(self) -> bool:
        """Whether its environment is complete."""
        return self._stamp.exists()

    def program(self, name: str) -> Path:
        """Return the path of a program of the environment. Skips the test without it, fails under `make providers`."""
        if not self.is_installed:
            reason = f"needs the server {self.name} {self.version}: make providers"
            if os.environ.get(REQUIRED):
                pytest.fail(reason)
            pytest.skip(reason)
        return self.folder / "bin" / name

    def install(self) -> None:
        """Make the environment unless it is complete."""
        if self.is_installed:
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        started = time.monotonic()
        # Byte code is written here once: compiling at the first start takes longer than the start.
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        uv = [sys.executable, "-m", "uv"]
        subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, self.folder], check=True)
        python = self.folder / "bin" / "python"
        pip = [*uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", python]
        subprocess.run([*pip, self.requirement], check=True, env=environment)
        self._stamp.touch()
        sys.stdout.write(f"{self.requirement}: installed in {time.monotonic() - started:.0f} s\n")

    @property
    def _stamp(self) -> Path:
        return self.folder / ".complete"


PHOENIX = Package(name="phoenix", version="20.26.1", requirement="arize-phoenix==20.26.1")
ZENML = Package(name="zenml", version="0.98.0", requirement="zenml[server]==0.98.0")


def main() -> None:
    """Install every server that is not installed."""
    for package in (PHOENIX, ZENML):
        package.install()


if __name__ == "__main__":
    main()

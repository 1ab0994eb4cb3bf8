"""The packages in `examples/`, installed beside a wheel of keyplan outside the source tree: plugins of others."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from timelapse import EXAMPLES

ROOT = EXAMPLES.parent
SECONDS = 120
_SUITE = ("pytest", "-q", "-p", "no:cacheprovider")


def run(*argv: str | Path, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a folder, with PATH and HOME alone of this process's environment."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        argv, cwd=folder, env=inherited | environment, capture_output=True, text=True, timeout=SECONDS, check=False
    )


@dataclass(frozen=True)
class Installed:
    """A Python that sees wheels of keyplan and of the package, and packages that others made: nothing of this tree."""

    site: Path
    package: Path
    """A copy of the package's sources."""

    @classmethod
    def make(cls, package: Path, factory: pytest.TempPathFactory) -> Installed:
        """Return keyplan and that package, each installed from a wheel that is built here."""
        wheels, site = factory.mktemp("wheels"), factory.mktemp("site")
        # From a copy: a build leaves things behind.
        copy = shutil.copytree(package, factory.mktemp("elsewhere") / "package")
        for source in (ROOT, copy):
            done = run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", wheels, folder=source)
            assert done.returncode == 0, done.stderr
        alone = ("--quiet", "--disable-pip-version-check", "--no-deps", "--no-index", "--target", site)
        done = run(sys.executable, "-m", "pip", "install", *alone, *sorted(wheels.iterdir()), folder=wheels)
        assert done.returncode == 0, done.stderr
        return cls(site, copy)

    def suite(self, *arguments: str, package: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run the package's own tests. An author has pytest, and none of the plugins that this project tests with."""
        folder = package or self.package
        return self(*_SUITE, *arguments, folder=folder, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")

    def __call__(self, *module: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a module. Without `site` no .pth file is read, which would lead to an editable keyplan."""
        paths = [str(self.site), *_list_packages()]
        return run(
            *(sys.executable, "-S", "-m", *module),
            folder=folder,
            PYTHONPATH=os.pathsep.join(paths),
            **environment,
        )


def _list_packages() -> Sequence[str]:
    """Return where this Python finds packages, without the folders of the source tree itself."""
    sources = {ROOT, ROOT / "tests"}
    return [path for path in sys.path if path and Path(path).is_dir() and Path(path) not in sources]


def find_imports(package: Path) -> frozenset[str]:
    """Return the modules of keyplan, and of packages whose names begin like it, that a package imports."""
    texts = [path.read_text() for path in package.rglob("*.py")]
    return frozenset(
        name for text in texts for name in re.findall(r"^\s*(?:from|import) (keyplan[\w.]*)", text, re.MULTILINE)
    )

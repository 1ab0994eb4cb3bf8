"""The example of a sink package, installed beside a wheel of keyplan outside the source tree: a plugin of its own.

It passes the contract there, and keyplan delivers real keys into it.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from timelapse import EXAMPLES

from keyplan.sandbox.options import SandboxOptions
from keyplan.sandbox.server import running

ROOT = EXAMPLES.parent
PACKAGE = EXAMPLES / "sink-package"
SECONDS = 120

pytestmark = pytest.mark.enable_socket


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


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Return both, each installed from a wheel that is built here."""
    wheels, site = tmp_path_factory.mktemp("wheels"), tmp_path_factory.mktemp("site")
    # From a copy: a build leaves things behind.
    package = shutil.copytree(PACKAGE, tmp_path_factory.mktemp("elsewhere") / "package")
    for source in (ROOT, package):
        done = run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", wheels, folder=source)
        assert done.returncode == 0, done.stderr
    alone = ("--quiet", "--disable-pip-version-check", "--no-deps", "--no-index", "--target", site)
    done = run(sys.executable, "-m", "pip", "install", *alone, *sorted(wheels.iterdir()), folder=wheels)
    assert done.returncode == 0, done.stderr
    return Installed(site, package)


def test_it_imports_of_keyplan_what_plugins_may_import_and_nothing_else() -> None:
    texts = [path.read_text() for path in PACKAGE.rglob("*.py")]
    imported = {
        name for text in texts for name in re.findall(r"^\s*(?:from|import) (keyplan[\w.]*)", text, re.MULTILINE)
    }
    assert imported <= {
        "keyplan.plugin",
        "keyplan.testing.samples",
        "keyplan.testing.sink_races",
        "keyplan.testing.sinks",
        "keyplan_sqlite_box",
    }
    assert "keyplan.plugin" in imported
    assert not any("contracts" in text or "samples import" in text.replace("testing.samples", "") for text in texts)


def test_nothing_of_the_source_tree_is_seen(installed: Installed, tmp_path: Path) -> None:
    (tmp_path / "where.py").write_text("import keyplan; print(keyplan.__file__)")
    assert Path(installed("where", folder=tmp_path).stdout.strip()).is_relative_to(installed.site)


def test_it_passes_the_contract_that_every_sink_passes(installed: Installed) -> None:
    # An author has pytest, and none of the plugins that this project tests with.
    done = installed(
        *("pytest", "-q", "-p", "no:cacheprovider"), folder=installed.package, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(re.findall(r"(\d+) passed", done.stdout)[0]) > 40


def test_a_failing_contract_shows_what_was_compared(installed: Installed, tmp_path: Path) -> None:
    package = shutil.copytree(installed.package, tmp_path / "package")
    tests = package / "tests" / "test_sqlite_box.py"
    tests.write_text(tests.read_text().replace("return found[0] if found else None", "return 'ak-broken'"))
    done = installed(
        *("pytest", "-q", "-p", "no:cacheprovider", "-k", "consumer"),
        folder=package,
        PYTEST_DISABLE_PLUGIN_AUTOLOAD="1",
    )
    assert done.returncode == 1
    assert re.search(r"E +- ak-canary0+\nE +\+ ak-broken\n", done.stdout), done.stdout


def test_keyplan_delivers_into_it_and_withdraws_from_it(installed: Installed, tmp_path: Path) -> None:
    manifest = (PACKAGE / "keys.yaml").read_text()
    with running(SandboxOptions()) as sandbox:
        environment = {"ARIZE_API_KEY": sandbox.credential}
        (tmp_path / "keys.yaml").write_text(f"{manifest}provider: {{base_url: '{sandbox.url}'}}\n")
        done = installed("keyplan", "apply", "--auto-approve", folder=tmp_path, **environment)
        assert "Apply complete! Resources: 1 added, 0 changed, 0 destroyed." in done.stdout, done.stderr
        (raw,) = read_box(tmp_path)
        answer = httpx.get(f"{sandbox.url}/v2/spaces", headers={"Authorization": f"Bearer {raw}"})
        assert answer.status_code == httpx.codes.OK
        assert installed("keyplan", "plan", "--detailed-exitcode", folder=tmp_path, **environment).returncode == 0
        (tmp_path / "keys.yaml").write_text(
            f"{manifest.partition('keys:')[0]}keys: []\nprovider: {{base_url: '{sandbox.url}'}}\n"
        )
        done = installed("keyplan", "apply", "--auto-approve", folder=tmp_path, **environment)
        assert done.returncode == 0, done.stderr
        assert read_box(tmp_path) == []


def test_without_the_package_its_type_is_unknown(tmp_path: Path) -> None:
    shutil.copy(PACKAGE / "keys.yaml", tmp_path)
    done = run(Path(sys.executable).with_name("keyplan"), "validate", folder=tmp_path)
    assert done.returncode == 3
    assert "sqlite-box" in done.stderr


def read_box(folder: Path) -> list[str]:
    """Return every raw key in the box."""
    with closing(sqlite3.connect(folder / "box.db")) as connection:
        return [value for (value,) in connection.execute("SELECT value FROM box")]

"""The example of a sink package, installed beside a wheel of keyplan outside the source tree: a plugin of its own.

It passes the contract there, and keyplan delivers real keys into it.
"""

from __future__ import annotations

import re
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from example_packages import Installed, find_imports, run
from timelapse import EXAMPLES

from keyplan.sandbox.options import SandboxOptions
from keyplan.sandbox.server import running

PACKAGE = EXAMPLES / "sink-package"

pytestmark = pytest.mark.enable_socket


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Return keyplan and the package, each from a wheel."""
    return Installed.make(PACKAGE, tmp_path_factory)


def test_it_imports_of_keyplan_what_plugins_may_import_and_nothing_else() -> None:
    texts = [path.read_text() for path in PACKAGE.rglob("*.py")]
    imported = find_imports(PACKAGE)
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
    done = installed.suite()
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(re.findall(r"(\d+) passed", done.stdout)[0]) > 40


def test_a_failing_contract_shows_what_was_compared(installed: Installed, tmp_path: Path) -> None:
    package = shutil.copytree(installed.package, tmp_path / "package")
    tests = package / "tests" / "test_sqlite_box.py"
    tests.write_text(tests.read_text().replace("return found[0] if found else None", "return 'ak-broken'"))
    done = installed.suite("-k", "consumer", package=package)
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

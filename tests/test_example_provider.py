"""The example of a provider package, installed beside a wheel of keyplan outside the source tree: a plugin of its own.

It passes the contract there, and keyplan creates, rotates and deletes keys at its server.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from example_packages import SECONDS, Installed, find_imports, run
from timelapse import EXAMPLES

PACKAGE = EXAMPLES / "provider-package"
ADMIN = "lk_admin-of-this-test"

pytestmark = pytest.mark.enable_socket


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Return keyplan and the package, each from a wheel."""
    return Installed.make(PACKAGE, tmp_path_factory)


@pytest.fixture
def url() -> Iterator[str]:
    """Return the address of a running server, started as the README does."""
    command = [sys.executable, str(PACKAGE / "server" / "latchkey_server.py")]
    with subprocess.Popen(command, env={"LATCHKEY_ADMIN_KEY": ADMIN}, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()
            server.wait(SECONDS)


def list_names(url: str) -> list[str]:
    """Return the name of every key at the server, sorted."""
    answer = httpx.get(f"{url}/keys", headers={"Authorization": f"Bearer {ADMIN}"}).json()
    assert answer["next"] is None or len(answer["keys"]) == 2
    rest = httpx.get(f"{url}/keys", params={"after": answer["next"]}, headers={"Authorization": f"Bearer {ADMIN}"})
    return sorted(key["name"] for key in [*answer["keys"], *(rest.json()["keys"] if answer["next"] else [])])


def is_accepted(url: str, raw: str) -> bool:
    """Whether the server accepts a raw key."""
    return httpx.get(f"{url}/caller", headers={"Authorization": f"Bearer {raw}"}).status_code == httpx.codes.OK


def test_it_imports_of_keyplan_what_plugins_may_import_and_nothing_else() -> None:
    imported = find_imports(PACKAGE)
    assert imported == {"keyplan.plugin", "keyplan.testing.providers", "keyplan.testing.samples", "keyplan_latchkey"}
    assert find_imports(PACKAGE / "server") == frozenset()


def test_it_is_as_small_as_the_page_says() -> None:
    said = re.findall(r"in about (\d+) lines", (EXAMPLES.parent / "docs" / "writing-a-provider.md").read_text())
    assert abs(len((PACKAGE / "keyplan_latchkey.py").read_text().splitlines()) - int(said[0])) < 10


def test_it_passes_the_contract_that_every_provider_passes(installed: Installed) -> None:
    done = installed.suite()
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(re.findall(r"(\d+) passed", done.stdout)[0]) > 30


def test_a_law_that_is_not_true_fails_the_contract(installed: Installed, tmp_path: Path) -> None:
    package = shutil.copytree(installed.package, tmp_path / "package")
    module = package / "keyplan_latchkey.py"
    module.write_text(module.read_text().replace("listing_proves_absence=True", "listing_proves_absence=False"))
    done = installed.suite(package=package)
    assert done.returncode == 1
    assert "test_a_complete_listing_proves_absence_by_law_alone" in done.stdout


def test_keyplan_creates_rotates_and_removes_its_keys(installed: Installed, tmp_path: Path, url: str) -> None:
    manifest = (PACKAGE / "keys.yaml").read_text().replace("http://127.0.0.1:8099", url)
    (tmp_path / "keys.yaml").write_text(manifest)

    def keyplan(*arguments: str, status: int = 0) -> str:
        done = installed("keyplan", *arguments, folder=tmp_path, LATCHKEY_ADMIN_KEY=ADMIN)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    said = keyplan("validate") + keyplan("plan", "--detailed-exitcode", status=2)
    said += keyplan("apply", "--auto-approve")
    assert "Apply complete! Resources: 2 added, 0 changed, 0 destroyed." in said
    first, other = ((tmp_path / "secrets" / f"{name}.key").read_text().strip() for name in ("ci", "ingest"))
    assert is_accepted(url, first)
    assert is_accepted(url, other)
    keyplan("plan", "--detailed-exitcode")

    said += keyplan("rotate", "api/ci", "--auto-approve")
    second = (tmp_path / "secrets" / "ci.key").read_text().strip()
    assert second != first
    assert is_accepted(url, first)
    assert is_accepted(url, second)
    assert list_names(url) == ["ci", "ci", "ingest"]

    (tmp_path / "keys.yaml").write_text(manifest.replace("description: Builds", "description: Nightly builds"))
    said += keyplan("apply", "--auto-approve")
    assert (tmp_path / "secrets" / "ci.key").read_text().strip() == second

    (tmp_path / "keys.yaml").write_text(f"{manifest.partition('keys:')[0]}keys: []\n")
    said += keyplan("apply", "--auto-approve", "--allow-deletes", "3")
    assert list_names(url) == []
    assert not any(is_accepted(url, raw) for raw in (first, second, other))
    assert list((tmp_path / "secrets").iterdir()) == []
    assert not any(raw in said for raw in (first, second, other, ADMIN))


def test_without_the_package_its_type_is_unknown(tmp_path: Path) -> None:
    shutil.copy(PACKAGE / "keys.yaml", tmp_path)
    done = run(Path(sys.executable).with_name("keyplan"), "validate", folder=tmp_path)
    assert done.returncode == 3
    assert "latchkey" in done.stderr

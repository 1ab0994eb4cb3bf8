"""The ways to install keyplan that pages show, typed in a copy of the checkout with a home of its own: `make dist`."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from documentation.shell_blocks import ROOT, Command, read_page
from documentation.shell_reader import ShellReader
from documentation.shell_rows import ROWS, Here
from e2e.terminal import Terminal
from sinks.serving import free_port

import keyplan

PAGES = sorted(page for page, rows in ROWS.items() if any(Here.INSTALLED in row.values() for row in rows.values()))
_FROM_OUTSIDE = re.compile(r"(?:PIP|UV)_\w+|(?:HTTPS?|ALL|NO)_PROXY|SSL_CERT_\w+|REQUESTS_CA_BUNDLE", re.IGNORECASE)
"""What says how packages are reached from here."""
_INSTALLS = re.compile(r"(?P<folder>\S*/)?(?:pip|pipx|uv tool) install (?:--no-\S+ )*'?[./]")
"""An installation of the checkout, with the folder of the program that does it."""


class InstallingReader(ShellReader):
    """Types each way to install keyplan in a home without any other, and looks whether the command is there."""

    def type_command(self, command: Command) -> None:
        """Type a command; after an installation, `keyplan` has to be the one of the checkout."""
        shutil.rmtree(self.home)
        self.home.mkdir()
        super().type_command(command)
        if installs := _INSTALLS.search(command.text):
            shown = self.start("bash", "-c", f"{installs['folder'] or ''}keyplan --version")
            assert (shown.returncode, shown.stdout.split()[-1]) == (0, keyplan.__version__), shown.stdout


@pytest.fixture(scope="session")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the programs pipx and uv, in an environment of their own."""
    folder = tmp_path_factory.mktemp("tools")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True, timeout=120)
    subprocess.run([folder / "bin" / "pip", "install", "--quiet", "pipx", "uv"], check=True, timeout=300)
    return folder / "bin"


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder in which pip, pipx and uv keep what they fetched."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def reader(tmp_path: Path, tools: Path, cache: Path) -> Iterator[ShellReader]:
    """Return a reader in a copy of what git keeps, in an active environment without keyplan."""
    folder, active = tmp_path / "work", tmp_path / "active"
    for name in subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    uv = [tools / "uv", "venv", "--quiet", "--seed", "--cache-dir", cache / "uv", "--python", sys.executable]
    subprocess.run([*uv, active], check=True, timeout=120)
    terminal = Terminal(folder=folder, url="http://127.0.0.1:1", credential="none", api="beta")
    reader = InstallingReader(terminal, Here.INSTALLED)
    reader.variables = {
        **{name: value for name, value in os.environ.items() if _FROM_OUTSIDE.fullmatch(name)},
        **{name: value for name, value in reader.variables.items() if not name.startswith("ARIZE_")},
        "PATH": f"{active / 'bin'}:{reader.home / '.local' / 'bin'}:{tools}:/usr/bin:/bin",
        "PIP_CACHE_DIR": str(cache / "pip"),
        "UV_CACHE_DIR": str(cache / "uv"),
    }
    yield reader
    reader.kill_running()


@pytest.mark.release
@pytest.mark.enable_socket
@pytest.mark.parametrize("page", PAGES)
def test_every_way_to_install_it_that_a_page_shows_installs_it(page: str, reader: ShellReader, tmp_path: Path) -> None:
    opt, etc = tmp_path / "opt-keyplan", tmp_path / "etc-keyplan"
    places = {
        "/path/to/checkout": str(reader.folder),
        "/opt/keyplan": str(opt),
        "/etc/keyplan": str(etc),
        "--port 8080": f"--port {free_port()}",
    }
    text = read_page(page)
    if page.startswith("examples/"):
        reader.folder /= Path(page).parent
    reader.follow_page(page, replaced={old: new for old, new in places.items() if old in text})
    reader.end_running()
    assert reader.said != []


def test_what_is_installed_is_typed_from_every_page_that_shows_it() -> None:
    assert PAGES == [
        "README.md",
        "docs/installation.md",
        "docs/start/first-ten-minutes.md",
        "examples/systemd/README.md",
    ]

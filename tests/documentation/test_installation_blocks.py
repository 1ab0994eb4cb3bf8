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
from keyplan.sandbox.options import SandboxOptions
from keyplan.sandbox.server import running

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


SYSTEMD = "examples/systemd/README.md"
_SYSTEMD_RUN = """\
#!/bin/sh
# What of systemd-run an apply needs: its variables, and the command.
while :; do
  case $1 in
    --setenv=*) export "${1#--setenv=}" ;;
    -*) ;;
    *) exec "$@" ;;
  esac
  shift
done
"""


@pytest.mark.release
@pytest.mark.enable_socket
def test_the_page_of_the_unit_installs_and_applies_what_the_unit_then_watches(
    reader: ShellReader, tmp_path: Path
) -> None:
    """Without systemd and root: a program in place of systemd-run, and folders of the test."""
    etc, state, stand_ins = tmp_path / "etc-keyplan", tmp_path / "var-lib-keyplan", tmp_path / "stand-ins"
    checkout = reader.folder
    reader.folder /= Path(SYSTEMD).parent
    state.mkdir()
    stand_ins.mkdir()
    (stand_ins / "systemd-run").write_text(_SYSTEMD_RUN)
    (stand_ins / "systemd-run").chmod(0o755)
    manifest = reader.folder / "keys.yaml"
    text = manifest.read_text().replace("/run/credentials/keyplan-watch.service", str(etc))
    manifest.write_text(text.replace("/var/lib/keyplan", str(state)))
    with running(SandboxOptions(api="beta")) as sandbox:
        reader.variables |= {
            "PATH": f"{stand_ins}:{reader.variables['PATH']}",
            "ARIZE_API_HOST": sandbox.url.removeprefix("http://"),
            "ARIZE_API_SCHEME": "http",
        }
        _, apply = ROWS[SYSTEMD]
        reader.follow_page(
            SYSTEMD,
            replaced={
                "/path/to/checkout": str(checkout),
                "/opt/keyplan": str(tmp_path / "opt-keyplan"),
                "/etc/keyplan": str(etc),
                "/var/lib/keyplan": str(state),
            },
            before={apply: lambda: (etc / "ARIZE_API_KEY").write_text(sandbox.credential)},
        )
    assert "Apply complete! Resources: 1 added" in reader.said[-1]
    assert (state / "ledger.db").exists()
    assert (state / "secrets" / "ingest.env").read_text().startswith("ARIZE_API_KEY=")


@pytest.mark.release
@pytest.mark.enable_socket
@pytest.mark.parametrize("page", [page for page in PAGES if page != SYSTEMD])
def test_every_way_to_install_it_that_a_page_shows_installs_it(page: str, reader: ShellReader, tmp_path: Path) -> None:
    places = {"/opt/keyplan": str(tmp_path / "opt-keyplan"), "--port 8080": f"--port {free_port()}"}
    text = read_page(page)
    reader.follow_page(page, replaced={old: new for old, new in places.items() if old in text})
    reader.end_running()
    assert reader.said != []


def test_what_is_installed_is_typed_from_every_page_that_shows_it() -> None:
    assert PAGES == [
        "README.md",
        "docs/installation.md",
        "docs/start/first-ten-minutes.md",
        SYSTEMD,
    ]

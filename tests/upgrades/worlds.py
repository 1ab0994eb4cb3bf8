"""What a version of keyplan leaves behind, as files: manifests, ledgers, receipts beside secrets, plans and reports.

`make worlds` writes the worlds of this version anew, below `worlds/`; it is run on purpose only, when a
version is prepared for a release or a stored form was changed knowingly. The servers in them are sandboxes, and so are
their raw keys: no other server knows them.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from e2e.terminal import Terminal

import keyplan
from keyplan.sandbox.options import SandboxOptions
from keyplan.sandbox.server import running

WORLDS = Path(__file__).with_name("worlds")
PLACEHOLDERS = {"main": "http://main.example.com", "eu": "http://eu.example.com"}
"""In place of the addresses of the servers, whose ports are others each time."""
_LEDGER = ".keyplan/ledger.db"
DIALECTS = {"main": "alpha", "eu": "beta"}
_CREDENTIALS = {"main": f"ak-sandbox-main-{'m' * 32}", "eu": f"ak-sandbox-eu-{'e' * 32}"}
_HEAD = """\
version: 1
owner: upgrades
id: k7f3a9c2
ledger: {{type: sqlite, path: .keyplan/ledger.db}}
providers:
  main: {{type: arize, base_url: "{main}", api: alpha, patience_seconds: 5}}
  eu: {{type: arize, base_url: "{eu}", api: beta, patience_seconds: 5, credential: {{env: EU_ARIZE_API_KEY}}}}
sinks:
  plain: {{type: file, path: "secrets/{{name}}.key"}}
  dotenv: {{type: file, path: "secrets/all.env", format: dotenv, variable: "{{name}}"}}
  json: {{type: file, path: "secrets/all.json", format: json, variable: "{{name}}"}}
defaults: {{provider: main, sink: plain, rotation: {{overlap: 3000d}}}}
keys:
"""
_PLAIN = "  - {name: ci, key_type: user, description: Used by CI}\n"
_EVERYWHERE = "  - {name: everywhere, key_type: user, sink: [plain, dotenv, json], protect: true}\n"
_ROTATED = "  - {name: rotated, key_type: user, rotation: {overlap: 3000d, generation: %d}}\n"
_FURTHER = (
    "  - {name: ingest, key_type: service, space: production, provider: eu,"
    " expires_at: 2099-01-01T00:00:00Z, rotation: {overlap: 0s}}\n"
)
_FORGOTTEN = "  - {name: forgotten, key_type: user, on_remove: forget}\n"
_PENDING = "  - {name: pending, key_type: user}\n"
SETTLED = _PLAIN + _EVERYWHERE + _ROTATED % 2 + _FURTHER


@dataclass(kw_only=True)
class Servers(Terminal):
    """A terminal with the credentials of both servers of a world."""

    eu: Terminal

    @property
    def environment(self) -> dict[str, str]:
        """Return both credentials, each in its own variable."""
        return {**super().environment, "EU_ARIZE_API_KEY": self.eu.credential}

    @property
    def urls(self) -> Mapping[str, str]:
        """Return the addresses by the names of the providers."""
        return {"main": self.url, "eu": self.eu.url}

    def declare(self, keys: str) -> None:
        """Write keys.yaml."""
        (self.folder / "keys.yaml").write_text(_HEAD.format(**self.urls) + keys)

    def must(self, *arguments: str, status: int = 0) -> str:
        """Return what a command says, which has to end with a status."""
        done = self.run(*arguments)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout


@contextmanager
def serving(folder: Path) -> Iterator[Servers]:
    """Yield a terminal in a folder, with both servers on the states that are in it."""
    options = {
        name: SandboxOptions(
            api="alpha" if dialect == "alpha" else "beta", state=folder / f"{name}.db", credential=_CREDENTIALS[name]
        )
        for name, dialect in DIALECTS.items()
    }
    with running(options["main"]) as main, running(options["eu"]) as eu:
        further = Terminal(folder=folder, url=eu.url, credential=_CREDENTIALS["eu"], api="beta")
        yield Servers(folder=folder, url=main.url, credential=_CREDENTIALS["main"], api="alpha", eu=further)


def write_worlds(target: Path) -> None:
    """Write the worlds of this version into a folder: one in which all is done, and one in which a run was killed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with serving(folder) as servers:
            servers.declare(_PLAIN + _EVERYWHERE + _ROTATED % 1 + _FURTHER + _FORGOTTEN)
            servers.must("apply", "--auto-approve")
            servers.declare(SETTLED)
            servers.must("apply", "--auto-approve", "--format", "text", "--format", "json=report.json")
            servers.must("plan", "--detailed-exitcode")
            servers.declare(SETTLED + _PENDING)
            servers.must("plan", "--out", "plan.json")
            servers.declare(SETTLED)
            _save(folder, target / "settled", servers.urls)
            servers.declare(SETTLED + _PENDING)
            # The key is made, and its raw key is lost: an open intent is all that knows of it.
            servers.break_requests("POST", "/v2/api-keys$", action="delay", nth=1, seconds=60, when="after")
            killed = servers.start("apply", "--auto-approve")
            servers.await_held()
            killed.kill()
            killed.communicate()
            _save(folder, target / "interrupted", servers.urls)


@contextmanager
def opening(world: Path, folder: Path) -> Iterator[Servers]:
    """Yield a terminal in a copy of a world, with both servers as they were left."""
    for path in sorted(world.rglob("*")):
        place = folder / path.relative_to(world)
        if path.is_dir():
            place.mkdir(mode=0o700)
        else:
            shutil.copyfile(path, place)
            # A repository does not keep modes, and keyplan refuses what others may read or write.
            place.chmod(0o600)
    with serving(folder) as servers:
        (folder / ".keyplan").mkdir(mode=0o700)
        shutil.move(folder / "ledger.db", folder / _LEDGER)
        _change_addresses(folder, folder / _LEDGER, {PLACEHOLDERS[name]: url for name, url in servers.urls.items()})
        yield servers


def _save(folder: Path, target: Path, urls: Mapping[str, str]) -> None:
    """Copy what a run left behind, with placeholders for the addresses of the servers."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for name in ("keys.yaml", "plan.json", "report.json"):
        shutil.copyfile(folder / name, target / name)
    shutil.copytree(folder / "secrets", target / "secrets")
    for place, name in (("main.db", "main.db"), ("eu.db", "eu.db"), (_LEDGER, "ledger.db")):
        # As SQLite copies a database that is open, and without unused pages, whose bytes say nothing.
        with closing(sqlite3.connect(folder / place)) as source, closing(sqlite3.connect(target / name)) as copy:
            source.backup(copy)
            copy.execute("VACUUM")
    _change_addresses(target, target / "ledger.db", {url: PLACEHOLDERS[name] for name, url in urls.items()})


def _change_addresses(folder: Path, ledger_file: Path, changed: Mapping[str, str]) -> None:
    """Replace the servers' addresses in manifest and ledger, but not in what a digest covers: plan and history."""
    manifest = folder / "keys.yaml"
    for old, new in changed.items():
        manifest.write_text(manifest.read_text().replace(old, new))
    with closing(sqlite3.connect(ledger_file)) as ledger, ledger:
        for old, new in changed.items():
            ledger.execute("UPDATE meta SET value = replace(value, ?, ?)", (old, new))
            for table in ("receipts", "intents"):
                ledger.execute(f"UPDATE {table} SET document = replace(document, ?, ?)", (old, new))  # noqa: S608 - two fixed names


if __name__ == "__main__":
    write_worlds(WORLDS / keyplan.__version__)

"""What a version of keyplan leaves behind, as files: manifests, ledgers, receipts beside secrets, plans and reports.

`make worlds` writes the worlds of this version anew, below `worlds/`, the same ones for each ledger; it is run on
purpose only, when a version is prepared for a release or a stored form was changed knowingly. The servers in them are
sandboxes, and so are their raw keys: no other server knows them.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from e2e.terminal import Terminal
from upgrades.in_sqlite import copy_database
from upgrades.ledgers import LEDGERS, WorldLedger, serving_ledgers

import keyplan
from keyplan.sandbox.options import SandboxOptions
from keyplan.sandbox.server import running

WORLDS = Path(__file__).with_name("worlds")
PLACEHOLDERS = {"main": "http://main.example.com", "eu": "http://eu.example.com"}
"""In place of the addresses of the servers, whose ports are others each time."""
_FILES = ("keys.yaml", "applied.json", "plan.json", "report.json")
DIALECTS = {"main": "alpha", "eu": "beta"}
_CREDENTIALS = {"main": f"ak-sandbox-main-{'m' * 32}", "eu": f"ak-sandbox-eu-{'e' * 32}"}
_HEAD = """\
version: 1
owner: upgrades
id: k7f3a9c2
ledger: {ledger}
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
    """A terminal with the credentials of both servers of a world, and its ledger."""

    eu: Terminal
    ledger: WorldLedger

    @property
    def environment(self) -> dict[str, str]:
        """Return both credentials, each in its own variable, and what the ledger needs."""
        return {**super().environment, "EU_ARIZE_API_KEY": self.eu.credential, **self.ledger.environment}

    @property
    def urls(self) -> Mapping[str, str]:
        """Return the addresses by the names of the providers."""
        return {"main": self.url, "eu": self.eu.url}

    def declare(self, keys: str) -> None:
        """Write keys.yaml."""
        (self.folder / "keys.yaml").write_text(_HEAD.format(ledger=self.ledger.declared, **self.urls) + keys)

    def must(self, *arguments: str, status: int = 0) -> str:
        """Return what a command says, which has to end with a status."""
        done = self.run(*arguments)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout


@contextmanager
def serving(folder: Path, ledger: WorldLedger) -> Iterator[Servers]:
    """Yield a terminal in a folder, with both servers on the states that are in it."""
    options = {
        name: SandboxOptions(
            api="alpha" if dialect == "alpha" else "beta", state=folder / f"{name}.db", credential=_CREDENTIALS[name]
        )
        for name, dialect in DIALECTS.items()
    }
    with running(options["main"]) as main, running(options["eu"]) as eu:
        further = Terminal(folder=folder, url=eu.url, credential=_CREDENTIALS["eu"], api="beta")
        yield Servers(
            folder=folder, url=main.url, credential=_CREDENTIALS["main"], api="alpha", eu=further, ledger=ledger
        )


def write_worlds(target: Path, ledger: WorldLedger) -> None:
    """Write the worlds of this version into a folder: one in which all is done, and one in which a run was killed."""
    with tempfile.TemporaryDirectory() as name, serving(Path(name), ledger) as servers:
        servers.declare(_PLAIN + _EVERYWHERE + _ROTATED % 1 + _FURTHER + _FORGOTTEN)
        servers.must("apply", "--auto-approve")
        servers.declare(SETTLED)
        servers.must("plan", "--out", "applied.json")
        servers.must("apply", "applied.json", "--format", "text", "--format", "json=report.json")
        servers.must("plan", "--detailed-exitcode")
        servers.declare(SETTLED + _PENDING)
        servers.must("plan", "--out", "plan.json")
        servers.declare(SETTLED)
        _save(servers, target / "settled")
        servers.declare(SETTLED + _PENDING)
        # The key is made, and its raw key is lost: an open intent is all that knows of it.
        servers.break_requests("POST", "/v2/api-keys$", action="delay", nth=1, seconds=60, when="after")
        killed = servers.start("apply", "--auto-approve")
        servers.await_held()
        killed.kill()
        killed.communicate()
        _save(servers, target / "interrupted")


@contextmanager
def opening(world: Path, folder: Path, ledger: WorldLedger) -> Iterator[Servers]:
    """Yield a terminal in a copy of a world, with both servers as they were left."""
    for name in (*_FILES, *(f"{server}.db" for server in DIALECTS)):
        _copy_closed(world / name, folder / name)
    (folder / "secrets").mkdir(mode=0o700)
    for path in (world / "secrets").iterdir():
        _copy_closed(path, folder / "secrets" / path.name)
    with serving(folder, ledger) as servers:
        changed = {PLACEHOLDERS[name]: url for name, url in servers.urls.items()}
        ledger.load(world, folder, changed)
        _change_manifest(folder, changed | {new: old for old, new in ledger.placeholders.items()})
        yield servers


def _copy_closed(path: Path, target: Path) -> None:
    # A repository does not keep modes, and keyplan refuses what others may read or write.
    shutil.copyfile(path, target)
    target.chmod(0o600)


def _save(servers: Servers, target: Path) -> None:
    """Copy what a run left behind, with placeholders for the addresses of the servers."""
    folder = servers.folder
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for name in _FILES:
        shutil.copyfile(folder / name, target / name)
    shutil.copytree(folder / "secrets", target / "secrets")
    for server in DIALECTS:
        copy_database(folder / f"{server}.db", target / f"{server}.db")
    changed = {url: PLACEHOLDERS[name] for name, url in servers.urls.items()}
    servers.ledger.save(folder, target, changed)
    _change_manifest(target, {**changed, **servers.ledger.placeholders})


def _change_manifest(folder: Path, changed: Mapping[str, str]) -> None:
    """Replace addresses in the manifest; a saved plan keeps them, because a digest covers it."""
    manifest = folder / "keys.yaml"
    for old, new in changed.items():
        manifest.write_text(manifest.read_text().replace(old, new))


if __name__ == "__main__":
    with serving_ledgers() as open_ledger:
        for ledger_type in LEDGERS:
            write_worlds(WORLDS / keyplan.__version__ / ledger_type, open_ledger(ledger_type))

"""A shell for tests: command lines run in this process, on a simulated world, with streams that are kept."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from simulator import World

from keyplan.cli.main import run
from keyplan.cli.screen import Screen
from keyplan.cli.session import Session
from keyplan.cli.signals import Interrupts
from keyplan.model.identity import Lineage, SinkName
from keyplan.model.ledger import Holder
from keyplan.model.manifest import LedgerSettings, Manifest, ProviderSettings
from keyplan.ports import Clock, Ledger, LedgerReader, ProviderPorts, ReaderPorts, Sink

MANIFEST = """\
version: 1
owner: ml-platform
id: k7f3a9c2
sinks: {local: {type: file, path: "{name}.key"}}
defaults: {sink: local}
keys:
  - {name: ci, key_type: user}
  - {name: ingest, key_type: service, space: production}
"""


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@dataclass
class SimulatedWiring:
    """Implements `Wiring` with the ports of a simulated world, and remembers what it was asked for."""

    world: World
    others: dict[str, World] = field(default_factory=dict)
    """The worlds of owners that have one of their own."""
    settings: ProviderSettings | None = None
    ledger_path: Path | None = None
    account: str = ""
    closed: int = 0

    @property
    def clock(self) -> Clock:
        return self.world.clock

    def keep_secrets(self, manifest: Manifest) -> None:
        """Do nothing: no program is run in a simulated world."""

    def provider(self, settings: ProviderSettings, *, lineage: Lineage, folder: Path) -> ProviderPorts:
        self.settings = settings
        provider = self._world_of(lineage.identity.owner).provider
        return ProviderPorts(reader=provider, writer=provider, close=self._close)

    def key_reader(self, settings: ProviderSettings, *, lineage: Lineage, folder: Path) -> ReaderPorts:
        self.settings = settings
        return ReaderPorts(reader=self._world_of(lineage.identity.owner).provider, close=self._close)

    def sinks(self, manifest: Manifest, *, folder: Path) -> Mapping[SinkName, Sink]:
        sinks = self._world_of(manifest.owner).sinks
        for sink in sinks.values():
            sink.lineage = manifest.lineage
        return dict(sinks)

    def ledger_reader(self, settings: LedgerSettings, *, lineage: Lineage, folder: Path, account: str) -> LedgerReader:
        return self.ledger(settings, lineage=lineage, folder=folder, account=account)

    def ledger(self, settings: LedgerSettings, *, lineage: Lineage, folder: Path, account: str) -> Ledger:
        self.ledger_path, self.account = Path(str(settings.options["path"])), account
        return self._world_of(lineage.identity.owner).ledger

    def holder(self, command: str) -> Holder:
        return Holder(id="5f3a", owner="ada", host="ci-1", pid=42, since=self.world.clock.now(), command=command)

    def _world_of(self, owner: str) -> World:
        return self.others.get(owner, self.world)

    def _close(self) -> None:
        self.closed += 1


@dataclass(frozen=True)
class Outcome:
    """What a command line left behind."""

    status: int
    out: str
    err: str


@dataclass
class Shell:
    """A folder, an environment and a world, in which command lines run."""

    folder: Path
    world: World
    environment: dict[str, str] = field(default_factory=dict)
    wiring: SimulatedWiring = field(init=False)

    def __post_init__(self) -> None:
        self.wiring = SimulatedWiring(self.world)

    def __call__(self, *arguments: str, typed: str | None = None, stdin: bytes = b"") -> Outcome:
        """Run a command line; `typed` is what a person types who sits at a terminal."""
        kind = io.StringIO if typed is None else Terminal
        out, err = io.StringIO(), kind()
        status = run(arguments, self.session(stdin=kind(typed or ""), out=out, err=err, piped=stdin))
        return Outcome(status, out.getvalue(), err.getvalue())

    def session(self, *, stdin: io.StringIO, out: io.StringIO, err: io.StringIO, piped: bytes = b"") -> Session:
        """Return a session on these streams."""
        return Session(
            environment=self.environment,
            folder=self.folder,
            screen=Screen(stdin=stdin, stdout=out, stderr=err, environment=self.environment),
            interrupts=Interrupts(err.write),
            read_stdin=io.BytesIO(piped).read,
            wire=lambda _environment, _say: self.wiring,
        )

    def write(self, text: str = MANIFEST, name: str = "keys.yaml") -> Path:
        """Put a file into the folder."""
        path = self.folder / name
        path.write_text(text)
        return path

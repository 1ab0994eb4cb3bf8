"""A way to ports that opens none: a run that asks for one is a failure, whatever it would have done with it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cli.shell import Outcome
from simulator import World

from keyplan.cli.main import run
from keyplan.cli.screen import Screen
from keyplan.cli.session import Session
from keyplan.cli.signals import Interrupts
from keyplan.model.ledger import Holder
from keyplan.ports import Clock, Ledger, LedgerReader, ProviderPorts, ReaderPorts, Sink


@dataclass
class UntouchableWiring:
    """Implements `Wiring` and notes what a run asks for, which it never gets."""

    asked: list[str] = field(default_factory=list)

    @property
    def clock(self) -> Clock:
        return World().clock

    def keep_secrets(self, _manifest: object) -> None:
        self.asked.append("secrets")

    def holder(self, command: str) -> Holder:
        return self._refuse(f"holder of {command}")

    def provider(self, *_: object, **__: object) -> ProviderPorts:
        return self._refuse("provider")

    def key_reader(self, *_: object, **__: object) -> ReaderPorts:
        return self._refuse("reader")

    def sinks(self, *_: object, **__: object) -> Mapping[object, Sink]:
        return self._refuse("sinks")

    def ledger_reader(self, *_: object, **__: object) -> LedgerReader:
        return self._refuse("ledger's reader")

    def ledger(self, *_: object, **__: object) -> Ledger:
        return self._refuse("ledger")

    def _refuse(self, what: str) -> object:
        self.asked.append(what)
        raise AssertionError(f"the run asked for: {what}")


@dataclass
class Stranger:
    """A folder with a manifest that no one has read, in which command lines run without any port."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    wiring: UntouchableWiring = field(default_factory=UntouchableWiring)

    def __call__(self, *arguments: str) -> Outcome:
        """Run a command line."""
        out, err = io.StringIO(), io.StringIO()
        return Outcome(run(arguments, self.session(out, err)), out.getvalue(), err.getvalue())

    def session(self, out: io.StringIO, err: io.StringIO) -> Session:
        """Return a session on these streams."""
        return Session(
            environment=self.environment,
            folder=self.folder,
            screen=Screen(stdin=io.StringIO(), stdout=out, stderr=err, environment=self.environment),
            interrupts=Interrupts(err.write),
            read_stdin=io.BytesIO().read,
            wire=lambda _environment, _say: self.wiring,
        )

    def write(self, name: str, text: str) -> None:
        """Put a file into the folder."""
        (self.folder / name).write_text(text)

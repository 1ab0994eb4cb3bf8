"""A shell whose manifest has two providers, each of which fails the test if it is shown a raw key of the other."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Literal

import pytest
from cli.shell import Shell, SimulatedWiring
from simulator import World

from keyplan.app.context import RunContext
from keyplan.app.workspace import Workspace, open_workspace
from keyplan.model.identity import Lineage
from keyplan.model.manifest import ProviderSettings
from keyplan.model.secret import RawKey
from keyplan.ports import ProviderPorts, ReaderPorts
from keyplan.simulated.provider import SimulatedProvider

FIRST_URL, SECOND_URL = "https://main.simulated.test", "https://zen.simulated.test"
HEAD = """\
version: 1
owner: ml-platform
id: k7f3a9c2
providers:
  main: {type: arize}
  zen: {type: TYPE, base_url: "https://zen.simulated.test", credential: {env: ZEN_KEY}}
sinks: {local: {type: file, path: "{address}.key"}}
defaults: {sink: local, provider: main}
keys:
  - {name: ci, key_type: user}
"""
ZENML = (
    HEAD.replace("TYPE", "zenml") + "  - {name: nightly, key_type: service, provider: zen, service_account: staging}\n"
)
ARIZE = HEAD.replace("TYPE", "arize") + "  - {name: ci, key_type: user, provider: zen}\n"


class GuardedProvider(SimulatedProvider):
    """A provider that is never to be shown a raw key of its peer."""

    peer: SimulatedProvider
    shown: list[str]
    """The raw keys that were presented."""

    def verify(self, raw: RawKey) -> bool:
        self.shown.append(raw.reveal())
        if self.peer.accepts(raw.reveal()):
            pytest.fail(f"{self.base_url} was shown a raw key of {self.peer.base_url}")
        return super().verify(raw)


@dataclass
class PairWiring(SimulatedWiring):
    """Wires each provider of a manifest to one of two."""

    first: SimulatedProvider = field(init=False)
    second: SimulatedProvider = field(init=False)
    refused: dict[str, Exception] = field(default_factory=dict)
    """By name, what happens in place of opening a provider."""
    opened: int = 0

    def provider(self, settings: ProviderSettings, *, lineage: Lineage, folder: Path) -> ProviderPorts:
        one = self._choose(settings)
        return ProviderPorts(reader=one, writer=one, close=self._close)

    def key_reader(self, settings: ProviderSettings, *, lineage: Lineage, folder: Path) -> ReaderPorts:
        return ReaderPorts(reader=self._choose(settings), close=self._close)

    def _choose(self, settings: ProviderSettings) -> SimulatedProvider:
        if settings.name in self.refused:
            raise self.refused[settings.name]
        self.opened += 1
        return self.second if settings.name == "zen" else self.first


@dataclass
class PairShell(Shell):
    """Command lines on a manifest with two providers."""

    dialect: Literal["beta", "zenml", "phoenix"] = "zenml"
    serial: int = 500
    """After how many keys the second one counts; with 1000, keys of both have one redacted form."""

    wiring: PairWiring = field(init=False)

    def __post_init__(self) -> None:
        world = self.world
        self.first = GuardedProvider(world.clock, world.effects)
        self.second = GuardedProvider(world.clock, world.effects, dialect=self.dialect)
        self.first.base_url, self.second.base_url = FIRST_URL, SECOND_URL
        self.first.peer, self.second.peer = self.second, self.first
        self.first.shown, self.second.shown = [], []
        self.second._issued = self.serial
        world.provider = self.first
        self.wiring = PairWiring(world)
        self.wiring.first, self.wiring.second = self.first, self.second

    def context(self) -> RunContext:
        """Return what a use case knows of this shell."""
        return self.session(stdin=io.StringIO(), out=io.StringIO(), err=io.StringIO()).context

    def open(self) -> Workspace:
        """Return the manifest in the folder."""
        return open_workspace(None, self.context(), ledger=None)


def make_pair(folder: Path, text: str = ZENML, world: World | None = None, **changes: object) -> PairShell:
    """Return a shell on a manifest, of which nothing is applied."""
    shell = PairShell(folder, world or World(), **({"dialect": "beta" if text == ARIZE else "zenml"} | changes))  # type: ignore[arg-type]  # fields by name
    shell.write(text)
    return shell


def make_applied(folder: Path, text: str = ZENML, **changes: object) -> PairShell:
    """Return a shell on a manifest that was applied an hour ago."""
    shell = make_pair(folder, text, **changes)
    done = shell("apply", "--auto-approve")
    assert done.status == 0, done.out + done.err
    shell.world.clock.advance(timedelta(hours=1))
    return shell

"""One simulated world: what survives a process, the machines in it, and what consumers find at their places.

A new world is made for each fault, so that no rehearsal sees what another one did.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from keyplan.app.context import RunContext
from keyplan.app.rehearsal.account import StateCopy
from keyplan.model.identity import Address, Lineage, ProviderName, SinkName, read_provider
from keyplan.model.ledger import Holder
from keyplan.model.manifest import LedgerSettings, Manifest, ProviderSettings
from keyplan.ports import Clock, Ledger, LedgerReader, ProviderPorts, ReaderPorts, Sink
from keyplan.simulated.copies import CopiedLedger, CopiedProvider, CopiedSink, MovedClock, OffsetClock, RecordsCopy
from keyplan.simulated.effects import Effects

_USER = "rehearsal"
_PAUSE = timedelta(seconds=30)
"""Between a run and the next one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Implements `Wiring` and `Stop`: a machine in a simulated world, as runs on it see that world."""

    host: str
    clock: Clock
    copied: Mapping[ProviderName, CopiedProvider]
    copied_sinks: Mapping[SinkName, CopiedSink]
    copied_ledger: CopiedLedger

    def keep_secrets(self, manifest: Manifest) -> None:
        """Do nothing: no program is run here."""

    def provider(self, settings: ProviderSettings, *, lineage: Lineage, folder: Path) -> ProviderPorts:  # noqa: ARG002 - it is copied already
        """Return the copy of that provider."""
        copied = self.copied[settings.name]
        return ProviderPorts(reader=copied, writer=copied)

    def key_reader(self, settings: ProviderSettings, *, lineage: Lineage, folder: Path) -> ReaderPorts:  # noqa: ARG002 - it is copied already
        """Return the copy of that provider, to be read."""
        return ReaderPorts(reader=self.copied[settings.name])

    def sinks(self, manifest: Manifest, *, folder: Path) -> Mapping[SinkName, Sink]:  # noqa: ARG002 - they are copied already
        """Return the copied sinks."""
        return dict(self.copied_sinks)

    def ledger_reader(
        self,
        settings: LedgerSettings,  # noqa: ARG002 - there is one
        *,
        lineage: Lineage,  # noqa: ARG002 - there is one
        folder: Path,  # noqa: ARG002 - there is one
        account: str,  # noqa: ARG002 - there is one
    ) -> LedgerReader:
        """Return the copied ledger, to be read."""
        return self.copied_ledger

    def ledger(
        self,
        settings: LedgerSettings,  # noqa: ARG002 - there is one
        *,
        lineage: Lineage,  # noqa: ARG002 - there is one
        folder: Path,  # noqa: ARG002 - there is one
        account: str,  # noqa: ARG002 - there is one
    ) -> Ledger:
        """Return the copied ledger."""
        return self.copied_ledger

    def holder(self, command: str) -> Holder:
        """Return the run of this machine as a holder of locks."""
        return Holder(
            id=f"run-on-{self.host}", owner=_USER, host=self.host, pid=1, since=self.clock.now(), command=command
        )

    def requested(self) -> int | None:
        """Return None: no run here is interrupted."""
        return None

    @property
    def context(self) -> RunContext:
        """What use cases get of this machine."""
        return RunContext(
            environment={},
            folder=Path("/"),
            read_stdin=lambda _limit: b"",
            wiring=self,
            stop=self,
            say=lambda _text: None,
            report_error=lambda _error: None,
        )


class World:
    """A copy of the account, and this machine in it."""

    def __init__(self, copy: StateCopy, *, ahead: timedelta = timedelta(0)) -> None:
        """`ahead` is by how much the clock of this machine is ahead of the provider's."""
        self.copy = copy
        self.clock = MovedClock(copy.snapshot.now)
        self.effects = Effects()
        self.providers = {
            name: CopiedProvider(account, self.clock, self.effects) for name, account in copy.accounts.items()
        }
        self._skew(-ahead)
        clock = OffsetClock(self.clock, ahead) if ahead else self.clock
        self.here = self._make_machine("this machine", clock)

    def second_machine(self) -> Machine:
        """Return another machine: it sees the provider and shared stores, and has files of its own."""
        shared = {name: sink for name, sink in self.here.copied_sinks.items() if not sink.abilities.is_local}
        own = {
            name: CopiedSink(replace(one, cells={}), self.clock, self.effects)
            for name, one in self.copy.sinks.items()
            if name not in shared
        }
        ledger = RecordsCopy(receipts={}, intents={}, is_shared=False)
        return Machine(
            host="another machine",
            clock=self.clock,
            copied=self.providers,
            copied_sinks={**shared, **own},
            copied_ledger=self.here.copied_ledger.as_another_process()
            if self.copy.ledger.is_shared
            else CopiedLedger(ledger, self.clock, self.effects),
        )

    def end_run(self) -> None:
        """Begin another process, half a minute later: no fault is left, and the clock of this machine is right."""
        self.effects.restart()
        self.effects.after = lambda _name: None
        self.clock.advance(_PAUSE)
        self._skew(timedelta(0))
        self.here = replace(self.here, clock=self.clock)

    def accepts(self, address: Address, raw: str) -> bool:
        """Whether the provider of an address lets a made-up raw key in."""
        return self.providers[read_provider(address)].accepts(raw)

    def _skew(self, skew: timedelta) -> None:
        for provider in self.providers.values():
            provider.skew = skew

    def _make_machine(self, host: str, clock: Clock) -> Machine:
        return Machine(
            host=host,
            clock=clock,
            copied=self.providers,
            copied_sinks={name: CopiedSink(one, clock, self.effects) for name, one in self.copy.sinks.items()},
            copied_ledger=CopiedLedger(self.copy.ledger, clock, self.effects),
        )

    def find_value(self, place: tuple[SinkName, str]) -> str | None:
        """Return the made-up raw key at a place of this machine; None if it holds none."""
        name, location = place
        cell = self.here.copied_sinks[name].cells.get(location)
        return cell.raw if cell else None

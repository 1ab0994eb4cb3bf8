"""The ports of a simulated world as one of several runs has them: a call waits for its turn, and says what it touches.

A killed run's lock is never released by its dying code: only a successor or the end of its lease may take it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from races.schedule import Arena, Step
from simulator import Cell, Killed, SimulatedClock, SimulatedLedger, SimulatedSink, World

from keyplan.model.identity import Lineage, SinkName
from keyplan.model.ledger import Holder
from keyplan.model.manifest import LedgerSettings, Manifest, ProviderSettings
from keyplan.model.observation import Slot
from keyplan.ports import Clock, Ledger, LedgerReader, ProviderPorts, ReaderPorts, Sink

KEYS, RAW_KEYS = "keys", "raw keys"
WRITES = ("intend", "retract", "put", "annotate", "withdraw")
"""What changes a place."""
Touches = Callable[..., Step]
"""From a call's arguments to its step."""


def _fixed(name: str, *, reads: tuple[str, ...] = (), writes: tuple[str, ...] = ()) -> Touches:
    step = Step(name=name, reads=frozenset(reads), writes=frozenset(writes))
    return lambda *_arguments, **_named: step


def _of_provider() -> dict[str, Touches]:
    # A create changes what is listed; a refresh and a delete also change which raw keys work.
    return {
        "list_keys": _fixed("provider.list_keys", reads=(KEYS,)),
        "search_keys": _fixed("provider.search_keys", reads=(KEYS,)),
        "create": _fixed("provider.create", writes=(KEYS,)),
        "refresh": _fixed("provider.refresh", writes=(KEYS, RAW_KEYS)),
        "delete": _fixed("provider.delete", writes=(KEYS, RAW_KEYS)),
        "verify": _fixed("provider.verify", reads=(RAW_KEYS,)),
    }


def _of_sink(sink: str) -> dict[str, Touches]:
    def inspect(slots: Any) -> Step:
        return Step(name=f"sink.inspect:{sink}", reads=frozenset(f"{sink}:{slot.location}" for slot in slots))

    def read(slot: Any) -> Step:
        return Step(name=f"sink.read:{sink}", reads=frozenset({f"{sink}:{slot.location}"}))

    def write(verb: str) -> Touches:
        def touch(slot: Any, *_rest: Any, **_named: Any) -> Step:
            return Step(name=f"sink.{verb}:{sink}", writes=frozenset({f"{sink}:{slot.location}"}))

        return touch

    return {"inspect": inspect, "read": read, **{verb: write(verb) for verb in WRITES}}


def _of_ledger(ledger: str) -> dict[str, Touches]:
    reads = ("recall", "spending", "holder", "history")
    writes = ("unlock", "open_intent", "close_intent", "record", "forget", "spend", "remember")
    return {
        **{name: _fixed(f"ledger.{name}", reads=(ledger,)) for name in reads},
        **{name: _fixed(f"ledger.{name}", writes=(ledger,)) for name in writes},
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedLedger:
    """A ledger, with a name that is the same in every world that a schedule is repeated in."""

    name: str
    port: SimulatedLedger
    left: list[object] = field(default_factory=list)
    """Locks of killed runs, kept: their clean-up must not run when they are collected."""


class Gated:
    """A port whose calls wait for their turn. Everything else of it is as it was."""

    def __init__(self, port: Any, touches: Mapping[str, Touches], arena: Arena, after: Callable[[], None]) -> None:
        self._port = port
        self._touches = touches
        self._arena = arena
        self._after = after

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._port, name)
        touch = self._touches.get(name)
        if touch is None:
            return member

        def call(*arguments: Any, **named: Any) -> Any:
            self._arena.gate(touch(*arguments, **named))
            try:
                return member(*arguments, **named)
            finally:
                self._after()

        return call


class GatedSink(Gated):
    """A sink of one run. One that does not compare looks first and writes later, and others may come in between.

    The simulated sink looks and writes at one instant. Here the write meets what was seen, in two steps: what it says
    beside the value replaces what others noted meanwhile, as a store's metadata does that is written as a whole.
    """

    def __init__(self, sink: SimulatedSink, arena: Arena, after: Callable[[], None]) -> None:
        super().__init__(sink, _of_sink(sink.name), arena, after)
        self._sink = sink

    def __getattr__(self, name: str) -> Any:
        abilities = self._sink.abilities
        if name not in WRITES or abilities.compares or not abilities.holds_receipts:
            return super().__getattr__(name)

        def call(slot: Slot, *arguments: Any, **named: Any) -> Any:
            place = f"{self._sink.name}:{slot.location}"
            self._arena.gate(Step(name=f"sink.{name}, looks:{self._sink.name}", reads=frozenset({place})))
            seen = self._sink.cells.get(slot.location)
            self._arena.gate(self._touches[name](slot))
            present = self._sink.cells.get(slot.location)
            self._set(slot, seen)
            try:
                return getattr(self._sink, name)(slot, *arguments, **named)
            except BaseException:
                self._set(slot, present)
                raise
            finally:
                if name in ("intend", "retract", "annotate"):
                    self._keep_value(slot, present)
                self._after()

        return call

    def _set(self, slot: Slot, cell: Cell | None) -> None:
        self._sink.cells.pop(slot.location, None)
        if cell is not None:
            self._sink.cells[slot.location] = cell

    def _keep_value(self, slot: Slot, present: Cell | None) -> None:
        """Give the place back the value that it held right before; only its notes were written."""
        noted = self._sink.cells.get(slot.location, Cell())
        value = present or Cell()
        if noted != Cell() or value.raw is not None:
            self._set(slot, replace(noted, raw=value.raw, changed_at=value.changed_at))


class GatedLedger(Gated):
    """A ledger of one run; it also gates the taking and the release of the lock."""

    def __init__(self, ledger: NamedLedger, arena: Arena, after: Callable[[], None]) -> None:
        # Another process has an object of its own of the same ledger: what that one locked, this one did not.
        super().__init__(ledger.port.as_another_process(), _of_ledger(ledger.name), arena, after)
        self._name = ledger.name
        self._left = ledger.left

    def lock(self, holder: Holder, **named: Any) -> AbstractContextManager[Any]:
        """Hold the ledger's lock, in turn."""
        return self._locked(holder, named)

    @contextmanager
    def _locked(self, holder: Holder, named: Mapping[str, Any]) -> Iterator[Any]:
        self._arena.gate(Step(name="ledger.lock", writes=frozenset({self._name})))
        inner = self._port.lock(holder, **named)
        lease = inner.__enter__()
        try:
            yield lease
            self._arena.gate(Step(name="ledger.release", writes=frozenset({self._name})))
        except Killed:
            self._leave(inner, lease)
            raise
        except BaseException:
            self._release(inner, lease)
            raise
        inner.__exit__(None, None, None)

    def _release(self, inner: AbstractContextManager[Any], lease: Any) -> None:
        try:
            self._arena.gate(Step(name="ledger.release", writes=frozenset({self._name})))
        except Killed:
            self._leave(inner, lease)
            raise
        inner.__exit__(*sys.exc_info())

    def _leave(self, inner: AbstractContextManager[Any], lease: Any) -> None:
        """Leave the lock as a dead process does: it is neither freed nor renewed."""
        self._left.append(inner)
        lease._ended.set()


class GatedClock:
    """The world's clock, as a machine sees it whose own is a little off: no two machines read the same instant."""

    def __init__(self, clock: SimulatedClock, offset: timedelta) -> None:
        self._clock = clock
        self._offset = offset

    def now(self) -> datetime:
        """Return the instant by this machine's clock."""
        return self._clock.now() + self._offset

    def __getattr__(self, name: str) -> Any:
        return getattr(self._clock, name)


class GatedWiring:
    """Implements `Wiring` for one run in a simulated world."""

    def __init__(
        self, world: World, ledger: NamedLedger, holder: Holder, arena: Arena, after: Callable[[], None]
    ) -> None:
        offset = timedelta(milliseconds=holder.pid)
        self._world = world
        self._holder = holder
        self._clock = GatedClock(world.clock, offset)
        self._provider: Any = Gated(world.provider, _of_provider(), arena, after)
        self._sinks: dict[SinkName, Any] = {name: GatedSink(sink, arena, after) for name, sink in world.sinks.items()}
        self._ledger: Any = GatedLedger(ledger, arena, after)

    @property
    def clock(self) -> Clock:
        """This machine's clock."""
        return self._clock

    def keep_secrets(self, manifest: Manifest) -> None:
        """Do nothing: this process runs no program."""

    def provider(self, settings: ProviderSettings, *, lineage: Lineage, folder: Path) -> ProviderPorts:
        """Return the world's provider."""
        return ProviderPorts(reader=self._provider, writer=self._provider)

    def key_reader(self, settings: ProviderSettings, *, lineage: Lineage, folder: Path) -> ReaderPorts:
        """Return the world's provider, to be read."""
        return ReaderPorts(reader=self._provider)

    def sinks(self, manifest: Manifest, *, folder: Path) -> Mapping[SinkName, Sink]:
        """Return the world's sinks."""
        for sink in self._world.sinks.values():
            sink.lineage = manifest.lineage
        return dict(self._sinks)

    def ledger_reader(self, settings: LedgerSettings, *, lineage: Lineage, folder: Path, account: str) -> LedgerReader:
        """Return this run's ledger, to be read."""
        ledger: LedgerReader = self._ledger
        return ledger

    def ledger(self, settings: LedgerSettings, *, lineage: Lineage, folder: Path, account: str) -> Ledger:
        """Return this run's ledger."""
        ledger: Ledger = self._ledger
        return ledger

    def holder(self, command: str) -> Holder:
        """Return this run."""
        return self._holder

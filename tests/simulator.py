"""The whole world outside keyplan, in memory: provider, sinks, ledger and clock, with one hook for faults.

    world = World(dialect="beta", refresh_id="same")
    world.effects.inject(Fault.KILL_AFTER, "provider.create")
    with pytest.raises(Killed):
        ...                              # run a flow on world.provider, world.sinks, world.ledger, world.clock
    world.restart()                      # the next process, in the same world

A person's doings (`world.provider.person_deletes(...)`, `world.sinks["local"].person_writes(...)`) pass no hook.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

from samples import LINEAGE
from simulated.clock import START, SimulatedClock

from keyplan.model.identity import Lineage, SinkName
from keyplan.model.observation import Abilities
from keyplan.simulated.effects import Effect, Effects, Killed
from keyplan.simulated.effects import EffectFault as Fault
from keyplan.simulated.ledger import SimulatedLedger
from keyplan.simulated.provider import SimulatedProvider
from keyplan.simulated.records import LAWS, ME, KeyRecord, make_space
from keyplan.simulated.sink import Cell, SimulatedSink

__all__ = [
    "BLIND",
    "FULL",
    "LAWS",
    "ME",
    "SOURCE",
    "START",
    "WEAK",
    "WRITE_ONLY",
    "Cell",
    "Effect",
    "Effects",
    "Fault",
    "KeyRecord",
    "Killed",
    "SimulatedClock",
    "SimulatedLedger",
    "SimulatedProvider",
    "SimulatedSink",
    "World",
    "make_space",
]

FULL = Abilities(holds_receipts=True, readable=True, compares=True)
SOURCE = Abilities(holds_receipts=True, readable=True, may_copy=True, compares=True)
WRITE_ONLY = Abilities(holds_receipts=True, readable=False, compares=True)
WEAK = Abilities(holds_receipts=False, readable=False, weak_proof=True)
BLIND = Abilities(holds_receipts=False, readable=False)


class World:
    """Everything that survives a process: what the ports reach."""

    def __init__(
        self,
        *,
        dialect: Literal["alpha", "beta"] = "beta",
        refresh_id: Literal["new", "same"] = "new",
        max_lifetime: timedelta | None = None,
        sinks: Mapping[str, Abilities] | None = None,
        now: datetime = START,
        pace: timedelta = timedelta(0),
        lineage: Lineage = LINEAGE,
    ) -> None:
        self.clock = SimulatedClock(now)
        self.effects = Effects(tick=lambda: self.clock.advance(pace))
        self.provider = SimulatedProvider(
            self.clock, self.effects, dialect=dialect, refresh_id=refresh_id, max_lifetime=max_lifetime
        )
        self.sinks = {
            SinkName(name): SimulatedSink(
                SinkName(name), self.clock, self.effects, abilities=abilities, lineage=lineage
            )
            for name, abilities in (sinks or {"local": FULL}).items()
        }
        self.ledger = SimulatedLedger(self.clock, self.effects)

    def restart(self) -> None:
        """Begin another process in this world: no fault is planned, the log is empty."""
        self.effects.restart()

    def delivered(self) -> dict[str, str]:
        """Return the raw key at every `sink:location` that holds one."""
        return {
            f"{name}:{location}": raw
            for name, sink in sorted(self.sinks.items())
            for location, raw in sink.values().items()
        }

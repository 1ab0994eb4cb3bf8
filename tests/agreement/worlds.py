"""What may have happened to keys, sinks and ledger between two applies, and the settings in which it happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import product
from typing import Literal

from simulator import FULL, SOURCE, WEAK, WRITE_ONLY, World

from keyplan.model.identity import KeyId, SinkName
from keyplan.model.observation import Abilities

Change = Callable[[World], None]
LOCAL = SinkName("local")
SINKS: Mapping[str, Abilities] = {"full": FULL, "source": SOURCE, "write only": WRITE_ONLY, "weak": WEAK}


@dataclass(frozen=True)
class Setting:
    """A kind of provider and a kind of sink."""

    dialect: Literal["alpha", "beta"]
    refresh_id: Literal["new", "same"]
    sink: str

    def make_world(self) -> World:
        """Return an account with one key that a user made."""
        world = World(dialect=self.dialect, refresh_id=self.refresh_id, sinks={"local": SINKS[self.sink]})
        world.provider.person_creates("by-hand")
        return world

    def __str__(self) -> str:
        return f"{self.dialect}, {self.refresh_id} id, sink {self.sink}"


def list_settings() -> Iterator[Setting]:
    """Yield every setting."""
    for dialect, refresh_id, sink in product(("alpha", "beta"), ("new", "same"), SINKS):
        yield Setting(dialect, refresh_id, sink)  # type: ignore[arg-type]  # product widens literals to str


def _find(world: World, name: str) -> KeyId:
    return next(record.id for record in world.provider.live() if record.name == name)


def _later(days: int) -> Change:
    def change(world: World) -> None:
        world.clock.advance(timedelta(days=days))

    return change


def _place(world: World, name: str) -> str:
    return next(location for location in world.sinks[LOCAL].cells if name in location)


CHANGES: Mapping[str, Change] = {
    "nothing": lambda _world: None,
    "an hour passes": lambda world: world.clock.advance(timedelta(hours=1)),
    "two days pass": _later(2),
    "seventy days pass": _later(70),
    "a hundred days pass": _later(100),
    "a user ends a key": lambda world: world.provider.person_deletes(_find(world, "ci")),
    "a user renews a key": lambda world: world.provider.person_rotates(_find(world, "ci")) and None,
    "a user overwrites a secret": lambda world: world.sinks[LOCAL].person_writes(_place(world, "ci"), "other"),
    "a secret is removed": lambda world: world.sinks[LOCAL].cells.pop(_place(world, "ci")) and None,
    "the ledger is lost": lambda world: world.ledger.lose(),
    "a namesake appears": lambda world: world.provider.person_creates("ci") and None,
    "a key is used": lambda world: world.provider.person_uses(_find(world, "ci")),
}

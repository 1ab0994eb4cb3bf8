"""The values of a YAML text that know where they stand: `yaml_parser` makes them and every later step reads them.

A `Table` is a dict and an `ItemList` a list, so that a JSON Schema can be checked on them as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from keyplan.manifest.problems import Spot


class Table(dict[str, Any]):
    """A YAML mapping that knows where it and its fields stand."""

    __slots__ = ("key_spots", "spot", "value_spots")

    def __init__(self, spot: Spot) -> None:
        super().__init__()
        self.spot = spot
        self.key_spots: list[Spot] = []
        self.value_spots: list[Spot] = []

    def key_spot(self, key: str) -> Spot:
        """Return where a field's name stands."""
        # Slow, and only asked for a mistake: a second dict for each table would cost memory in every run.
        return self.key_spots[list(self).index(key)]

    def value_spot(self, key: str) -> Spot:
        """Return where a field's value stands."""
        return self.value_spots[list(self).index(key)]

    def rows(self) -> Iterator[tuple[str, Any, Spot, Spot]]:
        """Yield each field's name and value, and where the two stand."""
        for (key, value), key_spot, value_spot in zip(self.items(), self.key_spots, self.value_spots, strict=True):
            yield key, value, key_spot, value_spot

    def without(self, *names: str) -> Table:
        """Return a copy that lacks these fields."""
        copy = Table(self.spot)
        for key, value, key_spot, value_spot in self.rows():
            if key not in names:
                copy.put(key, value, key_spot, value_spot)
        return copy

    def put(self, key: str, value: Any, key_spot: Spot, value_spot: Spot) -> None:
        """Add a field that is not there yet."""
        self[key] = value
        self.key_spots.append(key_spot)
        self.value_spots.append(value_spot)


class ItemList(list[Any]):
    """A YAML sequence that knows where it and its items stand."""

    __slots__ = ("spot", "value_spots")

    def __init__(self, spot: Spot) -> None:
        super().__init__()
        self.spot = spot
        self.value_spots: list[Spot] = []

    def value_spot(self, index: int) -> Spot:
        """Return where an item stands."""
        return self.value_spots[index]


def iter_items(value: Any, spot: Spot) -> Iterator[tuple[Any, Spot]]:
    """Yield the items of a list, or the value itself, with their spots."""
    if isinstance(value, ItemList):
        yield from zip(value, value.value_spots, strict=True)
    else:
        yield value, spot

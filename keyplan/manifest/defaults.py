"""Merge the manifest's defaults into one declaration, and remember where each value stands.

Values are not judged here. A default that a key of the declaration's type cannot have is left out, not an error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

from keyplan.manifest.problems import START, Problems, Spot
from keyplan.manifest.tables import ItemList, Table, iter_items
from keyplan.model.place import Place

SPACE_FIELDS = ("space_id", "space", "organizations")
SCOPE_FIELDS = ("service_account",)
"""Fields that name the scope of a key of another provider than Arize."""
EXPIRY_FIELDS = ("expires_at", "expires_in")
SERVICE_FIELDS = (*SPACE_FIELDS, "roles")
"""Fields that only a service key of Arize has."""
_OF_SOME_KEYS = frozenset({*SERVICE_FIELDS, *SCOPE_FIELDS})

RIVALS: Mapping[str, frozenset[str]] = MappingProxyType(
    {name: frozenset(rivals) for rivals in (SPACE_FIELDS, EXPIRY_FIELDS) for name in rivals}
)
"""Of which fields only one can count."""
_CONDITIONAL = _OF_SOME_KEYS | RIVALS.keys()
"""Defaults of these names are not passed on to every declaration that lacks them."""
_WITHOUT_SCOPE = frozenset({"user", "system", "api"})
_MERGED_FIELD = "rotation"


@dataclass(frozen=True, slots=True)
class GivenFields:
    """A table of the manifest, and which of its fields the schema refused or missed."""

    table: Table
    spot: Spot = START
    """Where it is used: of an alias its own place, not that of what it names."""
    unusable: AbstractSet[str] = frozenset()

    def __contains__(self, name: str) -> bool:
        """Whether the field is there and usable."""
        return name in self.table and name not in self.unusable

    def get(self, name: str, default: Any) -> Any:
        """Return a usable field, or the default value."""
        return self.table[name] if name in self else default


@dataclass(frozen=True, slots=True, kw_only=True)
class MergedFields:
    """One declaration's fields, with the defaults behind them."""

    values: Mapping[str, Any]
    """The fields that count and fit the schema."""
    own: GivenFields
    """As the declaration itself gives them."""
    defaults: GivenFields

    def lacks(self, *names: str) -> bool:
        """Whether none of these fields is given. One that is given but reported already is not lacking."""
        return (
            self.values.keys().isdisjoint(names)
            and self.own.unusable.isdisjoint(names)
            and self.defaults.unusable.isdisjoint(names)
        )

    def spot(self, *path: str) -> Spot:
        """Return where a field stands, here or in the defaults; else the spot of the declaration."""
        return find_spot(self.own, self.defaults, path)


def find_spot(own: GivenFields, defaults: GivenFields, path: tuple[str, ...]) -> Spot:
    """Return where a field stands, in the one or the other; else the spot of the first one."""
    return _find_spot(own.table, path) or _find_spot(defaults.table, path) or own.spot


class Defaults:
    """The defaults of one manifest, sorted once, so that a declaration takes over those that all have by one merge."""

    def __init__(self, given: GivenFields) -> None:
        usable = [(name, value) for name, value in given.table.items() if name not in given.unusable]
        self.given = given
        self._of_all = {name: value for name, value in usable if name not in _CONDITIONAL}
        self._of_some = {name: value for name, value in usable if name in _CONDITIONAL}

    def merge(self, own: GivenFields) -> MergedFields:
        """Return a declaration's own fields with the defaults behind them.

        An own field displaces the default of its rivals; fields of service keys are not passed on to user keys;
        `rotation` is merged field by field.
        """
        table, defaults = own.table, self.given
        # The order does not matter: an own field always wins, and rivals exclude each other.
        values = {**self._of_all, **table}
        if self._of_some:
            some = self._of_some.items()
            values.update({name: value for name, value in some if name not in table and _inherits(name, own, defaults)})
        for name in own.unusable:
            values.pop(name, None)
        if _MERGED_FIELD in table and _MERGED_FIELD in own and _MERGED_FIELD in defaults:
            values[_MERGED_FIELD] = {**defaults.table[_MERGED_FIELD], **table[_MERGED_FIELD]}
        return MergedFields(values=values, own=own, defaults=defaults)


def _inherits(name: str, own: GivenFields, defaults: GivenFields) -> bool:
    # One `defaults` serves both types: a default space must not make every user key an error.
    if name in _OF_SOME_KEYS and own.table.get("key_type", defaults.table.get("key_type")) in _WITHOUT_SCOPE:
        return False
    return name not in RIVALS or RIVALS[name].isdisjoint(own.table)


def _find_spot(table: Table, path: tuple[str, ...]) -> Spot | None:
    spot: Spot | None = None
    value: Any = table
    for name in path:
        if not isinstance(value, Table) or name not in value:
            return None
        spot, value = value.value_spot(name), value[name]
    return spot


class FieldPlaces:
    """Where the fields of one manifest stand, read when they are first asked for."""

    def __init__(self, read_root: Callable[[Problems], Any], file: str) -> None:
        """`read_root` returns the manifest as a Table, in which spots are those of the problems that it is given."""
        self._read_root = read_root
        self._problems = Problems(file)

    def find(self, declared: Place, path: tuple[str, ...]) -> Place:
        """Return where a field of the declaration that stands there is given, there or in the defaults.

        Where it is in neither, that is the declaration's own place.
        """
        own, defaults = self._parsed
        return self._problems.place_of(find_spot(own[declared], defaults, path))

    def find_field(self, path: tuple[str | int, ...]) -> Place:
        """Return where a field stands, by its path from the top, or the innermost field on the way that is there."""
        value, spot = self._root, START
        for step in path:
            is_there = (
                step in value if isinstance(value, Table) else isinstance(value, ItemList) and step in range(len(value))
            )
            if not is_there:
                break
            spot, value = value.value_spot(step), value[step]
        return self._problems.place_of(spot)

    @cached_property
    def _root(self) -> Any:
        return self._read_root(self._problems)

    @cached_property
    def _parsed(self) -> tuple[dict[Place, GivenFields], GivenFields]:
        """The declarations by their places, and the defaults."""
        root = self._root
        rows, defaults = root["keys"], root.get("defaults", Table(root.spot))
        return {
            self._problems.place_of(spot): GivenFields(item, spot) for item, spot in iter_items(rows, root.spot)
        }, GivenFields(defaults)

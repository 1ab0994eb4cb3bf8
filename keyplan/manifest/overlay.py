"""Put files together: what a manifest includes beside its own fields, and what overlays lay over them.

A name that two included files give is an error; of two layers the upper one wins. No table is changed in place, since
aliases share them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keyplan.manifest.defaults import RIVALS, Defaults, GivenFields
from keyplan.manifest.problems import Problems, Spot
from keyplan.manifest.sources import Refusal, Sources, read_table
from keyplan.manifest.tables import ItemList, Table
from keyplan.model.desired import address_of
from keyplan.model.identity import ONLY_PROVIDER, Address, ProviderName
from keyplan.model.manifest import KeyType
from keyplan.model.quotes import escape, list_words, quote, suggest

INCLUDED = ("defaults", "sinks", "policy", "vars")
"""Fields that an included file may have."""
_SOURCE_FIELDS = frozenset({"env", "file", "command"})
"""Of a secret's source, which has one of them."""
_LOGIN_FIELDS = frozenset({"username", "password"})
"""Of a provider's credential, in place of a source."""
_TELLING = ("type", "sink", "name")
"""What a provider, sink, ledger, delivery or role is: with another one, none of the other fields fits."""


def merge_includes(root: Table, sources: Sources, problems: Problems) -> tuple[Table, tuple[str, ...]]:
    """Return a file's fields with those of the files that it includes, without `include`, and their names."""
    merged, paths = root.without("include"), root.get("include")
    if not isinstance(paths, ItemList):
        return merged, ()
    names: list[str] = []
    owner = problems.place_of(root.spot).file
    for path, spot in zip(paths, paths.value_spots, strict=True):
        found = sources.include(owner, path)
        if isinstance(found, Refusal):
            problems.add(spot, found.message, found.rule)
        elif found.name in names:
            problems.add(spot, f"{quote(path)} is included twice", "duplicate")
        else:
            names.append(found.name)
            _add_fields(merged, read_table(found, problems, what="an included file"), problems)
    return merged, tuple(names)


def _add_fields(merged: Table, included: Table, problems: Problems) -> None:
    for name, value, key_spot, value_spot in included.rows():
        if name == "include":
            problems.add(key_spot, "an included file includes nothing itself", "include")
        elif name not in INCLUDED:
            problems.add(
                key_spot, f"field {quote(name)} cannot be included; only {list_words(INCLUDED)} can", "include"
            )
        elif not isinstance(value, Table):
            problems.add(value_spot, f"field {quote(name)} must be a mapping", "schema")
        elif name not in merged:
            merged.put(name, value, key_spot, value_spot)
        elif isinstance(there := merged[name], Table):
            # The field's own place stays; those of its names are with them.
            merged[name] = _join(there, value, name, problems)


def _join(there: Table, added: Table, field: str, problems: Problems) -> Table:
    """Return two mappings as one; a name that both have is a problem."""
    joined = there.without()
    for name, value, key_spot, value_spot in added.rows():
        if name in joined:
            first = problems.describe(joined.key_spot(name), seen_from=key_spot)
            problems.add(key_spot, f"{quote(name)} of {quote(field)} is given twice; first {first}", "duplicate")
        else:
            joined.put(name, value, key_spot, value_spot)
    return joined


def lay_over(base: Table, over: Table, *, skip: frozenset[str] = frozenset()) -> Table:
    """Return a mapping with another one laid over it: field by field, and without what is null in the upper one."""
    displaced = {rival for name, value in over.items() if value is not None for rival in RIVALS.get(name, ())}
    upper = {name: (value, key_spot, spot) for name, value, key_spot, spot in over.rows() if name not in skip}
    laid = Table(base.spot)
    for name, value, key_spot, value_spot in base.rows():
        if name not in upper:
            if name not in displaced:
                laid.put(name, value, key_spot, value_spot)
            continue
        new, *spots = upper.pop(name)
        if new is not None:
            laid.put(name, _lay_value(value, new), *spots)
    for name, (new, *spots) in upper.items():
        if new is not None:
            laid.put(name, drop_nulls(new), *spots)
    return laid


def _lay_value(base: Any, over: Any) -> Any:
    if isinstance(base, Table) and isinstance(over, Table) and not _is_another(base, over):
        return lay_over(base, over)
    return drop_nulls(over)


def _is_another(base: Table, over: Table) -> bool:
    """Whether two mappings describe different things, of which the fields cannot be mixed."""
    for name in _TELLING:
        if name in base and name in over:
            return bool(base[name] != over[name])
    fields = base.keys() | over.keys()
    # A login has two fields, and one of them may be changed alone.
    is_login = fields <= _LOGIN_FIELDS
    return bool(base) and bool(over) and not is_login and fields <= _SOURCE_FIELDS | _LOGIN_FIELDS


def drop_nulls(value: Any) -> Any:
    """Return a value without fields that are null, at any depth of mappings."""
    if not isinstance(value, Table):
        return value
    kept = Table(value.spot)
    for name, inner, key_spot, value_spot in value.rows():
        if inner is not None:
            kept.put(name, drop_nulls(inner), key_spot, value_spot)
    return kept


def lay_keys(rows: Any, over: Any, defaults: Table, problems: Problems) -> Any:
    """Return the declarations with an overlay's laid over them by address: a list of declarations, or a mapping."""
    if not isinstance(rows, ItemList):
        return rows
    if not isinstance(over, Table | ItemList):
        return over
    layer = _KeyLayer(rows, defaults, problems)
    if isinstance(over, Table):
        layer.lay_by_address(over)
    else:
        layer.lay_items(over)
    return layer.result()


class _KeyLayer:
    """The declarations of the lower layer, by address, while an upper one is laid over them."""

    def __init__(self, rows: ItemList, defaults: Table, problems: Problems) -> None:
        self._spot = rows.spot
        self._defaults = Defaults(GivenFields(defaults))
        self._problems = problems
        self._rows: list[tuple[Any, Spot] | None] = list(zip(rows, rows.value_spots, strict=True))
        self._index: dict[Address, int] = {}
        for number, item in enumerate(rows):
            address = self._find_address(item)
            if address is not None:
                self._index.setdefault(address, number)

    def lay_by_address(self, over: Table) -> None:
        """Lay fields over the declarations that a mapping names by address; null takes one out."""
        for address, value, key_spot, value_spot in over.rows():
            number = self._index.get(Address(address))
            row = self._rows[number] if number is not None else None
            if number is None or row is None:
                hint = suggest(address, self._index)
                self._problems.add(key_spot, f"no declaration has the address {quote(address)}{hint}", "overlay")
            elif value is None:
                self._rows[number] = None
            elif isinstance(value, Table) and "for_each" not in value:
                self._rows[number] = (lay_over(row[0], value), row[1])
            else:
                self._problems.add(value_spot, f"{escape(address)} must be a mapping of fields, or null", "overlay")

    def lay_items(self, over: ItemList) -> None:
        """Lay each declaration over the one of its address; one that has none there is added."""
        given: set[Address] = set()
        for item, spot in zip(over, over.value_spots, strict=True):
            address = self._find_address(item)
            number = self._index.get(address) if address is not None and address not in given else None
            row = self._rows[number] if number is not None else None
            if number is None or row is None:
                self._rows.append((drop_nulls(item), spot))
            else:
                self._rows[number] = (lay_over(row[0], item), row[1])
            if address is not None:
                given.add(address)

    def result(self) -> ItemList:
        """Return the declarations of both layers."""
        laid = ItemList(self._spot)
        for row in self._rows:
            if row is not None:
                laid.append(row[0])
                laid.value_spots.append(row[1])
        return laid

    def _find_address(self, item: Any) -> Address | None:
        """Return the address of a declaration; None if its fields make none."""
        if not isinstance(item, Table):
            return None
        fields = self._defaults.merge(GivenFields(item)).values
        name, space = fields.get("name"), _find_space(fields)
        if not isinstance(name, str):
            return None
        kind = next((kind for kind in KeyType if kind.value == fields.get("key_type")), None)
        if kind is None or (kind is KeyType.SERVICE and not isinstance(space, str)):
            return None
        label = fields.get("provider")
        is_usual = label == self._defaults.given.get("provider", label)
        provider = ONLY_PROVIDER if is_usual or not isinstance(label, str) else ProviderName(label)
        return address_of(kind, name, space, provider=provider)


def _find_space(fields: Mapping[str, Any]) -> Any:
    """Return the space that stands in the address; what is malformed gives anything."""
    match fields.get("organizations"):
        case [{"spaces": [{"space_id": space}, *_]}, *_]:
            return space
        case _:
            return fields.get("space_id", fields.get("space", fields.get("service_account")))

"""Make one plain manifest of all that it is composed of, before anything of it is checked or read.

What comes out has no `include`, `vars`, `environment` or `for_each`, and is judged like one that was written out. Each
value keeps the place of the text that it was read from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from keyplan.manifest import for_each
from keyplan.manifest.interpolation import FILLED, Budget, Filler, SinkSchema, report_stray
from keyplan.manifest.overlay import drop_nulls, lay_keys, lay_over, merge_includes
from keyplan.manifest.problems import START, Problems, Spot
from keyplan.manifest.schema import Checker, report_findings
from keyplan.manifest.sources import Sources, read_table
from keyplan.manifest.tables import ItemList, Table
from keyplan.manifest.variables import find_secret_variables, list_environment, read_variables

_OWN_FIELDS = ("include", "vars", "environment")
"""Fields of a manifest that say how it is composed."""
_KEYS = frozenset({"keys"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """One plain manifest."""

    root: Any
    """A Table; anything else is not a manifest."""
    includes: tuple[str, ...] = ()
    """The files that were included."""


def needs_composition(root: Any, text: str, sources: Sources) -> bool:
    """Whether a manifest may be something else than its own text. Quick: a large one seldom is."""
    if not isinstance(root, Table):
        return False
    is_own = not root.keys().isdisjoint(_OWN_FIELDS)
    return is_own or not sources.is_empty or for_each.FIELD in text or "${" in text


def compose(
    root: Table, sources: Sources, *, schema: Mapping[str, Any], find_sink: SinkSchema, problems: Problems
) -> Composed:
    """Return the manifest that a text and its sources make.

    `schema` is that of manifests; `find_sink` returns the options of a sink type. Raises ManifestError if a part of the
    composition is wrong: what follows would only repeat it in other words.
    """
    composition = _Composition(sources, schema, find_sink, problems)
    before = problems.additions
    composed = composition.run(root)
    if problems.additions != before:
        problems.raise_if_any()
    return composed


class _Composition:
    """One manifest on its way from several texts to one."""

    def __init__(self, sources: Sources, schema: Mapping[str, Any], find_sink: SinkSchema, problems: Problems) -> None:
        self._sources = sources
        self._find_sink = find_sink
        self._problems = problems
        self._own_fields = Checker(
            {
                "type": "object",
                "properties": {name: schema["properties"][name] for name in _OWN_FIELDS},
                "$defs": schema["$defs"],
            }
        )
        elements = schema["$defs"]["declaration"]["properties"][for_each.FIELD]
        self._elements = Checker({"type": "object", "properties": {for_each.FIELD: elements}, "$defs": schema["$defs"]})
        self._keys: list[Any] = []
        """What each layer has under `keys`, the lowest first."""
        self._key_spots: list[tuple[Spot, Spot]] = []
        """Where the field and its value stand in each."""
        self._secrets: set[str] = set()
        self._includes: list[str] = []

    def run(self, root: Table) -> Composed:
        """Return what all layers make."""
        laid = self._prepare(root, is_base=True)
        for file in self._sources.overlays:
            over = self._prepare(read_table(file, self._problems, what="an overlay"), is_base=False)
            laid = lay_over(laid, over, skip=_KEYS)
        plain = laid.without(*_OWN_FIELDS, "keys")
        filler = self._make_filler(laid)
        if self._is_active(laid):
            plain = _fill_all(plain, filler)
            self._keys = [self._fill_keys(filler, keys) for keys in self._keys]
        else:
            # Without them, `${` is text, as it always was.
            report_stray(plain, self._keys, self._problems)
        if self._keys:
            self._put_keys(plain)
        return Composed(root=plain, includes=tuple(self._includes))

    def _prepare(self, root: Table, *, is_base: bool) -> Table:
        """Return a layer with what it includes, and without what has no usable form there."""
        own = self._drop_unusable(root, is_base=is_base)
        merged, includes = merge_includes(own, self._sources, self._problems)
        merged = self._drop_unusable(merged, is_base=is_base)
        self._includes += includes
        self._secrets.update(find_secret_variables(merged))
        if "keys" in merged:
            self._keys.append(merged["keys"])
            self._key_spots.append((merged.key_spot("keys"), merged.value_spot("keys")))
        return merged

    def _drop_unusable(self, root: Table, *, is_base: bool) -> Table:
        # In an overlay, null removes a field, and is not a value that could be wrong.
        own = root if is_base else drop_nulls(root.without("keys"))
        found = report_findings(self._own_fields, own, subject="a manifest", spot=root.spot, problems=self._problems)
        return root.without(*(str(one.path[0]) for one in found if one.path))

    def _is_active(self, laid: Table) -> bool:
        """Whether the manifest has anything that `${` could stand for."""
        rows = [row for keys in self._keys if isinstance(keys, ItemList) for row in keys]
        return "vars" in laid or "environment" in laid or any(map(for_each.repeats, rows))

    def _make_filler(self, laid: Table) -> Filler:
        declared = laid.get("vars")
        listed = list_environment(laid.get("environment"))
        sinks = laid.get("sinks")
        tables = sinks if isinstance(sinks, Table) else Table(laid.spot)
        types = {name: str(sink.get("type")) for name, sink in tables.items() if isinstance(sink, Table)}
        return Filler(
            variables=read_variables(
                declared if isinstance(declared, Table) else Table(laid.spot),
                listed,
                self._sources,
                frozenset(self._secrets),
                self._problems,
            ),
            sink_types=types,
            find_schema=self._find_sink,
            problems=self._problems,
            budget=Budget(self._problems),
        )

    def _put_keys(self, plain: Table) -> None:
        """Put the declarations of all layers into the manifest."""
        rows, spots = self._keys[0], self._key_spots[0]
        defaults = plain.get("defaults")
        behind = defaults if isinstance(defaults, Table) else Table(START)
        for over, over_spots in zip(self._keys[1:], self._key_spots[1:], strict=True):
            rows = lay_keys(rows, over, behind, self._problems)
            spots = over_spots if rows is over else spots
        plain.put("keys", rows, *spots)

    def _fill_keys(self, filler: Filler, keys: Any) -> Any:
        if isinstance(keys, ItemList):
            return for_each.expand(keys, filler, self._elements)
        if not isinstance(keys, Table):
            return keys
        filled = Table(keys.spot)
        for address, value, key_spot, value_spot in keys.rows():
            is_one = isinstance(value, Table) and not for_each.repeats(value)
            made = filler.fill_declaration(value) if is_one else filler.keep(value, value_spot)
            filled.put(address, made, key_spot, value_spot)
        return filled


def _fill_all(plain: Table, filler: Filler) -> Table:
    """Return the fields of a manifest with the values of variables, but for its declarations."""
    filled = Table(plain.spot)
    for name, value, key_spot, value_spot in plain.rows():
        filled.put(name, _fill_field(filler, name, value, value_spot), key_spot, value_spot)
    return filled


def _fill_field(filler: Filler, name: str, value: Any, spot: Spot) -> Any:
    if name in FILLED:
        return filler.fill(value, spot)
    if name == "defaults" and isinstance(value, Table):
        return filler.fill_declaration(value)
    if name == "sinks" and isinstance(value, Table):
        return filler.fill_sinks(value)
    return filler.keep(value, spot, what=f"field '{name}'")

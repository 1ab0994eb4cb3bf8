"""Read the parts of a manifest that plugins define: sinks, ledger, and the options of deliveries.

Only the JSON Schemas of plugins are used: no plugin code runs and no place template is filled in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from keyplan.errors import InputError
from keyplan.manifest.expansion import report_unexpanded_paths
from keyplan.manifest.problems import Problems, SchemaFinding, Spot
from keyplan.manifest.schema import Checker, report_findings, spot_of
from keyplan.manifest.tables import ItemList, Table, iter_items
from keyplan.model.identity import SinkName
from keyplan.model.laws import KeyForm
from keyplan.model.ledger import SHORTEST_LEASE
from keyplan.model.manifest import (
    DEFAULT_LEASE,
    Delivery,
    FromCommand,
    FromEnvironment,
    FromFile,
    Json,
    LedgerSettings,
    ProviderSettings,
    SecretSource,
    SinkSettings,
)
from keyplan.model.quotes import escape, list_words, quote, suggest
from keyplan.model.times import parse_duration


@dataclass(frozen=True, slots=True)
class PluginSchemas:
    """Look up the JSON Schemas of plugins; each function raises InputError for an unknown type."""

    provider: Callable[[str], Mapping[str, Any]]
    """Return the schema of a provider type's own options."""
    sink: Callable[[str], Mapping[str, Any]]
    """Return the schema of a sink type's own options."""
    ledger: Callable[[str], Mapping[str, Any]]
    """Return the schema of a ledger type's own options."""
    key_forms: Callable[[str], tuple[KeyForm, ...] | None] = lambda _: None
    """Return which keys can be declared for a provider type; None for the fields of Arize."""
    credential: Callable[[str], SecretSource] = lambda _: ProviderSettings().credential
    """Return where the credential of a provider type is found if the manifest does not say it."""


def read_ledger(given: Table, lookup: Callable[[str], Mapping[str, Any]], problems: Problems) -> LedgerSettings:
    """Return the ledger's settings; problems are added."""
    kind = given.get("type", LedgerSettings().type)
    options = given.without("type", "lease")
    checker = make_checker(kind, lookup, type_spot(given), problems)
    report_unexpanded_paths(given, problems)
    if checker is not None:
        report_findings(checker, options, subject="the ledger", spot=given.spot, problems=problems)
    return LedgerSettings(type=kind, options=to_plain(options), lease=_read_lease(given, problems))


def _read_lease(given: Table, problems: Problems) -> timedelta:
    """Return how long the ledger's locks are held; a problem is added if that is too short or no duration."""
    if "lease" not in given:
        return DEFAULT_LEASE
    try:
        lease = parse_duration(given["lease"])
    except ValueError as error:
        problems.add(given.value_spot("lease"), f"field 'lease' {error}")
        return DEFAULT_LEASE
    if lease < SHORTEST_LEASE:
        problems.add(given.value_spot("lease"), "field 'lease' must be at least 5s")
    return lease


def type_spot(given: Table) -> Spot:
    """Return where the type stands; the place of the whole if it is not given."""
    return given.value_spot("type") if "type" in given else given.spot


def read_source(given: Table) -> SecretSource:
    """Return a secret's source; the schema lets exactly one field through."""
    if "env" in given:
        return FromEnvironment(given["env"])
    return FromFile(given["file"]) if "file" in given else FromCommand(tuple(given["command"]))


def make_checker(
    kind: str, lookup: Callable[[str], Mapping[str, Any]], spot: Spot, problems: Problems
) -> Checker | None:
    """Return the checker of a type's options; None, and a problem, if the type is unknown."""
    try:
        # A plugin that forgets to close its options would let every slip pass.
        return Checker({"additionalProperties": False, **lookup(kind)})
    except InputError as error:
        # The message may quote the type as it is written.
        message = f"{error.message}; {error.advice}" if error.advice else error.message
        problems.add(spot, escape(message), "plugin")
        return None


@dataclass(frozen=True, slots=True)
class _KnownSink:
    options: Table
    checker: Checker | None = None
    found: frozenset[SchemaFinding] = frozenset()
    """What is wrong with the sink itself, and is reported there."""


class Sinks:
    """The sinks of one manifest, and the deliveries that name them."""

    def __init__(self, lookup: Callable[[str], Mapping[str, Any]], problems: Problems) -> None:
        self._lookup = lookup
        self._problems = problems
        self._known: dict[str, _KnownSink] = {}
        self._checkers: dict[str, Checker] = {}
        self._default: tuple[Delivery, ...] = ()
        """The deliveries of the default sink; empty until they were read without a problem."""

    def read(self, tables: Table, unusable: AbstractSet[str]) -> Mapping[SinkName, SinkSettings]:
        """Return the settings of every sink that fits the schema; problems are added."""
        settings: dict[SinkName, SinkSettings] = {}
        for name, given in tables.items():
            # Known before it is read, so that a delivery to an unsound sink is not reported as unknown too.
            self._known[name] = _KnownSink(Table(tables.spot))
            if name not in unusable:
                place = self._problems.place_of(tables.key_spot(name))
                options = self._read_options(name, given)
                settings[SinkName(name)] = SinkSettings(
                    name=SinkName(name), type=given["type"], options=to_plain(options), place=place
                )
        return settings

    def _read_options(self, name: str, given: Table) -> Table:
        kind = given["type"]
        options = given.without("type")
        report_unexpanded_paths(options, self._problems, templates=True)
        checker = self._checkers.get(kind)
        if checker is None:
            checker = make_checker(kind, self._lookup, given.value_spot("type"), self._problems)
        if checker is not None:
            self._checkers[kind] = checker
            found = report_findings(checker, options, subject=_name(name), spot=given.spot, problems=self._problems)
            self._known[name] = _KnownSink(options, checker, frozenset(found))
        return options

    def read_default(self, defaults: Table) -> tuple[Delivery, ...]:
        """Return the deliveries of the defaults' `sink` field, the same objects at each call.

        Problems are added at each call, so that every declaration that uses the default counts as unsound.
        """
        if not self._default:
            before = self._problems.additions
            deliveries = self.read_deliveries(defaults["sink"], defaults.value_spot("sink"))
            if self._problems.additions != before:
                return deliveries
            self._default = deliveries
        return self._default

    def read_deliveries(self, value: Any, spot: Spot) -> tuple[Delivery, ...]:
        """Return the deliveries of a `sink` field in its order; problems are added."""
        deliveries: list[Delivery] = []
        for item, item_spot in iter_items(value, spot):
            delivery = self._read_delivery(item, item_spot)
            if delivery in deliveries:
                self._problems.add(
                    item_spot, f"{_name(delivery.sink)} is named twice with the same options", "duplicate"
                )
            deliveries.append(delivery)
        return tuple(deliveries)

    def _read_delivery(self, item: Any, spot: Spot) -> Delivery:
        is_table = isinstance(item, Table)
        # Some sinks have an option called `name`; to change that one, a delivery names its sink by `sink`.
        field = "sink" if is_table and "sink" in item else "name"
        name: str = item[field] if is_table else item
        known = self._known.get(name)
        options: Mapping[str, Json] = {}
        if known is None:
            self._problems.add(
                item.value_spot(field) if is_table else spot, self._describe_unknown(name), "unknown_sink"
            )
        elif is_table:
            options = self._read_changes(item.without(field), known, name)
        return Delivery(sink=SinkName(name), options=options, place=self._problems.place_of(spot))

    def _describe_unknown(self, name: str) -> str:
        if not self._known:
            return f"{_name(name)} is unknown; 'sinks' names none"
        hint = suggest(name, self._known) or f"; known are {list_words(self._known)}"
        return f"{_name(name)} is unknown{hint}"

    def _read_changes(self, changes: Table, known: _KnownSink, name: str) -> Mapping[str, Json]:
        """Return what a delivery changes of its sink's options; problems are added if the changes bring new ones."""
        report_unexpanded_paths(changes, self._problems, templates=True)
        if known.checker is not None and changes:
            merged = known.options.without(*changes)
            for (key, value), *spots in zip(changes.items(), changes.key_spots, changes.value_spots, strict=True):
                merged.put(key, value, *spots)
            for finding in known.checker.find(merged, subject=_name(name)):
                # What is wrong with the sink itself was reported there, and is not repeated for each delivery.
                if finding not in known.found:
                    is_change = (*finding.path, finding.key)[0] in changes
                    spot = spot_of(finding, merged, changes.spot) if is_change else changes.spot
                    self._problems.add(spot, finding.message, "schema")
        return to_plain(changes)


def _name(sink: str) -> str:
    return f"sink {quote(sink)}"


def to_plain(table: Table) -> dict[str, Json]:
    """Return a copy without spots."""
    return {key: _strip(value) for key, value in table.items()}


def _strip(value: Any) -> Json:
    if isinstance(value, Table):
        return to_plain(value)
    return [_strip(item) for item in value] if isinstance(value, ItemList) else value

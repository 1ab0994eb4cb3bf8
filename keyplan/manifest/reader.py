"""Read a whole manifest: run every step and collect what each one finds.

A step is never skipped because an earlier one found a problem, as long as there is something left to read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from keyplan.errors import ManifestError, Problem
from keyplan.manifest.addresses import Addresses
from keyplan.manifest.compose import Composed, compose, needs_composition
from keyplan.manifest.declaration import DeclarationReader
from keyplan.manifest.defaults import Defaults, FieldPlaces, GivenFields
from keyplan.manifest.lineage import read_formerly, read_removed
from keyplan.manifest.plugins import PluginSchemas, Sinks, read_ledger
from keyplan.manifest.policy import read_rules
from keyplan.manifest.problems import START, Problems, SchemaFinding, Spot
from keyplan.manifest.providers import Providers, read_one_provider, read_providers
from keyplan.manifest.rollout import read_rollout
from keyplan.manifest.schema import Checker, report_findings
from keyplan.manifest.secret_search import report_secrets
from keyplan.manifest.sources import NO_SOURCES, Sources
from keyplan.manifest.tables import ItemList, Table
from keyplan.manifest.waivers import read_waivers
from keyplan.manifest.yaml_errors import decode
from keyplan.manifest.yaml_parser import parse_yaml
from keyplan.model.identity import NO_MANIFEST_ID, Departure, Identity, ManifestId
from keyplan.model.limits import Limits, Rollout
from keyplan.model.manifest import (
    Declaration,
    LedgerSettings,
    Manifest,
    OnRemove,
    ProviderSettings,
    Unmanaged,
    Waiver,
)
from keyplan.model.policy import Policy
from keyplan.model.quotes import nearest

_SUBJECT = "a manifest"
_PRUNED_FIELDS = frozenset({"roles", "rotation"})
"""Fields of a declaration whose own fields can each be read without the others."""

_OWN_FIELDS = frozenset({"version", "owner"})
_OWN_FIELD = re.compile(rb"^(version|owner)\s*:", re.MULTILINE)
"""The same, found without reading a large file twice."""

_FOUNDATIONS = ("defaults", "sinks")
"""Fields of the manifest that every declaration builds on."""

_Refused: TypeAlias = "dict[str | int, _Refused]"
"""What the schema refused or missed: a tree of names of fields and indexes."""


def read(
    text: bytes, *, file: str, schema: Mapping[str, Any], plugins: PluginSchemas, sources: Sources = NO_SOURCES
) -> Manifest:
    """Return the manifest that a file holds, composed with its sources.

    `file` is what its places are called; `schema` is that of `schemas/manifest.v1.json`.

    Raises ManifestError with all problems, as ``file:line:column: message``, in file order.
    """
    manifest, problems = read_with_problems(text, file=file, schema=schema, plugins=plugins, sources=sources)
    if problems:
        raise ManifestError(problems)
    return manifest


def read_with_problems(
    text: bytes, *, file: str, schema: Mapping[str, Any], plugins: PluginSchemas, sources: Sources = NO_SOURCES
) -> tuple[Manifest, tuple[Problem, ...]]:
    """Return what of a manifest is sound, declarations that are not being left out, and every problem in file order.

    Raises ManifestError if nothing is sound, because it is not a manifest at all.
    """
    problems = Problems(file)
    reading = _Reading(text, schema, plugins, sources.remembering())
    composed = reading.compose(problems)
    root = composed.root
    findings = report_findings(Checker(schema), root, subject=_SUBJECT, spot=START, problems=problems)
    if not isinstance(root, Table):
        problems.raise_if_any()
    known_fields = frozenset(schema["properties"]["defaults"]["properties"])
    reader = _Reader(root, _index(findings), known_fields, problems)
    # Read a second time for a violation only: keeping the spots of 10,000 declarations would cost every plan.
    places = FieldPlaces(lambda again: reading.compose(again).root, file)
    manifest = reader.read(file, plugins, places)
    return replace(manifest, includes=composed.includes) if composed.includes else manifest, problems.listed()


def compose_text(
    text: bytes, *, file: str, schema: Mapping[str, Any], plugins: PluginSchemas, sources: Sources
) -> tuple[Table, Problems]:
    """Return the plain manifest that a file and its sources make, and what knows the places of its values.

    Raises ManifestError if they make none; whether it is sound is not judged.
    """
    problems = Problems(file)
    composed = _Reading(text, schema, plugins, sources).compose(problems)
    problems.raise_if_any()
    if not isinstance(composed.root, Table):
        problems.fail(START, "a manifest is a mapping of fields")
    return composed.root, problems


@dataclass(frozen=True, slots=True)
class _Reading:
    """What a manifest is read from."""

    text: bytes
    schema: Mapping[str, Any]
    plugins: PluginSchemas
    sources: Sources

    def compose(self, problems: Problems) -> Composed:
        """Return the plain manifest. Raises ManifestError if it is none."""
        decoded = decode(self.text, problems)
        root = parse_yaml(decoded, problems)
        # Before the schema: a value that holds a secret must not be quoted by a later message.
        report_secrets(decoded, root, problems)
        if root is None:
            problems.fail(START, "the file is empty")
        if not needs_composition(root, decoded, self.sources):
            return Composed(root=root)
        return compose(root, self.sources, schema=self.schema, find_sink=self.plugins.sink, problems=problems)


def is_manifest(text: bytes) -> bool:
    """Whether a file is meant as a manifest, with problems or not: it has one of the fields that every manifest has."""
    if _OWN_FIELD.search(text):
        return True
    problems = Problems("")
    try:
        root = parse_yaml(decode(text, problems), problems)
    except ManifestError:
        return False
    return isinstance(root, Table) and not _OWN_FIELDS.isdisjoint(root)


def _index(findings: tuple[SchemaFinding, ...]) -> _Refused:
    """Return the paths of all findings as one tree."""
    refused: _Refused = {}
    for finding in findings:
        node = refused
        for step in finding.path if finding.key is None else (*finding.path, finding.key):
            node = node.setdefault(step, {})
    return refused


class _Reader:
    """Reads the parts of a manifest, passing over what the schema refused."""

    def __init__(self, root: Table, refused: _Refused, known_fields: frozenset[str], problems: Problems) -> None:
        self._root = root
        self._refused = refused
        self._has_sound_foundations = refused.keys().isdisjoint(_FOUNDATIONS)
        self._known_fields = known_fields
        self._problems = problems

    def read(self, file: str, plugins: PluginSchemas, places: FieldPlaces) -> Manifest:
        """Return the manifest without what the schema or meaning refused; settings then have default values."""
        sinks = Sinks(plugins.sink, self._problems)
        identity = Identity(self._get("owner", default=""), ManifestId(self._get("id", default=NO_MANIFEST_ID)))
        defaults = self._read_defaults()
        providers = self._read_providers(plugins, defaults)
        addresses = Addresses(self._problems)
        sink_settings = sinks.read(self._get_table("sinks"), self._list_refused("sinks"))  # deliveries name them
        reader = DeclarationReader(
            identity=identity,
            marker=self._get("marker", default=True),
            defaults=Defaults(defaults),
            sinks=sinks,
            providers=providers,
            addresses=addresses,
            find_place=places.find,
            problems=self._problems,
        )
        keys = self._read_keys(reader)
        removed = self._read_removed(identity, addresses)
        addresses.check()
        return Manifest(
            path=file,
            owner=identity.owner,
            id=identity.id,
            formerly=self._read_formerly(identity),
            removed=removed,
            marker=self._get("marker", default=True),
            provider=providers.default,
            further_providers=providers.further,
            sinks=sink_settings,
            ledger=self._read_ledger(plugins),
            limits=self._read_limits(),
            rollout=self._read_rollout(addresses),
            unmanaged=Unmanaged(self._get("unmanaged", default=Unmanaged.REPORT.value)),
            on_remove=OnRemove(defaults.get("on_remove", OnRemove.DELETE.value)),
            policies=self._read_policies(),
            waivers=self._read_waivers(),
            keys=keys,
            find_field=places.find_field,
        )

    def _get(self, name: str, *, default: Any) -> Any:
        """Return a top-level field that is not a mapping; the default if it is absent or refused."""
        return default if name in self._refused else self._root.get(name, default)

    def _list_refused(self, name: str) -> frozenset[str]:
        """Return which fields of a top-level mapping the schema refused or missed."""
        return frozenset(map(str, self._refused.get(name, {})))

    def _get_table(self, name: str) -> Table:
        """Return a top-level mapping; an empty one if it is absent or something else."""
        value = self._root.get(name)
        return value if isinstance(value, Table) else Table(self._root.spot)

    def _read_formerly(self, own: Identity) -> tuple[Identity, ...]:
        rows = self._root.get("formerly")
        if not isinstance(rows, ItemList):
            return ()
        return tuple(read_formerly(rows, self._refused.get("formerly", {}), own=own, problems=self._problems))

    def _read_removed(self, own: Identity, addresses: Addresses) -> tuple[Departure, ...]:
        rows = self._root.get("removed")
        if not isinstance(rows, ItemList):
            return ()
        refused = self._refused.get("removed", {})
        return tuple(read_removed(rows, refused, own=own, addresses=addresses, problems=self._problems))

    def _read_providers(self, plugins: PluginSchemas, defaults: GivenFields) -> Providers:
        if "providers" in self._root:
            if "provider" in self._root:
                self._problems.add(self._root.key_spot("providers"), "'provider' and 'providers' exclude each other")
            usual = defaults.get("provider", None)
            refused = self._list_refused("providers")
            return read_providers(self._get_table("providers"), usual, refused, plugins, self._problems)
        if "provider" not in self._root or "type" in self._list_refused("provider"):
            return Providers(default=ProviderSettings())
        given = self._get_table("provider").without(*self._list_refused("provider"))
        return read_one_provider(given, plugins, self._problems)

    def _read_ledger(self, plugins: PluginSchemas) -> LedgerSettings:
        # Without the field no module of a ledger is imported: `keyplan validate` needs none.
        if "ledger" not in self._root or "type" in self._list_refused("ledger"):
            return LedgerSettings()
        given = self._get_table("ledger").without(*self._list_refused("ledger"))
        return read_ledger(given, plugins.ledger, self._problems)

    def _read_policies(self) -> tuple[Policy, ...]:
        if "policy" not in self._root:
            return ()
        given = self._get_table("policy").without(*self._list_refused("policy"))
        # A rule is cited by its file and line, so that those of an included file are a policy of their own.
        by_file: dict[str, Table] = {}
        for name, value, key_spot, value_spot in given.rows():
            file = self._problems.place_of(key_spot).file
            by_file.setdefault(file, Table(given.spot)).put(name, value, key_spot, value_spot)
        own = by_file or {self._problems.place_of(given.spot).file: given}
        return tuple(read_rules(rules, file=file, problems=self._problems) for file, rules in own.items())

    def _read_waivers(self) -> tuple[Waiver, ...]:
        rows = self._root.get("waivers")
        if not isinstance(rows, ItemList):
            return ()
        refused = {index: tuple(names) for index, names in self._refused.get("waivers", {}).items()}
        return tuple(read_waivers(rows, refused, self._problems))

    def _read_limits(self) -> Limits:
        given = self._get_table("limits").without(*self._list_refused("limits"))
        return Limits(**{name: int(amount) for name, amount in given.items()})

    def _read_rollout(self, addresses: Addresses) -> Rollout | None:
        if not isinstance(self._root.get("rollout"), Table):
            return None
        given = self._get_table("rollout").without(*self._list_refused("rollout"))
        return read_rollout(given, addresses.declared, self._problems)

    def _read_defaults(self) -> GivenFields:
        table = self._get_table("defaults")
        if "defaults" in self._refused and not isinstance(self._root.get("defaults"), Table):
            return GivenFields(table, table.spot, self._known_fields)
        return self._mark_unusable(table, table.spot, self._refused.get("defaults", {}))

    def _read_keys(self, reader: DeclarationReader) -> tuple[Declaration, ...]:
        rows = self._root.get("keys")
        if not isinstance(rows, ItemList):
            return ()
        refused = self._refused.get("keys", {})
        reader.check_defaults()
        declared = tuple(
            self._declare(reader, item, spot, refused.get(index, {}))
            for index, (item, spot) in enumerate(zip(rows, rows.value_spots, strict=True))
            if isinstance(item, Table)
        )
        return tuple(declaration for declaration in declared if declaration is not None)

    def _declare(self, reader: DeclarationReader, item: Table, spot: Spot, refused: _Refused) -> Declaration | None:
        """Return a declaration; None if something is wrong with it, or with what it builds on."""
        # Counted and not compared: the same problem twice is shown once, and still makes both declarations unsound.
        before = self._problems.additions
        declaration = reader.declare(self._mark_unusable(item, spot, refused))
        is_sound = self._problems.additions == before and not refused and self._has_sound_foundations
        return declaration if is_sound else None

    def _mark_unusable(self, table: Table, spot: Spot, refused: _Refused) -> GivenFields:
        if not refused:
            return GivenFields(table, spot)
        # A refused field of `roles` or `rotation` takes only itself away, so that its neighbours are still checked.
        sound = table.without()
        unusable = set(map(str, refused))
        for name in unusable & _PRUNED_FIELDS:
            if refused[name] and isinstance(sound[name], Table):
                sound[name] = sound[name].without(*map(str, refused[name]))
                unusable.discard(name)
        # An unknown field stands for the one that was meant: that one isn't missing, it is misspelt.
        meant = {nearest(name, self._known_fields) for name in unusable - self._known_fields}
        return GivenFields(sound, spot, unusable | {name for name in meant if name is not None})

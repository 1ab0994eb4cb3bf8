"""What the manifest alone decides beyond its own words: places, options that exclude each other, and lawful rotations.

The plugins that a manifest names are asked; none of them opens anything here. `keyplan validate` reports what is found,
and every other command refuses it before the first request.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from keyplan.app import registry
from keyplan.app.plugin_files import make_file_reader
from keyplan.app.wiring import PROVIDERS, SINKS
from keyplan.errors import InputError, ManifestError, Problem
from keyplan.model.desired import Desired
from keyplan.model.identity import ONLY_PROVIDER, Address, ProviderName, SinkName
from keyplan.model.laws import Laws
from keyplan.model.manifest import Declaration, Delivery, Manifest, ProviderSettings, SinkSettings
from keyplan.model.observation import Slot
from keyplan.model.place import Place
from keyplan.model.quick import quick
from keyplan.planner.strategy import find_unlawful_rotation
from keyplan.sinks.places import PlaceIdentity, SinkPlaces

_NO_ADDRESS = Address("")


def find_manifest_problems(manifest: Manifest, folder: Path) -> tuple[Problem, ...]:
    """Return every problem that the manifest alone decides, in file order, each once.

    A plugin of others that does not offer `PLACES` or `find_laws` is not asked, and neither is one that is not
    installed.
    """
    found = [*_check_providers(manifest, folder), *_PlaceCheck(manifest, str(folder)).run()]
    return tuple(sorted(dict.fromkeys(found), key=manifest.order_of))


def _check_providers(manifest: Manifest, folder: Path) -> Iterator[Problem]:
    yield from _find_same_providers(manifest)
    for settings in manifest.providers:
        yield from _check_provider(manifest, settings, folder)


def _find_same_providers(manifest: Manifest) -> Iterator[Problem]:
    """Yield each provider that is another one under a second name: each would find the other's keys, marked as ours."""
    known: dict[tuple[str, str, str], ProviderSettings] = {}
    for settings in manifest.providers:
        account = (settings.type, json.dumps(settings.options, sort_keys=True), str(settings.credential))
        first = known.setdefault(account, settings)
        if first is not settings:
            yield (settings.place or Place(manifest.path, 1, 1)).problem(
                f"provider '{settings.label}' is the same as '{first.label}'",
                rule="manifest/same_provider",
                subject=_NO_ADDRESS,
                advice="remove one of them, and name the other in its declarations",
            )


def _check_provider(manifest: Manifest, settings: ProviderSettings, folder: Path) -> Iterator[Problem]:
    try:
        module = registry.load(PROVIDERS, settings.type)
    except InputError:
        # An unknown type is reported by the reader, with its place.
        return
    try:
        laws = _find_laws(module, settings, folder)
    except ManifestError as error:
        # In a file that the provider names; each problem has its place there.
        yield from error.problems
        return
    except InputError as error:
        place = settings.place or Place(manifest.path, 1, 1)
        yield _to_problem(error, place, rule="manifest/provider")
        return
    if laws is not None:
        yield from find_unlawful(manifest, laws, settings.name)


def _find_laws(module: ModuleType, settings: ProviderSettings, folder: Path) -> Laws | None:
    """Return the laws that options and the files which they name decide; None if the server has to be asked."""
    laws: Laws | None = None
    if hasattr(module, "find_laws_in_files"):
        laws = module.find_laws_in_files(settings.options, make_file_reader(folder))
    elif hasattr(module, "find_laws"):
        laws = module.find_laws(settings.options)
    return laws


def find_unlawful(manifest: Manifest, laws: Laws, provider: ProviderName = ONLY_PROVIDER) -> Iterator[Problem]:
    """Yield why a rotation of a provider's keys can never be lawful."""
    for declared in (key for key in manifest.keys if key.provider == provider):
        desired = Desired(declaration=declared, identity=manifest.identity, marker=None, access=None)
        for message, advice in find_unlawful_rotation(desired, laws):
            yield declared.place.problem(message, rule="manifest/unlawful", subject=declared.address, advice=advice)


def _to_problem(error: InputError, place: Place, *, rule: str, subject: Address = _NO_ADDRESS) -> Problem:
    return place.problem(error.message, rule=rule, subject=subject, advice=error.advice)


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class _Taken:
    """A place that a delivery takes."""

    declared: Declaration
    delivery: Delivery
    identity: PlaceIdentity
    slot: Slot

    @property
    def name(self) -> str:
        """The place as messages name it."""
        return str(self.slot)


@dataclass(slots=True)
class _PlaceCheck:
    """Locates every delivery and compares the places."""

    manifest: Manifest
    folder: str
    _known: dict[SinkName, SinkPlaces | None] = field(default_factory=dict)
    _required: dict[SinkName, frozenset[str]] = field(default_factory=dict)
    """The options that each sink needs and does not have itself. Looked up once: that takes as long as to locate."""
    _taken: dict[tuple[str, str], _Taken] = field(default_factory=dict)
    _first: dict[str, _Taken] = field(default_factory=dict)
    """Of each container, who takes it first."""

    def run(self) -> Iterator[Problem]:
        """Yield what is wrong with sinks and places."""
        for name, settings in self.manifest.sinks.items():
            self._known[name] = places = _load_places(settings)
            try:
                if places:
                    required = registry.options_schema(SINKS, settings.type).get("required", ())
                    self._required[name] = frozenset(required) - settings.options.keys()
                    places.check(settings)
            except InputError as error:
                self._known[name] = None
                yield _to_problem(error, settings.place, rule="manifest/sink")
        for declared in self.manifest.keys:
            for delivery in declared.deliveries:
                if problem := self._check(declared, delivery):
                    yield problem

    def _check(self, declared: Declaration, delivery: Delivery) -> Problem | None:
        settings, places = self.manifest.sinks[delivery.sink], self._known.get(delivery.sink)
        if places is None or not delivery.options.keys() >= self._required[delivery.sink]:
            return None  # an option that the sink needs is in neither, which is reported where its options are read
        try:
            slot = places.locate(settings, self.manifest.owner, declared, delivery)
        except InputError as error:
            # What stands in the sink's own options is one mistake, however many keys go there.
            own = bool(delivery.options)
            place, subject = (delivery.place, declared.address) if own else (settings.place, _NO_ADDRESS)
            return _to_problem(error, place, rule="manifest/place", subject=subject)
        identity = places.identify(settings, slot, self.folder)
        return self._compare(_Taken(declared=declared, delivery=delivery, identity=identity, slot=slot))

    def _compare(self, new: _Taken) -> Problem | None:
        # Each of the two would overwrite the other's key at every run, and neither would ever be delivered.
        other = self._taken.setdefault((new.identity.container, new.identity.entry), new)
        first = self._first.setdefault(new.identity.container, new)
        if other is not new:
            return _describe_shared(new, other)
        if first.identity.form != new.identity.form:
            return _place_of(new).problem(
                f"{new.name} has another format than {first.name} of {first.declared.address}, and is the same file or "
                "secret",
                rule="manifest/two_formats",
                subject=new.declared.address,
                advice="give one of them another path, or both one format",
            )
        return None


def _describe_shared(new: _Taken, other: _Taken) -> Problem:
    whose = "it" if other.declared is new.declared else other.declared.address
    also = "" if other.name == new.name else f", which is {new.name}"
    return _place_of(new).problem(
        f"{whose} would be delivered to {other.name}, too{also}",
        rule="manifest/shared_place",
        subject=new.declared.address,
        advice="give each its own place, for example with {name} in the path",
    )


def _place_of(taken: _Taken) -> Place:
    return taken.delivery.place if taken.delivery.options else taken.declared.place


def _load_places(settings: SinkSettings) -> SinkPlaces | None:
    try:
        places: SinkPlaces | None = getattr(registry.load(SINKS, settings.type), "PLACES", None)
    except InputError:  # reported where its options are read
        return None
    return places

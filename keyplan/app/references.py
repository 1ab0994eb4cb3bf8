"""Everything that a manifest names outside itself, each with its place. Nothing of it is touched here.

The schemas of plugins say in `x-access` what an option names. An option that does not say it must never be left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, TypeAlias

from keyplan.app import registry
from keyplan.app.wiring import LEDGERS, PROVIDERS, SINKS
from keyplan.errors import InputError
from keyplan.model.identity import Address
from keyplan.model.manifest import (
    Declaration,
    Delivery,
    FromCommand,
    FromEnvironment,
    FromFile,
    Json,
    LedgerSettings,
    Manifest,
    ProviderSettings,
    SecretSource,
    SinkSettings,
)
from keyplan.model.place import Place
from keyplan.model.policy import FromProfile, OptionAccess
from keyplan.sinks.places import SinkPlaces

NO_ADDRESS = Address("")
_ACCESSES = {access.value: access for access in OptionAccess}


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedUrl:
    """Where the provider is, in the words of the manifest."""

    named: str
    """The field, as messages call it."""
    url: str | None
    """None if the options alone do not show it."""
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedCredential:
    """Where what keyplan itself presents stands."""

    named: str
    source: SecretSource | FromProfile
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedOwner:
    """An owner that the manifest is, was, or has to do with."""

    named: str
    owner: str
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedOption:
    """One option of a provider, sink or ledger, and what it names."""

    path: tuple[str, ...]
    value: Json
    """Templates are filled in."""
    accesses: frozenset[OptionAccess]
    """Empty if its schema does not say."""

    @property
    def name(self) -> str:
        """The option as messages call it: ``auth.token``."""
        return ".".join(self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginUse:
    """One use of a provider, sink or ledger: a sink has one for each of its deliveries."""

    kind: str
    """``provider``, ``sink`` or ``ledger``."""
    name: str
    """The sink's name, or that of one of several providers; empty for the others."""
    type: str
    options: Mapping[str, Json]
    """As the manifest gives them, those of sink and delivery together."""
    filled: Mapping[str, Json]
    """The same with templates filled in, and more that the plugin made of them."""
    schema: Mapping[str, Any]
    """Of the options; empty if it is not known."""
    unnamed_secrets: tuple[SecretSource, ...] = ()
    """Where secrets stand that the options use without naming them."""
    own: frozenset[str] = frozenset()
    """Options that the delivery gives itself."""
    subject: Address = NO_ADDRESS
    place: Place
    """Of the sink, the delivery or the ledger."""
    manifest: Manifest = field(repr=False)

    @property
    def title(self) -> str:
        """The provider, sink or ledger as messages call it."""
        return f"{self.kind} '{self.name}'" if self.name else f"the {self.kind}"

    @property
    def named_options(self) -> Iterator[NamedOption]:
        """Every option that is given and may name something."""
        given = {name: self.filled.get(name, value) for name, value in self.options.items()}
        return _list_options(self.schema, given, ())

    def place_of(self, *path: str) -> Place:
        """Return where an option stands; an option of a delivery's own where the delivery stands."""
        if path and path[0] in self.own:
            return self.place
        top = (f"{self.kind}s", self.name) if self.name else (self.kind,)
        return self.manifest.place_of(*top, *path)

    def subject_of(self, option: str) -> Address:
        """Return the address that an option is about; empty if it is the same for all keys of the sink."""
        written = self.options.get(option)
        filled = self.filled.get(option, written)
        is_filled = (list(filled) if isinstance(filled, tuple) else filled) != written
        return self.subject if option in self.own or is_filled else NO_ADDRESS


Reference: TypeAlias = NamedUrl | NamedCredential | NamedOwner | PluginUse


def list_references(manifest: Manifest) -> Iterator[Reference]:
    """Yield everything that a manifest names outside itself."""
    yield from _list_owners(manifest)
    for provider in manifest.providers:
        yield from _list_provider(manifest, provider)
    yield from _list_sinks(manifest)
    settings = manifest.ledger
    if settings != LedgerSettings(lease=settings.lease):
        yield _use_ledger(manifest, settings)


def path_of(settings: ProviderSettings) -> tuple[str, ...]:
    """Return the path of a provider's fields from the top of the manifest."""
    return ("providers", settings.label) if settings.label else ("provider",)


def read_secret(value: Json) -> SecretSource | None:
    """Return the source that the value of a secret option names; None if it has another form."""
    if not isinstance(value, Mapping) or len(value) != 1:
        return None
    match value:
        case {"env": str(name)}:
            return FromEnvironment(name)
        case {"file": str(path)}:
            return FromFile(path)
        case {"command": [*argv]}:
            return FromCommand(tuple(map(str, argv)))
        case _:
            return None


def read_accesses(option: Mapping[str, Any]) -> frozenset[OptionAccess]:
    """Return what the schema of an option says that it names; nothing if it does not say it in known words."""
    said = option.get("x-access", ())
    words = [said] if isinstance(said, str) else list(said)
    known = [_ACCESSES[word] for word in words if word in _ACCESSES]
    return frozenset(known) if len(known) == len(words) else frozenset()


def _list_options(schema: Mapping[str, Any], given: Mapping[str, Json], path: tuple[str, ...]) -> Iterator[NamedOption]:
    for name, value in given.items():
        option = schema.get("properties", {}).get(name, {})
        if value is None or isinstance(value, bool | int | float) or "enum" in option:
            continue
        if isinstance(value, Mapping) and "x-access" not in option and "properties" in option:
            yield from _list_options(option, value, (*path, name))
        else:
            yield NamedOption(path=(*path, name), value=value, accesses=read_accesses(option))


def _list_owners(manifest: Manifest) -> Iterator[NamedOwner]:
    if manifest.owner:  # one that is missing or refused is reported already
        yield NamedOwner(named="owner", owner=manifest.owner, place=manifest.place_of("owner"))
    for index, identity in enumerate(manifest.formerly):
        yield NamedOwner(
            named="former owner", owner=identity.owner, place=manifest.place_of("formerly", index, "owner")
        )
    for index, departure in enumerate(manifest.removed):
        yield NamedOwner(named="new owner", owner=departure.to, place=manifest.place_of("removed", index, "to"))
    for declared in manifest.keys:
        for origin in declared.taken_from:
            yield NamedOwner(
                named="owner in moved_from", owner=origin.identity.owner, place=declared.place_of("moved_from")
            )


def _list_provider(manifest: Manifest, settings: ProviderSettings) -> Iterator[Reference]:
    place = settings.place or manifest.place_of(*path_of(settings))
    yield from _find_urls(manifest, settings, place)
    for named, source in (("credential", settings.credential), ("reader_credential", settings.reader_credential)):
        if source is not None:
            yield NamedCredential(named=named, source=source, place=manifest.place_of(*path_of(settings), named))
    find_profile = getattr(_load(PROVIDERS, settings.type), "find_profile", None)
    if find_profile and (profile := find_profile(settings.options)):
        spot = manifest.place_of(*path_of(settings), "profile")
        # It says where the API is; only reading it would show that.
        yield NamedUrl(named="profile", url=None, place=spot)
        yield NamedCredential(named="profile", source=FromProfile(profile), place=spot)
    yield PluginUse(
        kind="provider",
        name=settings.label,
        type=settings.type,
        options=settings.options,
        filled=settings.options,
        schema=_find_schema(PROVIDERS, settings.type),
        place=place,
        manifest=manifest,
    )


def _find_urls(manifest: Manifest, settings: ProviderSettings, place: Place) -> Iterator[NamedUrl]:
    """Yield the base URL that the options name; nothing if they leave it to the operator's environment."""
    find_named_url = getattr(_load(PROVIDERS, settings.type), "find_named_url", None)
    if find_named_url is None:
        yield NamedUrl(named=f"provider type '{settings.type}'", url=None, place=place)
        return
    named = next((name for name in ("base_url", "region") if settings.options.get(name)), "")
    # Options that can't be used are reported by `manifest_check`, and lead nowhere.
    with suppress(InputError):
        url: str | None = find_named_url(settings.options)
        if url is not None:
            written = settings.options.get("base_url")
            yield NamedUrl(
                named=named or "base URL",
                # Empty: a file says it, which is not read before the policies have spoken.
                url=str(written) if written else url or None,
                place=manifest.place_of(*path_of(settings), *filter(None, [named])),
            )


def _list_sinks(manifest: Manifest) -> Iterator[PluginUse]:
    used = set()
    for declared in manifest.keys:
        for delivery in declared.deliveries:
            settings = manifest.sinks[delivery.sink]
            used.add(settings.name)
            yield _use_sink(manifest, settings, declared, delivery)
    # A sink without a delivery is opened, too.
    for name, settings in manifest.sinks.items():
        if name not in used:
            yield _use_sink(manifest, settings, None, None)


def _use_sink(
    manifest: Manifest, settings: SinkSettings, declared: Declaration | None, delivery: Delivery | None
) -> PluginUse:
    places: SinkPlaces | None = getattr(_load(SINKS, settings.type), "PLACES", None)
    schema = _find_schema(SINKS, settings.type)
    options = {**settings.options, **(delivery.options if delivery else {})}
    filled: Mapping[str, Json] = options
    if places and declared and delivery:
        # A place that can't be made is reported by `manifest_check`; its options are judged as they are written.
        with suppress(InputError):
            filled = places.locate(settings, manifest.owner, declared, delivery).options
    return PluginUse(
        kind="sink",
        name=settings.name,
        type=settings.type,
        options=options,
        filled=filled,
        schema=schema,
        unnamed_secrets=(
            *_find_default_secrets(schema, options),
            *_read_secrets(places.find_secrets(options) if places else ()),
        ),
        own=frozenset(delivery.options) if delivery else frozenset(),
        subject=declared.address if declared else NO_ADDRESS,
        place=delivery.place if delivery and delivery.options else settings.place,
        manifest=manifest,
    )


def _use_ledger(manifest: Manifest, settings: LedgerSettings) -> PluginUse:
    schema = _find_schema(LEDGERS, settings.type)
    return PluginUse(
        kind="ledger",
        name="",
        type=settings.type,
        options=settings.options,
        filled=settings.options,
        schema=schema,
        unnamed_secrets=tuple(_find_default_secrets(schema, settings.options)),
        place=manifest.place_of("ledger"),
        manifest=manifest,
    )


def _find_default_secrets(schema: Mapping[str, Any], options: Mapping[str, Json]) -> Iterator[SecretSource]:
    for name, option in schema.get("properties", {}).items():
        if options.get(name) is None and OptionAccess.SECRET in read_accesses(option):
            yield from _read_secrets([option.get("default")])


def _read_secrets(values: Any) -> Iterator[SecretSource]:
    for value in values:
        if (source := read_secret(value)) is not None:
            yield source


def _load(group: str, name: str) -> ModuleType | None:
    # What can't be loaded is reported where its options are read, and does nothing.
    with suppress(InputError):
        return registry.load(group, name)
    return None


def _find_schema(group: str, name: str) -> Mapping[str, Any]:
    schema: Mapping[str, Any] = getattr(_load(group, name), "OPTIONS", {})
    return schema

"""Read the provider of a manifest, or its several providers, and which keys can be declared for each.

Only the JSON Schemas of providers are used, and what their modules say of declarations: no plugin code runs.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import timedelta

from keyplan.manifest.defaults import SCOPE_FIELDS, SERVICE_FIELDS, MergedFields
from keyplan.manifest.expansion import report_unexpanded_paths
from keyplan.manifest.plugins import PluginSchemas, make_checker, read_source, to_plain, type_spot
from keyplan.manifest.problems import Problems, Spot
from keyplan.manifest.schema import report_findings
from keyplan.manifest.tables import Table
from keyplan.model.identity import ONLY_PROVIDER, ProviderName, UserId
from keyplan.model.laws import KeyForm
from keyplan.model.manifest import KeyType, ProviderSettings, ScopeByName, SecretSource
from keyplan.model.quotes import list_words, quote, suggest
from keyplan.model.times import parse_duration

_DEFAULT = ProviderSettings()
_OWN_FIELDS = ("type", "credential", "reader_credential", "creators", "max_lifetime")


@dataclass(frozen=True, slots=True, kw_only=True)
class Providers:
    """The providers of one manifest, as declarations name them."""

    default: ProviderSettings
    """That of keys which name none."""
    further: tuple[ProviderSettings, ...] = ()
    """The others, sorted by name."""
    labels: Mapping[str, ProviderSettings] = field(default_factory=dict)
    """All of them by the names under `providers`; empty with one `provider`."""
    forms: Mapping[ProviderName, tuple[KeyForm, ...]] = field(default_factory=dict)
    """Which keys can be declared; of a provider with the fields of Arize there is none."""

    def find(self, label: str, spot: Spot, problems: Problems) -> ProviderSettings | None:
        """Return the provider that a declaration names; None, and a problem, if there is none of that name."""
        if label in self.labels:
            return self.labels[label]
        if not self.labels:
            problems.add(spot, "field 'provider' of a key goes with 'providers', and this manifest has one 'provider'")
            return None
        hint = suggest(label, self.labels) or f"; known are {list_words(self.labels)}"
        problems.add(spot, f"provider {quote(label)} is unknown{hint}")
        return None


def read_one_provider(given: Table, plugins: PluginSchemas, problems: Problems) -> Providers:
    """Return the only provider of a manifest; problems are added."""
    settings = _read_settings(given, plugins, problems)
    return Providers(default=settings, forms=_find_forms([settings], plugins))


def read_providers(
    tables: Table, usual: str | None, unusable: AbstractSet[str], plugins: PluginSchemas, problems: Problems
) -> Providers:
    """Return the providers under `providers`; `usual` is the name that `defaults` give. Problems are added."""
    labels: dict[str, ProviderSettings] = {}
    default = usual if usual is not None else next(iter(tables), None)
    if usual is None and len(tables) > 1:
        names = list_words(tables)
        message = f"of several providers ({names}) 'defaults' must name the usual one: defaults: {{provider: NAME}}"
        problems.add(tables.spot, message, "missing")
    for label, given in tables.items():
        if label not in unusable:
            name = ONLY_PROVIDER if label == default else ProviderName(label)
            labels[label] = replace(_read_settings(given, plugins, problems), name=name, label=label)
    known = list(labels.values())
    return Providers(
        default=labels.get(default or "", _DEFAULT),
        further=tuple(sorted((one for one in known if one.name), key=lambda one: one.name)),
        labels=labels,
        forms=_find_forms(known, plugins),
    )


def _find_forms(known: list[ProviderSettings], plugins: PluginSchemas) -> Mapping[ProviderName, tuple[KeyForm, ...]]:
    forms = {settings.name: plugins.key_forms(settings.type) for settings in known}
    return {name: found for name, found in forms.items() if found is not None}


def _read_settings(given: Table, plugins: PluginSchemas, problems: Problems) -> ProviderSettings:
    kind = given.get("type", _DEFAULT.type)
    options = given.without(*_OWN_FIELDS)
    login = given.get("credential", {})
    if "username" in login:
        options.put("username", login["username"], login.key_spot("username"), login.value_spot("username"))
    checker = make_checker(kind, plugins.provider, type_spot(given), problems)
    if checker is not None:
        report_findings(checker, options, subject="the provider", spot=given.spot, problems=problems)
    report_unexpanded_paths(given, problems)
    return ProviderSettings(
        type=kind,
        credential=_read_credential(given, plugins.credential(kind)),
        reader_credential=read_source(given["reader_credential"]) if "reader_credential" in given else None,
        max_lifetime=_read_lifetime(given, problems),
        creators=tuple(sorted({UserId(creator) for creator in given.get("creators", ())})),
        place=problems.place_of(given.spot),
        options=to_plain(options),
    )


def _read_credential(given: Table, usual: SecretSource) -> SecretSource:
    """Return where the credential is found; of a login, where its password is."""
    if "credential" not in given:
        return usual
    source: Table = given["credential"]
    return read_source(source.get("password", source))


def _read_lifetime(given: Table, problems: Problems) -> timedelta | None:
    """Return how long the account lets a key live; None if it is not given or, with a problem, not a duration."""
    if "max_lifetime" not in given:
        return None
    try:
        lifetime = parse_duration(given["max_lifetime"])
    except ValueError as error:
        problems.add(given.value_spot("max_lifetime"), f"field 'max_lifetime' {error}")
        return None
    if lifetime == timedelta(0):
        problems.add(given.value_spot("max_lifetime"), "field 'max_lifetime' must be longer than nothing")
        return None
    return lifetime


def read_named_scope(
    fields: MergedFields, key_type: KeyType, forms: tuple[KeyForm, ...], problems: Problems
) -> ScopeByName | None:
    """Return the scope that a declaration names; None if its keys have none. Problems are added."""
    form = next((form for form in forms if form.key_type is key_type), None)
    if form is None:
        refuse_type(fields, key_type, [form.key_type for form in forms], problems)
        return None
    own = fields.own.table
    for name in (*SERVICE_FIELDS, *SCOPE_FIELDS):
        if name in own and name != form.scope_field:
            problems.add(own.key_spot(name), f"field '{name}' is not for keys of this provider")
    if not form.scope_field:
        return None
    if fields.lacks(form.scope_field):
        problems.add(fields.own.spot, f"field '{form.scope_field}' is missing", "missing")
    value = fields.values.get(form.scope_field)
    return None if value is None else ScopeByName(value)


def refuse_type(fields: MergedFields, key_type: KeyType, known: Collection[KeyType], problems: Problems) -> None:
    """Add the problem that the provider has no keys of that type that could be declared, but others."""
    words = list_words([kind.value for kind in known])
    message = f"the provider of this key takes no keys of the type '{key_type.value}'; it takes {words}"
    problems.add(fields.spot("key_type"), message)

"""The keys that exist at a provider, managed by keyplan or not; nothing here changes any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from functools import partial
from typing import assert_never

from keyplan.app.allow import find_forbidden
from keyplan.app.context import RunContext
from keyplan.app.discovery import list_default_manifests
from keyplan.app.files import read_input, read_manifest
from keyplan.app.provider_ports import open_ports
from keyplan.app.provider_router import RoutedReader, naming
from keyplan.applier.route import find_provider
from keyplan.applier.scope_survey import list_further_spaces, merge_keys, walk_spaces
from keyplan.errors import InputError, ManifestError
from keyplan.model.identity import Identity, Lineage, ProviderName, ScopeId, unqualify
from keyplan.model.manifest import KeyType, ProviderSettings, ScopeById, ScopeByName, ScopeRef
from keyplan.model.observation import Observation, ScopeSurvey
from keyplan.model.policy import Policy
from keyplan.model.quotes import list_words, quote
from keyplan.model.texts import selects
from keyplan.ports import KeyReader, ProviderPorts

_BASE_URL_OPTIONS = ("base_url", "region")
"""Options of the provider that both say where it is, so that one of them displaces the other."""


class KeyOrder(Enum):
    """By what a list is sorted; keys without a time come last, and keys that are equal in this by their ids."""

    ID = "id"
    NAME = "name"
    CREATED = "created"
    EXPIRES = "expires"
    LAST_USED = "last-used"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFilter:
    """Which keys to list; the default lists every active key."""

    key_type: KeyType | None = None
    """None for both types."""
    active: bool | None = True
    """None for both states."""
    space: ScopeRef | None = None
    """Only service keys of this space; None for all keys. Of several providers, one that is not named is the usual."""
    provider: str = ""
    """Only keys of the provider of this name under `providers`; empty for all."""
    owner: str | None = None
    """Only keys that carry the marker of this owner."""
    managed: bool | None = None
    """Whether keys carry a marker of keyplan, of whatever owner; None for all."""
    names: tuple[str, ...] = ()
    """Globs; a key whose name fits one of them passes. Empty: every name."""
    expiring: timedelta | None = None
    """Only keys that expire within so long, or have expired."""
    unused: timedelta | None = None
    """Only keys of at least that age whose last use is at least so long ago, or unknown."""
    order: KeyOrder = KeyOrder.ID
    limit: int | None = None
    """At most so many keys, the first in the order of the list; None for all."""

    def takes(self, key: Observation, now: datetime) -> bool:
        """Whether a listed key passes what the provider does not filter."""
        if self.owner is not None and (key.marker is None or key.marker.owner != self.owner):
            return False
        if self.managed is not None and self.managed is (key.marker is None):
            return False
        if self.names and not any(selects(pattern, key.name, ()) for pattern in self.names):
            return False
        if self.expiring is not None and not key.expires_before(now + self.expiring):
            return False
        return self.unused is None or (key.last_used_at or key.created_at) <= now - self.unused


def list_keys(provider: ProviderPorts, wanted: KeyFilter, *, now: datetime) -> tuple[Observation, ...]:
    """Return the keys that pass the filter, in its order, and close the provider.

    Raises:
        InputError: The space is unknown, or the provider has no such filter, or does not show when keys were used.
        ProviderError: The provider cannot be read.
    """
    return survey_keys(provider, wanted, now=now)[0]


def survey_keys(
    provider: ProviderPorts, wanted: KeyFilter, *, now: datetime
) -> tuple[tuple[Observation, ...], ScopeSurvey | None]:
    """Return the keys as `list_keys` does, and in which spaces they were looked for, if that was in all of them."""
    with closing(provider):
        found = [_look_at(reader, asked) for reader, asked in _choose_readers(provider.reader, wanted)]
    taken = sorted(
        (key for keys, _ in found for key in keys if wanted.takes(key, now)), key=partial(_rank, wanted.order)
    )
    # Cut after the listing, not at the provider: its pages need not be sorted by id, so a limit there could
    # show other keys from one run to the next.
    return tuple(taken[: wanted.limit]), _join_surveys([survey for _, survey in found if survey])


def find_labels(provider: ProviderPorts) -> Mapping[ProviderName, str]:
    """Return what users call each of several providers; nothing if there is one."""
    return provider.reader.labels if isinstance(provider.reader, RoutedReader) else {}


def _choose_readers(reader: KeyReader, wanted: KeyFilter) -> Sequence[tuple[KeyReader, KeyFilter]]:
    """Return the readers of the providers that are asked, and what each is asked for."""
    if not isinstance(reader, RoutedReader):
        if wanted.provider:
            raise InputError("the manifest has one provider without a name", advice="leave out --provider")
        return [(reader, wanted)]
    labels = reader.labels
    if wanted.provider and wanted.provider not in labels.values():
        raise InputError(
            f"provider {quote(wanted.provider)} is unknown; known are {list_words(labels.values())}",
            advice="name one of them with --provider",
        )
    chosen = [name for name, label in labels.items() if wanted.provider in ("", label)]
    if wanted.space is not None:
        # A space is one of the usual provider unless it is written with the name of another one.
        name = chosen[0] if wanted.provider else find_provider(str(wanted.space), labels)
        return [(reader.at(name), replace(wanted, space=_localize(wanted.space, name)))]
    return [(reader.at(name), wanted) for name in chosen]


def _localize(space: ScopeRef, name: ProviderName) -> ScopeRef:
    own = unqualify(name, str(space))
    return ScopeById(ScopeId(own), name) if isinstance(space, ScopeById) else ScopeByName(own, name)


def _look_at(reader: KeyReader, wanted: KeyFilter) -> tuple[tuple[Observation, ...], ScopeSurvey | None]:
    if wanted.unused is not None and not reader.laws().shows_last_use:
        with naming(reader):
            raise InputError("this API does not show when a key was last used", advice="leave out --unused")
    keys = reader.search_keys(
        key_type=wanted.key_type, active=wanted.active, scope_id=_find_space(reader, wanted.space)
    )
    # A listing without a space misses the service keys of other users.
    if wanted.space is not None or wanted.key_type is KeyType.USER:
        return keys, None
    spaces = list_further_spaces(reader, ())
    if spaces is None:
        return keys, None
    found, survey = walk_spaces(reader, spaces, active=wanted.active)
    return merge_keys(keys, found), survey


def _join_surveys(surveys: Sequence[ScopeSurvey]) -> ScopeSurvey | None:
    if not surveys:
        return None
    return ScopeSurvey(
        looked_in=tuple(space for one in surveys for space in one.looked_in),
        refused=tuple(space for one in surveys for space in one.refused),
        is_complete=all(one.is_complete for one in surveys),
    )


def _rank(order: KeyOrder, key: Observation) -> tuple[bool, str | datetime, str]:
    match order:
        case KeyOrder.ID:
            return False, key.id, key.id
        case KeyOrder.NAME:
            return False, key.name, key.id
        case KeyOrder.CREATED:
            return False, key.created_at, key.id
        case KeyOrder.EXPIRES:
            return key.expires_at is None, key.expires_at or key.created_at, key.id
        case KeyOrder.LAST_USED:
            return key.last_used_at is None, key.last_used_at or key.created_at, key.id
        case _:
            assert_never(order)


def _find_space(reader: KeyReader, space: ScopeRef | None) -> ScopeId | None:
    if space is None:
        return None
    return space.known_id if isinstance(space, ScopeById) else reader.find_scopes([space])[space].id


def open_listed_provider(
    context: RunContext, named: str | None, overrides: Mapping[str, str], *, policies: tuple[Policy, ...] = ()
) -> ProviderPorts:
    """Return the provider of a manifest, or of the default one, or that of the environment if there is none.

    Several providers are returned as one. `overrides` are options of the provider that win over the manifest's; several
    take none. The caller closes it. Raises ManifestError with every problem in the manifest, and with what the policies
    do not allow it to name.
    """
    names = [named] if named else list_default_manifests(context)
    if not names:
        return open_named_provider(context, overrides)
    source = read_input(names[0], context)
    manifest = read_manifest(source, policies)
    if forbidden := find_forbidden(manifest, source.folder, policies):
        raise ManifestError(forbidden)
    context.wiring.keep_secrets(manifest)
    if overrides and manifest.further_providers:
        raise InputError(
            f"{manifest.path} has several providers, and an option of the command line would be for one",
            advice="write it under 'providers'",
        )
    with ExitStack() as opened:
        ports = open_ports(
            manifest,
            lambda settings: context.wiring.provider(
                _override(settings, overrides), lineage=manifest.lineage, folder=source.folder
            ),
            opened.callback,
        )
        return replace(ports, close=opened.pop_all().close)


def open_named_provider(context: RunContext, options: Mapping[str, str]) -> ProviderPorts:
    """Return the provider with these options, whatever manifest there is. The caller closes it."""
    settings = ProviderSettings(options=options)
    return context.wiring.provider(settings, lineage=Lineage(identity=Identity("")), folder=context.folder)


def _override(settings: ProviderSettings, overrides: Mapping[str, str]) -> ProviderSettings:
    displaced = _BASE_URL_OPTIONS if any(name in overrides for name in _BASE_URL_OPTIONS) else ()
    kept = {name: value for name, value in settings.options.items() if name not in displaced}
    return replace(settings, options={**kept, **overrides})

"""Several providers behind the ports of one: a manifest with one provider never meets any of this.

Ids of keys and scopes of further providers get the provider's name in front, on the way out, and lose it on the way
in, so that ids of two providers never collide. What is issued, verified or deleted goes through the ports of one
provider (`Routed.at`): a raw key is never shown to a provider that did not issue it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from keyplan.applier.route import find_provider
from keyplan.applier.scope_survey import SpaceLister
from keyplan.applier.update import edit
from keyplan.errors import InputError
from keyplan.model.desired import Desired
from keyplan.model.identity import ONLY_PROVIDER, KeyId, ProviderName, ScopeId, qualify, unqualify
from keyplan.model.laws import Laws
from keyplan.model.manifest import KeyType, ScopeRef
from keyplan.model.observation import Access, Observation, Scope
from keyplan.model.secret import RawKey
from keyplan.ports import Issued, KeyReader, KeyWriter, ProviderPorts, ReaderPorts


def route_readers(ports: Mapping[ProviderName, ReaderPorts]) -> ReaderPorts:
    """Return the readers of several providers as one, which the caller closes; the usual one has the empty name."""
    return ReaderPorts(reader=_route_readers({name: one.reader for name, one in ports.items()}))


def route(ports: Mapping[ProviderName, ProviderPorts]) -> ProviderPorts:
    """Return the ports of several providers as one, which the caller closes; the usual one has the empty name."""
    writers = {name: _QualifiedWriter(one.writer, name) if name else one.writer for name, one in ports.items()}
    return ProviderPorts(
        reader=_route_readers({name: one.reader for name, one in ports.items()}),
        writer=RoutedWriter(writers),
    )


def _route_readers(readers: Mapping[ProviderName, KeyReader]) -> RoutedReader:
    return RoutedReader({name: _qualify_reader(one, name) if name else one for name, one in readers.items()})


def _qualify_reader(reader: KeyReader, name: ProviderName) -> _QualifiedReader:
    return _QualifiedLister(reader, name) if isinstance(reader, SpaceLister) else _QualifiedReader(reader, name)


@dataclass(frozen=True, slots=True)
class RoutedReader:
    """Implements KeyReader for all providers of a manifest, and `Routed`."""

    _readers: Mapping[ProviderName, KeyReader]

    def at(self, provider: ProviderName) -> KeyReader:
        """Return the reader of one provider; its ids are those that the whole reader shows."""
        return self._readers[provider]

    @property
    def base_url(self) -> str:
        """The address of the usual provider."""
        return self._readers[ONLY_PROVIDER].base_url

    def laws(self) -> Laws:
        """Return the laws of the usual provider."""
        return self._readers[ONLY_PROVIDER].laws()

    def list_keys(self, spaces: Collection[ScopeId]) -> tuple[Observation, ...]:
        """Return the keys of every provider. Raises as each does, and InputError if ids can't be distinguished."""
        grouped = self._group(spaces)
        found = [key for name, reader in self._readers.items() for key in reader.list_keys(grouped[name])]
        return self._sort(found)

    def search_keys(
        self, *, key_type: KeyType | None, active: bool | None, scope_id: ScopeId | None
    ) -> tuple[Observation, ...]:
        """Return what passes the filters; with a scope, at its provider."""
        if scope_id is not None:
            return self._readers[self._find(scope_id)].search_keys(key_type=key_type, active=active, scope_id=scope_id)
        readers = self._readers.values()
        found = [
            one for reader in readers for one in reader.search_keys(key_type=key_type, active=active, scope_id=None)
        ]
        return self._sort(found)

    def find_scopes(self, references: Collection[ScopeRef]) -> Mapping[ScopeRef, Scope]:
        """Return the scope of every reference, each at its provider."""
        grouped: defaultdict[ProviderName, list[ScopeRef]] = defaultdict(list)
        for reference in references:
            grouped[reference.provider].append(reference)
        return {
            reference: scope
            for name, mine in grouped.items()
            for reference, scope in self._readers[name].find_scopes(mine).items()
        }

    def presents(self, redacted: str) -> bool:
        """Whether the usual provider is given a credential of this form."""
        return self._readers[ONLY_PROVIDER].presents(redacted)

    def clock_skew(self) -> timedelta | None:
        """Return the largest difference of all providers' clocks; None before the first answer."""
        known = [skew for reader in self._readers.values() if (skew := reader.clock_skew()) is not None]
        return max(known, key=abs, default=None)

    def _group(self, spaces: Collection[ScopeId]) -> Mapping[ProviderName, list[ScopeId]]:
        grouped: defaultdict[ProviderName, list[ScopeId]] = defaultdict(list)
        for space in spaces:
            grouped[self._find(space)].append(space)
        return grouped

    def _find(self, known_id: str) -> ProviderName:
        return find_provider(known_id, self._readers)

    def _sort(self, found: Collection[Observation]) -> tuple[Observation, ...]:
        for key in found:
            if self._find(key.id) != key.provider:
                raise InputError(
                    f"key {key.id} of the usual provider has an id like those of provider '{self._find(key.id)}'",
                    advice="give that provider another name",
                )
        return tuple(sorted(found, key=lambda key: key.id))


@dataclass(frozen=True, slots=True)
class RoutedWriter:
    """Implements `Routed` for writers. As a KeyWriter it refuses: only one provider's can change or verify a key."""

    _writers: Mapping[ProviderName, KeyWriter]

    def at(self, provider: ProviderName) -> KeyWriter:
        """Return the writer of one provider."""
        return self._writers[provider]

    def create(self, desired: Desired, *, expires_at: datetime | None) -> Issued:
        """Create a key at the provider of its declaration. Raises as that does."""
        return self._writers[desired.declaration.provider].create(desired, expires_at=expires_at)

    def refresh(self, key_id: KeyId, *, expires_at: datetime | None, grace: timedelta) -> Issued:
        """Give a key a new raw key at its provider. Raises as that does."""
        return self._writers[find_provider(key_id, self._writers)].refresh(key_id, expires_at=expires_at, grace=grace)

    def delete(self, key_id: KeyId) -> None:
        """End a key at its provider. Raises as that does."""
        self._writers[find_provider(key_id, self._writers)].delete(key_id)

    def verify(self, raw: RawKey) -> bool:  # noqa: ARG002 - a raw key is shown to the provider that issued it alone
        """Raise InputError: nothing says which provider issued a raw key."""
        raise InputError(
            "which of several providers issued this raw key is not known, so none is asked",
            advice="use a manifest with the one provider of the key",
        )


@dataclass(frozen=True, slots=True)
class _QualifiedReader:
    """Implements KeyReader for a further provider: every id that it shows or takes has the provider's name in front."""

    _reader: KeyReader
    _name: ProviderName

    @property
    def base_url(self) -> str:
        return self._reader.base_url

    def laws(self) -> Laws:
        return self._reader.laws()

    def list_keys(self, spaces: Collection[ScopeId]) -> tuple[Observation, ...]:
        found = self._reader.list_keys([ScopeId(unqualify(self._name, space)) for space in spaces])
        return tuple(_qualify_key(key, self._name) for key in found)

    def search_keys(
        self, *, key_type: KeyType | None, active: bool | None, scope_id: ScopeId | None
    ) -> tuple[Observation, ...]:
        own = None if scope_id is None else ScopeId(unqualify(self._name, scope_id))
        found = self._reader.search_keys(key_type=key_type, active=active, scope_id=own)
        return tuple(_qualify_key(key, self._name) for key in found)

    def find_scopes(self, references: Collection[ScopeRef]) -> Mapping[ScopeRef, Scope]:
        # Adapters compare references by what they name, and know no provider but their own.
        asked = {replace(reference, provider=ONLY_PROVIDER): reference for reference in references}
        found = self._reader.find_scopes(list(asked))
        return {asked[own]: replace(scope, id=ScopeId(qualify(self._name, scope.id))) for own, scope in found.items()}

    def presents(self, redacted: str) -> bool:
        return self._reader.presents(redacted)

    def clock_skew(self) -> timedelta | None:
        return self._reader.clock_skew()


@dataclass(frozen=True, slots=True)
class _QualifiedLister(_QualifiedReader):
    """Implements `SpaceLister` as well, for a provider that does."""

    def list_scopes(self) -> tuple[Scope, ...]:
        if not isinstance(self._reader, SpaceLister):
            raise TypeError(f"{type(self._reader).__name__} lists no scopes")
        found = self._reader.list_scopes()
        return tuple(replace(scope, id=ScopeId(qualify(self._name, scope.id))) for scope in found)


@dataclass(frozen=True, slots=True)
class _QualifiedWriter:
    """Implements KeyWriter for a further provider, with the provider's name before every id."""

    _writer: KeyWriter
    _name: ProviderName

    def create(self, desired: Desired, *, expires_at: datetime | None) -> Issued:
        return self._qualify(self._writer.create(_localize(desired, self._name), expires_at=expires_at))

    def refresh(self, key_id: KeyId, *, expires_at: datetime | None, grace: timedelta) -> Issued:
        own = KeyId(unqualify(self._name, key_id))
        return self._qualify(self._writer.refresh(own, expires_at=expires_at, grace=grace))

    def delete(self, key_id: KeyId) -> None:
        self._writer.delete(KeyId(unqualify(self._name, key_id)))

    def update(self, key_id: KeyId, desired: Desired) -> Observation:
        changed = edit(self._writer, KeyId(unqualify(self._name, key_id)), _localize(desired, self._name))
        return _qualify_key(changed, self._name)

    def verify(self, raw: RawKey) -> bool:
        return self._writer.verify(raw)

    def _qualify(self, issued: Issued) -> Issued:
        return replace(issued, key=_qualify_key(issued.key, self._name))


def _qualify_key(key: Observation, name: ProviderName) -> Observation:
    """Return a key of a further provider as keyplan knows it."""

    def known(space: ScopeId) -> ScopeId:
        return ScopeId(qualify(name, space))

    return replace(
        key,
        id=KeyId(qualify(name, key.id)),
        provider=name,
        scope_ids=None if key.scope_ids is None else frozenset(map(known, key.scope_ids)),
        access=_rename_spaces(key.access, known),
    )


def _localize(desired: Desired, name: ProviderName) -> Desired:
    """Return a desired key as its own provider knows it."""
    return replace(desired, access=_rename_spaces(desired.access, lambda space: ScopeId(unqualify(name, space))))


def _rename_spaces(access: Access | None, rename: Callable[[ScopeId], ScopeId]) -> Access | None:
    if access is None:
        return None
    organizations = tuple(
        replace(one, spaces=tuple(replace(grant, space_id=rename(grant.space_id)) for grant in one.spaces))
        for one in access.organizations
    )
    return replace(access, organizations=organizations)

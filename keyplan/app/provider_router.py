"""Several providers behind the ports of one: a manifest with one provider never meets any of this.

Ids of keys and scopes of further providers get the provider's name in front, on the way out, and lose it on the way
in, so that ids of two providers never collide. What is issued, verified or deleted goes through the ports of one
provider (`Routed.at`): a raw key is never shown to a provider that did not issue it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import chain
from typing import TypeVar, cast

from keyplan.app.several_providers import name_failures
from keyplan.applier.route import find_provider, reader_at
from keyplan.applier.scope_survey import SpaceLister, list_while
from keyplan.applier.update import edit
from keyplan.errors import InputError, KeyplanError
from keyplan.model.audit import AuditEntry, AuditLog, AuditQuery
from keyplan.model.desired import Desired
from keyplan.model.identity import ONLY_PROVIDER, KeyId, ProviderName, ScopeId, qualify, unqualify
from keyplan.model.laws import Laws
from keyplan.model.manifest import KeyType, ScopeRef
from keyplan.model.observation import Access, Observation, Scope
from keyplan.model.secret import RawKey
from keyplan.ports import Auditable, Issued, KeyReader, KeyWriter, ProviderPorts, ReaderPorts

_Found = TypeVar("_Found")
_NO_LABELS: Mapping[ProviderName, str] = {}


def route_readers(
    ports: Mapping[ProviderName, ReaderPorts], labels: Mapping[ProviderName, str] = _NO_LABELS
) -> ReaderPorts:
    """Return the readers of several providers as one, which the caller closes; the usual one has the empty name.

    `labels` are what users call them; a failure of one that has no label does not say whose it is.
    """
    readers = {name: _make_reader(one.reader, name, labels) for name, one in ports.items()}
    return ReaderPorts(reader=RoutedReader(readers, labels))


def route(
    ports: Mapping[ProviderName, ProviderPorts], labels: Mapping[ProviderName, str] = _NO_LABELS
) -> ProviderPorts:
    """Return the ports of several providers as one, as `route_readers` does."""
    routed = {name: qualify_ports(one, name, labels) for name, one in ports.items()}
    return ProviderPorts(
        reader=RoutedReader({name: one.reader for name, one in routed.items()}, labels),
        writer=RoutedWriter({name: one.writer for name, one in routed.items()}),
    )


def qualify_ports(ports: ProviderPorts, name: ProviderName, labels: Mapping[ProviderName, str]) -> ProviderPorts:
    """Return the ports of one of several providers: its ids and its failures have its name."""
    label = labels.get(name, name)
    writer = _QualifiedWriter(ports.writer, name, label, ports.reader.base_url) if label else ports.writer
    return replace(ports, reader=_make_reader(ports.reader, name, labels), writer=writer)


def _make_reader(reader: KeyReader, name: ProviderName, labels: Mapping[ProviderName, str]) -> KeyReader:
    label = labels.get(name, name)
    if not label:
        return reader
    return (_QualifiedLister if isinstance(reader, SpaceLister) else _QualifiedReader)(reader, name, label)


def naming(reader: KeyReader) -> AbstractContextManager[None]:
    """Return a block whose failures have the name of the reader's provider, if it is one of several."""
    return reader.naming() if isinstance(reader, _QualifiedReader) else nullcontext()


def find_auditor(reader: KeyReader, provider: ProviderName) -> Auditable | None:
    """Return what reads the log of one of the manifest's providers; None if that has no log for keyplan."""
    one = reader_at(reader, provider)
    if not isinstance(one, _QualifiedReader):
        return one if isinstance(one, Auditable) else None
    own = one.own
    return _QualifiedAuditor(own, one) if isinstance(own, Auditable) else None


@dataclass(frozen=True, slots=True)
class RoutedReader:
    """Implements KeyReader for all providers of a manifest, and `Routed`."""

    _readers: Mapping[ProviderName, KeyReader]
    labels: Mapping[ProviderName, str] = field(default_factory=dict)
    """What users call each of them, the usual one first."""

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
        return self.list_while(lambda: spaces)

    def list_while(self, find: Callable[[], Collection[ScopeId]]) -> tuple[Observation, ...]:
        """Return what `list_keys` returns, as an `EagerLister` does."""
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="scopes") as pool:
            grouped = pool.submit(lambda: self._group(find()))

            def ask(name: ProviderName, reader: KeyReader) -> tuple[Observation, ...]:
                return list_while(reader, lambda: grouped.result()[name])

            try:
                return self._sort(self._ask_each(self._readers, ask))
            except KeyplanError:
                # What `find` raised names its own provider, and not the one that waited for it.
                grouped.result()
                raise

    def search_keys(
        self, *, key_type: KeyType | None, active: bool | None, scope_id: ScopeId | None
    ) -> tuple[Observation, ...]:
        """Return what passes the filters; with a scope, at its provider."""
        if scope_id is not None:
            return self._readers[self._find(scope_id)].search_keys(key_type=key_type, active=active, scope_id=scope_id)

        def search(_: ProviderName, reader: KeyReader) -> tuple[Observation, ...]:
            return reader.search_keys(key_type=key_type, active=active, scope_id=None)

        return self._sort(self._ask_each(self._readers, search))

    def find_scopes(self, references: Collection[ScopeRef]) -> Mapping[ScopeRef, Scope]:
        """Return the scope of every reference, each at its provider."""
        grouped: defaultdict[ProviderName, list[ScopeRef]] = defaultdict(list)
        for reference in references:
            grouped[reference.provider].append(reference)
        return dict(self._ask_each(grouped, lambda name, reader: reader.find_scopes(grouped[name]).items()))

    def presents(self, redacted: str) -> bool:
        """Whether the usual provider is given a credential of this form."""
        return self._readers[ONLY_PROVIDER].presents(redacted)

    def clock_skew(self) -> timedelta | None:
        """Return the largest difference of all providers' clocks; None before the first answer."""
        known = [skew for reader in self._readers.values() if (skew := reader.clock_skew()) is not None]
        return max(known, key=abs, default=None)

    def _ask_each(
        self, names: Collection[ProviderName], ask: Callable[[ProviderName, KeyReader], Iterable[_Found]]
    ) -> list[_Found]:
        """Return what some providers answer, asked at the same time; raises what the first of them raised."""
        with ThreadPoolExecutor(max_workers=len(self._readers), thread_name_prefix="provider") as pool:
            return list(chain.from_iterable(pool.map(ask, names, [self._readers[name] for name in names])))

    def _group(self, spaces: Collection[ScopeId]) -> defaultdict[ProviderName, list[ScopeId]]:
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
    """Implements KeyReader for one of several: every id that it shows or takes has the provider's name in front."""

    own: KeyReader
    name: ProviderName
    label: str

    @property
    def base_url(self) -> str:
        return self.own.base_url

    def laws(self) -> Laws:
        with self.naming():
            return self.own.laws()

    def list_keys(self, spaces: Collection[ScopeId]) -> tuple[Observation, ...]:
        with self.naming():
            found = self.own.list_keys(self._unqualify(spaces))
        return tuple(_qualify_key(key, self.name) for key in found)

    def list_while(self, find: Callable[[], Collection[ScopeId]]) -> tuple[Observation, ...]:
        with self.naming():
            found = list_while(self.own, lambda: self._unqualify(find()))
        return tuple(_qualify_key(key, self.name) for key in found)

    def _unqualify(self, spaces: Collection[ScopeId]) -> list[ScopeId]:
        return [ScopeId(unqualify(self.name, space)) for space in spaces]

    def search_keys(
        self, *, key_type: KeyType | None, active: bool | None, scope_id: ScopeId | None
    ) -> tuple[Observation, ...]:
        own = None if scope_id is None else ScopeId(unqualify(self.name, scope_id))
        with self.naming():
            found = self.own.search_keys(key_type=key_type, active=active, scope_id=own)
        return tuple(_qualify_key(key, self.name) for key in found)

    def find_scopes(self, references: Collection[ScopeRef]) -> Mapping[ScopeRef, Scope]:
        # Adapters compare references by what they name, and know no provider but their own.
        asked = {replace(reference, provider=ONLY_PROVIDER): reference for reference in references}
        with self.naming():
            found = self.own.find_scopes(list(asked))
        return {asked[own]: _qualify_scope(scope, self.name) for own, scope in found.items()}

    def presents(self, redacted: str) -> bool:
        with self.naming():
            return self.own.presents(redacted)

    def clock_skew(self) -> timedelta | None:
        return self.own.clock_skew()

    def naming(self) -> AbstractContextManager[None]:
        return name_failures(self.label, self.own.base_url)


class _QualifiedLister(_QualifiedReader):
    """Implements `SpaceLister`, too, for a provider that can name its scopes."""

    __slots__ = ()

    def list_scopes(self) -> tuple[Scope, ...]:
        own = cast(SpaceLister, self.own)  # `_make_reader` saw that it is one
        with self.naming():
            found = own.list_scopes()
        return tuple(_qualify_scope(scope, self.name) for scope in found)


@dataclass(frozen=True, slots=True)
class _QualifiedAuditor:
    """Implements Auditable for one of several providers."""

    _own: Auditable
    _reader: _QualifiedReader

    def read_audit(self, query: AuditQuery) -> AuditLog:
        name = self._reader.name
        own = replace(query, key_ids=frozenset(KeyId(unqualify(name, key_id)) for key_id in query.key_ids))
        with self._reader.naming():
            log = self._own.read_audit(own)
        return replace(log, entries=tuple(_qualify_entry(entry, self._reader) for entry in log.entries))


@dataclass(frozen=True, slots=True)
class _QualifiedWriter:
    """Implements KeyWriter for one of several providers, with the provider's name before every id."""

    _writer: KeyWriter
    _name: ProviderName
    _label: str
    _base_url: str

    def create(self, desired: Desired, *, expires_at: datetime | None) -> Issued:
        with self._naming():
            return self._qualify(self._writer.create(_localize(desired, self._name), expires_at=expires_at))

    def refresh(self, key_id: KeyId, *, expires_at: datetime | None, grace: timedelta) -> Issued:
        own = KeyId(unqualify(self._name, key_id))
        with self._naming():
            return self._qualify(self._writer.refresh(own, expires_at=expires_at, grace=grace))

    def delete(self, key_id: KeyId) -> None:
        with self._naming():
            self._writer.delete(KeyId(unqualify(self._name, key_id)))

    def update(self, key_id: KeyId, desired: Desired) -> Observation:
        with self._naming():
            changed = edit(self._writer, KeyId(unqualify(self._name, key_id)), _localize(desired, self._name))
        return _qualify_key(changed, self._name)

    def verify(self, raw: RawKey) -> bool:
        with self._naming():
            return self._writer.verify(raw)

    def _qualify(self, issued: Issued) -> Issued:
        return replace(issued, key=_qualify_key(issued.key, self._name))

    def _naming(self) -> AbstractContextManager[None]:
        return name_failures(self._label, self._base_url)


def _qualify_scope(scope: Scope, name: ProviderName) -> Scope:
    return replace(scope, id=ScopeId(qualify(name, scope.id)))


def _qualify_entry(entry: AuditEntry, reader: _QualifiedReader) -> AuditEntry:
    known = tuple(KeyId(qualify(reader.name, key_id)) for key_id in entry.key_ids)
    return replace(entry, key_ids=known, provider=reader.label)


def _qualify_key(key: Observation, name: ProviderName) -> Observation:
    """Return a key of one of several providers as keyplan knows it."""
    if not name:
        return key

    def known(space: ScopeId) -> ScopeId:
        return ScopeId(qualify(name, space))

    return replace(
        key,
        id=KeyId(qualify(name, key.id)),
        provider=name,
        scope_ids=None if key.scope_ids is None else frozenset(map(known, key.scope_ids)),
        access=rename_spaces(key.access, known),
    )


def _localize(desired: Desired, name: ProviderName) -> Desired:
    """Return a desired key as its own provider knows it."""

    def own(space: ScopeId) -> ScopeId:
        return ScopeId(unqualify(name, space))

    scope_id = None if desired.scope_id is None else own(desired.scope_id)
    return replace(desired, scope_id=scope_id, access=rename_spaces(desired.access, own))


def rename_spaces(access: Access | None, rename: Callable[[ScopeId], ScopeId]) -> Access | None:
    """Return an access whose spaces have other ids."""
    if access is None:
        return None
    organizations = tuple(
        replace(one, spaces=tuple(replace(grant, space_id=rename(grant.space_id)) for grant in one.spaces))
        for one in access.organizations
    )
    return replace(access, organizations=organizations)

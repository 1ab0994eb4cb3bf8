"""Ports of several providers, of which each action uses those of one: the one that its address names.

With one provider there is nothing to choose, and its ports are used as they are. What acts on a key gets the ports of
the key's own provider: a raw key is never shown to another one, nor an id looked up at one that did not give it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol, TypeVar, runtime_checkable

from keyplan.model.identity import ONLY_PROVIDER, ProviderName
from keyplan.ports import KeyReader, KeyWriter

_PortT_co = TypeVar("_PortT_co", covariant=True)


@runtime_checkable
class Routed(Protocol[_PortT_co]):
    """A reader or writer that stands for those of several providers."""

    def at(self, provider: ProviderName) -> _PortT_co:
        """Return the port of one provider; its ids are those that the whole port shows.

        `provider` is one of the manifest's.
        """
        ...


def find_provider(known_id: str, names: Collection[ProviderName]) -> ProviderName:
    """Return the provider whose name stands before an id; the usual one without such a name."""
    name, colon, _ = known_id.partition(":")
    return ProviderName(name) if colon and name in names else ONLY_PROVIDER


def reader_at(reader: KeyReader, provider: ProviderName) -> KeyReader:
    """Return the reader of one of the manifest's providers; of a manifest with one, the reader itself."""
    if isinstance(reader, Routed):
        one: KeyReader = reader.at(provider)
        return one
    return reader


def writer_at(writer: KeyWriter, provider: ProviderName) -> KeyWriter:
    """Return the writer of one of the manifest's providers; of a manifest with one, the writer itself."""
    if isinstance(writer, Routed):
        one: KeyWriter = writer.at(provider)
        return one
    return writer

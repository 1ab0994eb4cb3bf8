"""Opens the providers of a manifest, and says which of several failed: its name under `providers`, and its address.

A manifest with one provider has no name to add, and its failures read as they always did.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol, TypeVar

from keyplan.errors import InputError, KeyplanError, ProviderError
from keyplan.model.identity import ProviderName
from keyplan.model.manifest import Manifest, ProviderSettings

_FailureT = TypeVar("_FailureT", bound=KeyplanError)


class Closable(Protocol):
    """Ports of one provider, which are closed."""

    @property
    def close(self) -> Callable[[], None]:
        """Closes connections."""
        ...


_PortsT = TypeVar("_PortsT", bound=Closable)


def open_each(
    manifest: Manifest,
    open_one: Callable[[ProviderSettings], _PortsT],
    callback: Callable[[Callable[[], None]], object],
) -> Mapping[ProviderName, _PortsT]:
    """Return the ports of every provider of a manifest; `callback` gets what closes each. Raises as `open_one` does."""
    opened: dict[ProviderName, _PortsT] = {}
    labels = label_providers(manifest)
    for settings in manifest.providers:
        with name_failures(labels.get(settings.name, "")):
            opened[settings.name] = open_one(settings)
        callback(opened[settings.name].close)
    return opened


def label_providers(manifest: Manifest) -> Mapping[ProviderName, str]:
    """Return what users call each provider of a manifest, the usual one first; nothing if there is one."""
    return {one.name: one.label or one.name for one in manifest.providers} if manifest.further_providers else {}


@contextmanager
def name_failures(label: str, address: str = "") -> Iterator[None]:
    """Put name and address of a provider before the message of its failures; without a label, nothing."""
    try:
        yield
    except (ProviderError, InputError) as error:
        if not label:
            raise
        raise _with_message(error, f"{_begin(label, address)}{error.message}") from error


def remove_name(message: str, label: str, address: str) -> str:
    """Return a message without what `name_failures` put before it."""
    return message.removeprefix(_begin(label, address))


def _begin(label: str, address: str) -> str:
    return f"provider '{label}' ({address}): " if address else f"provider '{label}': "


def _with_message(error: _FailureT, message: str) -> _FailureT:
    """Return a copy of an error, of the same class and with the same fields, that says something else."""
    # Not the error itself: one that is raised twice would get the name twice.
    twin = type(error).__new__(type(error), message)
    twin.__dict__.update(vars(error))
    twin.message = message
    return twin

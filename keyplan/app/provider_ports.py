"""Opens what a manifest names as its provider, or as several of them: then their ports are those of one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from keyplan.app.several_providers import label_providers, open_each
from keyplan.model.manifest import Manifest, ProviderSettings
from keyplan.ports import ProviderPorts, ReaderPorts


def open_ports(
    manifest: Manifest,
    open_one: Callable[[ProviderSettings], ProviderPorts],
    callback: Callable[[Callable[[], None]], object],
) -> ProviderPorts:
    """Return the ports of a manifest's provider, or of several as one. Raises as `open_one` does.

    `callback` gets what closes each; the ports that are returned need not be closed.
    """
    ports, labels = open_each(manifest, open_one, callback), label_providers(manifest)
    if not labels:
        return replace(ports[manifest.provider.name], close=lambda: None)
    from keyplan.app.provider_router import route  # noqa: PLC0415 - 4 ms, which a manifest with one provider spares

    return route(ports, labels)


def open_reader_ports(
    manifest: Manifest,
    open_one: Callable[[ProviderSettings], ReaderPorts],
    callback: Callable[[Callable[[], None]], object],
) -> ReaderPorts:
    """Return the readers of a manifest's provider, or of several as one, as `open_ports` does."""
    ports, labels = open_each(manifest, open_one, callback), label_providers(manifest)
    if not labels:
        return replace(ports[manifest.provider.name], close=lambda: None)
    from keyplan.app.provider_router import route_readers  # noqa: PLC0415 - as in `open_ports`

    return route_readers(ports, labels)

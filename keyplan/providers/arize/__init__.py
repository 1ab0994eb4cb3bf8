"""The provider `arize`: the keys of one Arize account, in both generations of its API (`docs/arize-api.md`).

Loading this package must not import an HTTP client: `keyplan validate` needs nothing but the options.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from keyplan.providers.arize.options import OPTIONS

if TYPE_CHECKING:
    import httpx

    from keyplan.context import PluginContext
    from keyplan.model.manifest import ProviderSettings
    from keyplan.ports import ProviderPorts, ReaderPorts

__all__ = ["OPTIONS", "build", "build_reader"]


def build(
    settings: ProviderSettings, context: PluginContext, *, transport: httpx.BaseTransport | None = None
) -> ProviderPorts:
    """Return reader and writer of one account; they share connections, retry limits and dialect.

    Nothing is sent and no credential is fetched before the first call. `transport` replaces the network in tests.

    Raises:
        InputError: An option or a variable of the environment cannot be used.
    """
    from keyplan.providers.arize.factory import open_provider  # noqa: PLC0415 - takes 50 ms, for httpx

    return open_provider(settings, context, transport=transport)


def build_reader(
    settings: ProviderSettings, context: PluginContext, *, transport: httpx.BaseTransport | None = None
) -> ReaderPorts:
    """Return a reader of one account; no object that it holds can change anything.

    It presents `reader_credential` if the manifest has one, and then never fetches another credential.

    Raises:
        InputError: An option or a variable of the environment cannot be used.
    """
    from keyplan.providers.arize.factory import open_reader  # noqa: PLC0415 - takes 50 ms, for httpx

    return open_reader(settings, context, transport=transport)

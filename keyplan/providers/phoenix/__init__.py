"""The provider `phoenix`: system keys of one Arize Phoenix server (`docs/providers/phoenix.md`).

Loading this package must not import an HTTP client: `keyplan validate` needs only options and laws.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from keyplan.providers.phoenix.laws import KEY_FORMS, PHOENIX_LAWS
from keyplan.providers.phoenix.options import CREDENTIAL, OPTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

    from keyplan.context import PluginContext
    from keyplan.model.laws import Laws
    from keyplan.model.manifest import Json, ProviderSettings
    from keyplan.ports import ProviderPorts, ReaderPorts

__all__ = ["CREDENTIAL", "KEY_FORMS", "OPTIONS", "build", "build_reader", "find_laws", "find_named_url"]


def find_laws(options: Mapping[str, Json]) -> Laws | None:
    """Return the laws, which are those of every Phoenix server.

    Raises:
        InputError: The base URL cannot be used.
    """
    find_named_url(options)
    return PHOENIX_LAWS


def find_named_url(options: Mapping[str, Json]) -> str | None:
    """Return the base URL that the options name; None if they name none.

    Raises:
        InputError: The base URL cannot be used.
    """
    url = options.get("base_url")
    if not isinstance(url, str):
        return None
    from keyplan.net.http import check_base_url  # noqa: PLC0415 - takes 50 ms, for httpx

    return check_base_url(url)


def build(
    settings: ProviderSettings, context: PluginContext, *, transport: httpx.BaseTransport | None = None
) -> ProviderPorts:
    """Return reader and writer of one server; they share connections and retry limits.

    Nothing is sent and no credential is fetched before the first call. `transport` replaces the network in tests.

    Raises:
        InputError: An option or a variable of the environment cannot be used.
    """
    from keyplan.providers.phoenix.factory import open_provider  # noqa: PLC0415 - takes 50 ms, for httpx

    return open_provider(settings, context, transport=transport)


def build_reader(
    settings: ProviderSettings, context: PluginContext, *, transport: httpx.BaseTransport | None = None
) -> ReaderPorts:
    """Return a reader of one server; no object that it holds can change anything.

    It presents `reader_credential` if the manifest has one, and then never fetches another credential.

    Raises:
        InputError: An option or a variable of the environment cannot be used.
    """
    from keyplan.providers.phoenix.factory import open_reader  # noqa: PLC0415 - takes 50 ms, for httpx

    return open_reader(settings, context, transport=transport)

"""The provider `http`: the keys of any API that a definition in YAML describes (`docs/providers/http.md`).

Loading this package must not import an HTTP client: `keyplan validate` needs only the options.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from keyplan.model.laws import KeyForm
from keyplan.model.manifest import FromEnvironment, KeyType
from keyplan.providers.http.options import OPTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

    from keyplan.context import PluginContext
    from keyplan.model.checked_file import ReadFile
    from keyplan.model.laws import Laws
    from keyplan.model.manifest import Json, ProviderSettings
    from keyplan.ports import ProviderPorts, ReaderPorts

__all__ = [
    "CREDENTIAL",
    "KEY_FORMS",
    "OPTIONS",
    "build",
    "build_reader",
    "find_laws_in_files",
    "find_named_url",
]

KEY_FORMS = (KeyForm(key_type=KeyType.API),)
CREDENTIAL = FromEnvironment("KEYPLAN_PROVIDER_CREDENTIAL")


def find_laws_in_files(options: Mapping[str, Json], read_file: ReadFile) -> Laws:
    """Return the laws that the definition states.

    Raises:
        InputError: The options or the definition cannot be used; a ManifestError names the places in the definition.
    """
    from keyplan.providers.http.factory import read_account  # noqa: PLC0415 - takes 50 ms, for httpx

    return read_account(options, read_file).definition.laws


def find_named_url(options: Mapping[str, Json]) -> str | None:
    """Return the base URL that the options name; empty if they leave it to the definition, which is not read here.

    Raises:
        InputError: It cannot be used.
    """
    if not options.get("base_url"):
        return ""
    from keyplan.net.http import check_base_url  # noqa: PLC0415 - takes 50 ms, for httpx

    return check_base_url(str(options["base_url"]))


def build(
    settings: ProviderSettings, context: PluginContext, *, transport: httpx.BaseTransport | None = None
) -> ProviderPorts:
    """Return reader and writer of one account; they share connections and retry limits.

    The definition is read; nothing is sent and no credential is fetched. `transport` replaces the network in tests.

    Raises:
        InputError: An option, the definition or a variable of the environment cannot be used.
    """
    from keyplan.providers.http.factory import open_provider  # noqa: PLC0415 - takes 50 ms, for httpx

    return open_provider(settings, context, transport=transport)


def build_reader(
    settings: ProviderSettings, context: PluginContext, *, transport: httpx.BaseTransport | None = None
) -> ReaderPorts:
    """Return a reader of one account; no object that it holds can change anything.

    It presents `reader_credential` if the manifest has one, and then never fetches another credential.

    Raises:
        InputError: An option, the definition or a variable of the environment cannot be used.
    """
    from keyplan.providers.http.factory import open_reader  # noqa: PLC0415 - takes 50 ms, for httpx

    return open_reader(settings, context, transport=transport)

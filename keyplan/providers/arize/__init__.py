"""The provider `arize`: the keys of one Arize account, in both generations of its API (`docs/arize-api.md`).

Loading this package must not import an HTTP client: `keyplan validate` needs only the options.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from keyplan.providers.arize.options import OPTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

    from keyplan.context import PluginContext
    from keyplan.model.laws import Laws
    from keyplan.model.manifest import Json, ProviderSettings
    from keyplan.ports import ProviderPorts, ReaderPorts

__all__ = ["OPTIONS", "build", "build_reader", "find_laws", "find_named_url", "find_profile"]


def find_laws(options: Mapping[str, Json]) -> Laws | None:
    """Return the laws that hold if the options alone decide them; None if the server has to be asked.

    Raises:
        InputError: The options cannot be used, or exclude each other.
    """
    if options.get("base_url") or options.get("region"):
        from keyplan.providers.arize.base_url import find_base_url  # noqa: PLC0415 - takes 50 ms, for httpx

        find_base_url(options, {})
    if options.get("api", "auto") == "auto":
        return None
    from keyplan.providers.arize.detection import choose_dialect  # noqa: PLC0415 - as above

    chosen = choose_dialect(options)
    return chosen.laws if chosen else None


def find_named_url(options: Mapping[str, Json]) -> str | None:
    """Return the base URL that the options name, also by a region; None if they leave it to the environment.

    Raises:
        InputError: The options cannot be used, or exclude each other.
    """
    if not (options.get("base_url") or options.get("region")):
        return None
    from keyplan.providers.arize.base_url import find_base_url  # noqa: PLC0415 - takes 50 ms, for httpx

    return find_base_url(options, {})


def find_profile(options: Mapping[str, Json]) -> str | None:
    """Return the profile of the `ax` command line that the options name; None if they name none."""
    profile = options.get("profile")
    return profile if isinstance(profile, str) else None


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

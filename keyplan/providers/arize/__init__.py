"""The provider `arize`: the keys of one Arize account, in both generations of its API (`docs/arize-api.md`).

Loading this package must not import an HTTP client: `keyplan validate` needs nothing but the options.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import httpx

    from keyplan.context import PluginContext
    from keyplan.model.manifest import ProviderSettings
    from keyplan.ports import ProviderPorts, ReaderPorts

REGION_PATTERN: Final = "^[a-z]{2}(-[a-z]+)+-[0-9]+[a-z]?$"
"""The shape of ``eu-west-1a`` and ``us-east-1b`` (docs/arize-api.md, A3)."""

OPTIONS: Final[dict[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "region": {
            "type": "string",
            "pattern": REGION_PATTERN,
            "description": "Region of the account, such as eu-west-1a; excludes base_url.",
        },
        "base_url": {
            "type": "string",
            "format": "uri",
            "description": "Where the API is; default https://api.arize.com. Plain http for this machine only.",
        },
        "api": {
            "enum": ["auto", "alpha", "beta"],
            "default": "auto",
            "description": "Generation of the API; auto asks the beta way first.",
        },
        "patience_seconds": {
            "type": "integer",
            "minimum": 1,
            "maximum": 3600,
            "default": 120,
            "description": "How long a request is repeated while the API asks for less, or cannot be reached.",
        },
    },
}


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

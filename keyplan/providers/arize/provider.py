"""The plugin `arize`: its options, and the doors to one account.

In: the manifest's provider settings and the surroundings. Out: reader and writer, or the reader alone. Never: a client
of HTTP imported for the options, which is all that `keyplan validate` asks for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from keyplan.providers.arize.base_url import REGION_PATTERN

if TYPE_CHECKING:
    import httpx

    from keyplan.model.manifest import ProviderSettings
    from keyplan.plugin import Surroundings
    from keyplan.ports import ProviderPorts, ReaderPorts

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
    settings: ProviderSettings, surroundings: Surroundings, *, transport: httpx.BaseTransport | None = None
) -> ProviderPorts:
    """Return reader and writer of one account; they share connections, retry law and dialect.

    Raises InputError where an option or a variable of the environment cannot be used.
    """
    from keyplan.providers.arize.factory import open_both  # noqa: PLC0415 - takes 50 ms, for httpx

    return open_both(settings, surroundings, transport=transport)


def build_reader(
    settings: ProviderSettings, surroundings: Surroundings, *, transport: httpx.BaseTransport | None = None
) -> ReaderPorts:
    """Return a reader of one account, with nothing behind it that could change anything.

    It presents `reader_credential` where there is one; then nothing else is ever fetched. Raises InputError where an
    option or a variable of the environment cannot be used.
    """
    from keyplan.providers.arize.factory import open_for_reading  # noqa: PLC0415 - takes 50 ms, for httpx

    return open_for_reading(settings, surroundings, transport=transport)

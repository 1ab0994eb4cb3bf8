"""Options that every built-in provider has, and the code that reads them.

Nothing here may import an HTTP client: `keyplan validate` needs only the schemas.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from keyplan.model.manifest import Json

MAX_KEYS: Final = 200_000
"""How many items one listing may have unless the manifest says otherwise."""
PATIENCE_SECONDS: Final[dict[str, Any]] = {
    "type": "integer",
    "minimum": 1,
    "maximum": 3600,
    "default": 120,
    "description": "How long a request is repeated while the API asks for less, or cannot be reached.",
}
"""Schema of the option `patience_seconds`."""
MAX_KEYS_OPTION: Final[dict[str, Any]] = {
    "type": "integer",
    "minimum": 1,
    "maximum": 100_000_000,
    "default": MAX_KEYS,
    "description": "How many keys or spaces one listing may have; a longer one is an error, never cut off.",
}
"""Schema of the option `max_keys`."""


def read_max_keys(options: Mapping[str, Json]) -> int:
    """Return the option `max_keys`, or its default."""
    number = options.get("max_keys")
    return number if isinstance(number, int) else MAX_KEYS


def read_patience(options: Mapping[str, Json]) -> timedelta | None:
    """Return the option `patience_seconds`; None for the client's own patience."""
    seconds = options.get("patience_seconds")
    return timedelta(seconds=seconds) if isinstance(seconds, int) else None

"""The options of the provider `arize`, as a manifest gives them.

They stand apart from the code that uses them, so that `keyplan validate` needs no HTTP client.
"""

from __future__ import annotations

from typing import Any, Final

REGION_PATTERN: Final = "^[a-z]{2}(-[a-z]+)+-[0-9]+[a-z]?$"
"""The shape of ``eu-west-1a`` and ``us-east-1b`` (docs/arize-api.md, A3)."""
_REGION_OR_ALIAS = f"{REGION_PATTERN}|^([Uu][Ss]|[Ee][Uu]|[Cc][Aa])$"

MAX_KEYS: Final = 200_000
"""How many items one listing may have unless the manifest says otherwise."""

OPTIONS: Final[dict[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "region": {
            "type": "string",
            "pattern": _REGION_OR_ALIAS,
            "description": "Region of the account, such as eu-west-1a, or US, EU or CA; excludes base_url.",
            "examples": ["eu-west-1a"],
            "x-access": "host",
        },
        "profile": {
            "type": "string",
            "pattern": "^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$",
            "description": "Profile of the ax command line, for what no variable says; excludes region and base_url.",
            "examples": ["ci"],
            "x-access": "profile",
        },
        "base_url": {
            "type": "string",
            "format": "uri",
            "description": "Where the API is; default https://api.arize.com. Plain http for this machine only.",
            "examples": ["https://arize.example.com"],
            "x-access": "url",
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
        "max_keys": {
            "type": "integer",
            "minimum": 1,
            "maximum": 100_000_000,
            "default": MAX_KEYS,
            "description": "How many keys or spaces one listing may have; a longer one is an error, never cut off.",
        },
    },
}

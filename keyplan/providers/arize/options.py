"""The options of the provider `arize`, as a manifest gives them.

They stand apart from the code that uses them, so that `keyplan validate` needs no HTTP client.
"""

from __future__ import annotations

from typing import Any, Final

from keyplan.providers.options import MAX_KEYS_OPTION, PATIENCE_SECONDS

REGION_PATTERN: Final = "^[a-z]{2}(-[a-z]+)+-[0-9]+[a-z]?$"
"""The shape of ``eu-west-1a`` and ``us-east-1b`` (docs/arize-api.md, A3)."""
_REGION_OR_ALIAS = f"{REGION_PATTERN}|^([Uu][Ss]|[Ee][Uu]|[Cc][Aa])$"

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
        "patience_seconds": PATIENCE_SECONDS,
        "max_keys": MAX_KEYS_OPTION,
    },
}

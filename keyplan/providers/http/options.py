"""The options of the provider `http`, as a manifest gives them.

They stand apart from the code that uses them, so that `keyplan validate` needs no HTTP client.
"""

from __future__ import annotations

from typing import Any, Final

from keyplan.providers.options import MAX_KEYS_OPTION, PATIENCE_SECONDS

SCHEMA: Final = "provider.v1"
"""The published schema of a definition."""
OPTIONS: Final[dict[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["definition"],
    "properties": {
        "definition": {
            "type": "string",
            "minLength": 1,
            "description": "File that describes the API, relative to the manifest; its schema is provider.v1.",
            "examples": ["providers/openrouter.yaml"],
            "x-access": "file",
        },
        "base_url": {
            "type": "string",
            "format": "uri",
            "description": "Where the API is, if not where the definition says. Plain http for this machine only.",
            "examples": ["https://keys.example.com"],
            "x-access": "url",
        },
        "username": {
            "type": "string",
            "minLength": 1,
            "maxLength": 256,
            "pattern": "^[^:\\x00-\\x1f\\x7f]+$",
            "description": "User name of HTTP Basic authentication; without it the credential holds USERNAME:SECRET.",
            "examples": ["pk-organization"],
            "x-access": "none",
        },
        "variables": {
            "type": "object",
            "description": "Values of the words that the definition declares as variables.",
            "propertyNames": {"pattern": "^[a-z][a-z0-9_]{0,39}$"},
            "additionalProperties": {"type": "string", "minLength": 1, "maxLength": 500, "x-access": "none"},
            "examples": [{"project": "proj_1"}],
            # Words of paths on the one server that base_url names, as a space is one of Arize.
            "x-access": "none",
        },
        "patience_seconds": PATIENCE_SECONDS,
        "max_keys": MAX_KEYS_OPTION,
    },
}

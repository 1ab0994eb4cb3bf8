"""The options of the provider `zenml`, as a manifest gives them, and where its credential is found by default.

They stand apart from the code that uses them, so that `keyplan validate` needs no HTTP client.
"""

from __future__ import annotations

from typing import Any, Final

from keyplan.model.manifest import FromEnvironment, SecretSource
from keyplan.providers.options import MAX_KEYS_OPTION, PATIENCE_SECONDS

CREDENTIAL: Final[SecretSource] = FromEnvironment("ZENML_ADMIN_TOKEN")
"""What `provider.credential` is unless the manifest says otherwise."""
LONGEST_PATIENCE_SECONDS: Final = 240
"""A server repeats its answer to a create for 300 s (docs/providers/zenml.md); an exchange takes up to 50 s."""

OPTIONS: Final[dict[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["base_url"],
    "properties": {
        "base_url": {
            "type": "string",
            "format": "uri",
            "description": "Where the ZenML server is. Plain http for this machine only.",
            "examples": ["https://zenml.example.com"],
            "x-access": "url",
        },
        "username": {
            "type": "string",
            "minLength": 1,
            "maxLength": 255,
            "description": "Admin user to log in as; the credential is then the password. Without it, it is a token.",
            "examples": ["admin"],
            "x-access": "none",
        },
        "patience_seconds": {**PATIENCE_SECONDS, "maximum": LONGEST_PATIENCE_SECONDS},
        "max_keys": MAX_KEYS_OPTION,
    },
}

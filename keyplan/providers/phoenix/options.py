"""The options of the provider `phoenix`, as a manifest gives them, and where its credential is found by default.

They stand apart from the code that uses them, so that `keyplan validate` needs no HTTP client.
"""

from __future__ import annotations

from typing import Any, Final

from keyplan.model.manifest import FromEnvironment, SecretSource
from keyplan.providers.options import MAX_KEYS_OPTION, PATIENCE_SECONDS

CREDENTIAL: Final[SecretSource] = FromEnvironment("PHOENIX_ADMIN_SECRET")
"""What `provider.credential` is unless the manifest says otherwise.

It is the variable that the server itself reads: a run on the server's machine needs no other.
"""
SYSTEM_PATH: Final = "/v1/system/api_keys"
"""All system keys: listed, created and deleted here."""
USERS_PATH: Final = "/v1/users/api_keys"
"""Lists the keys of all users."""
OWN_PATH: Final = "/v1/user/api_keys"
"""Where keys of users are deleted."""
CALLER_PATH: Final = "/v1/user"
"""Says who presents a credential."""

OPTIONS: Final[dict[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["base_url"],
    "properties": {
        "base_url": {
            "type": "string",
            "format": "uri",
            "description": "Where the Phoenix server is. Plain http for this machine only.",
            "examples": ["https://phoenix.example.com"],
            "x-access": "url",
        },
        "patience_seconds": PATIENCE_SECONDS,
        "max_keys": MAX_KEYS_OPTION,
    },
}

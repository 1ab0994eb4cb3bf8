"""The connection to a Vault or OpenBao server: address, namespace, certificate, login.

Nothing is asked before it is needed. Plain http is for this machine only, and every certificate is checked.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keyplan.context import PluginContext
from keyplan.errors import InputError
from keyplan.net.http import check_base_url
from keyplan.net.trust import make_plain_context, make_tls_context
from keyplan.sinks.options import PATIENCE
from keyplan.sinks.patience import open_retrier
from keyplan.sinks.vault.auth import AUTH_SCHEMA, Token, find_token, read_auth
from keyplan.sinks.vault.client import VaultClient
from keyplan.system.optional import importing, require

CONNECT_SECONDS, ANSWER_SECONDS = 10, 30
_CONNECTIONS = 64

CONNECTION_SCHEMA: Mapping[str, Any] = {
    "address": {
        "type": ["string", "null"],
        "description": "Of the server, such as https://vault:8200; without it, VAULT_ADDR or BAO_ADDR.",
        "examples": ["https://vault.example.com:8200"],
        "x-access": "url",
    },
    "namespace": {
        "type": ["string", "null"],
        "description": "Without it, VAULT_NAMESPACE or BAO_NAMESPACE.",
        "examples": ["teams/ml"],
        "x-access": "host",
    },
    "auth": AUTH_SCHEMA,
    "ca_file": {
        "type": ["string", "null"],
        "description": "Authorities to trust, PEM; relative to the manifest. Without it, VAULT_CACERT or BAO_CACERT.",
        "examples": ["certificates/vault.pem"],
        "x-access": "file",
    },
    **PATIENCE,
}
"""The options that say where the server is; a single delivery can't change them."""


def connect(options: Mapping[str, Any], context: PluginContext, *, name: str) -> VaultClient:
    """Return the server that the options of a sink name. Raises InputError if one is missing or unusable."""
    hvac = require("hvac", extra="vault")
    with importing("vault"):
        from keyplan.net.sessions import open_session  # noqa: PLC0415 - needs requests, which the extra brings
    address = _pick(options, "address", "ADDR", context)
    if not address:
        raise InputError("the vault sink has no address", advice="give it 'address', or set VAULT_ADDR")
    address = check_base_url(address, whose="the vault sink's address")
    session = open_session(
        environment=context.environment,
        base_url=address,
        tls=_make_tls(options, context, address),
        # One connection for each key that is worked on; beyond its usual ten, urllib3 warns on stderr.
        connections=_CONNECTIONS,
    )
    auth = read_auth(options, context.resolve, default=find_token(context.environment))
    client = hvac.Client(
        url=address,
        # Anything but None, or hvac looks for a token on its own.
        token=auth.token.reveal() if isinstance(auth, Token) else "",
        session=session,
        timeout=(CONNECT_SECONDS, ANSWER_SECONDS),
        # A redirect would carry token and raw key to its target, whatever that is.
        allow_redirects=False,
        namespace=_pick(options, "namespace", "NAMESPACE", context) or None,
        adapter=hvac.adapters.RawAdapter,
        ignore_exceptions=True,
    )
    retrier = open_retrier(options, context, name=name)
    exceptions = require("requests.exceptions", extra="vault")
    return VaultClient(client, exceptions, auth=auth, retrier=retrier, address=address)


def _make_tls(options: Mapping[str, Any], context: PluginContext, address: str) -> ssl.SSLContext:
    """Return what says which certificates are trusted."""
    given = _pick(options, "ca_file", "CACERT", context)
    named = "the vault sink's ca_file" if options.get("ca_file") else "VAULT_CACERT or BAO_CACERT"
    path = Path(context.folder, given)
    if given and not path.is_file():
        raise InputError(f"{named} '{given}' is not a file")
    if address.startswith("http:"):
        return make_plain_context()
    return make_tls_context(environment=context.environment, ca_file=str(path) if given else "", named=named)


def _pick(options: Mapping[str, Any], option: str, variable: str, context: PluginContext) -> str:
    environment = context.environment
    return options.get(option) or environment.get(f"VAULT_{variable}") or environment.get(f"BAO_{variable}") or ""

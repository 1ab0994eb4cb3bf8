"""Puts reader and writer of one server together. Nothing is sent and no credential is fetched here."""

from __future__ import annotations

import httpx

from keyplan.context import PluginContext
from keyplan.errors import InputError
from keyplan.model.manifest import ProviderSettings
from keyplan.net.http import check_base_url
from keyplan.ports import ProviderPorts, ReaderPorts
from keyplan.providers.answers import ProviderWords
from keyplan.providers.client import ProviderClient, ProviderReadClient, ProviderServer
from keyplan.providers.connection import ProviderConnection, fetch_reader_credential
from keyplan.providers.phoenix.reader import PhoenixReader
from keyplan.providers.phoenix.writer import PhoenixWriter

_SYSTEM_KEY = (
    "a system key was presented, which may not manage keys: use the admin secret of the server; to list and delete, "
    "the API key of an administrator is enough"
)
_USER_KEY = (
    "the API key of a user was presented, which can never create keys: use the admin secret of the server, "
    "PHOENIX_ADMIN_SECRET"
)
_NO_AUTHENTICATION = (
    "the server runs without authentication, so it has no keys to manage: start it with PHOENIX_ENABLE_AUTH=True, "
    "PHOENIX_SECRET and PHOENIX_ADMIN_SECRET"
)
DENIALS = (
    ("Only admin or system users", _SYSTEM_KEY),
    ("API keys cannot create API keys", _USER_KEY),
    ("requires authentication to be enabled", _NO_AUTHENTICATION),
)
"""What the server says beside 403, and what to do then."""
WORDS = ProviderWords(
    setting="provider.base_url",
    credential=(
        "check PHOENIX_ADMIN_SECRET or provider.credential (for drift: provider.reader_credential): creating system "
        "keys needs the admin secret of the server"
    ),
    missing_credential="set PHOENIX_ADMIN_SECRET, or provider.credential in the manifest",
    denials=DENIALS,
)


def open_provider(
    settings: ProviderSettings, context: PluginContext, *, transport: httpx.BaseTransport | None
) -> ProviderPorts:
    """Return reader and writer of one server; they share connections and retry limits.

    Raises:
        InputError: An option or a variable of the environment cannot be used.
    """
    connection = _connect(settings, transport)
    client = connection.open(ProviderClient, settings, context, lambda: context.resolve(settings.credential))
    return ProviderPorts(reader=PhoenixReader(client), writer=PhoenixWriter(client), close=client.close)


def open_reader(
    settings: ProviderSettings, context: PluginContext, *, transport: httpx.BaseTransport | None
) -> ReaderPorts:
    """Return a reader of one server.

    Raises:
        InputError: An option or a variable of the environment cannot be used.
    """
    # Not a ProviderClient: a reader must not hold an object that could change keys.
    client = _connect(settings, transport).open(
        ProviderReadClient,
        settings,
        context,
        lambda: fetch_reader_credential(settings, context, lambda: context.resolve(settings.credential)),
    )
    return ReaderPorts(reader=PhoenixReader(client), close=client.close)


def _connect(settings: ProviderSettings, transport: httpx.BaseTransport | None) -> ProviderConnection:
    url = settings.options.get("base_url")
    if not isinstance(url, str) or not url:
        raise InputError("provider.base_url is missing", advice="say where the Phoenix server is")
    return ProviderConnection(server=ProviderServer(base_url=check_base_url(url), words=WORDS), transport=transport)

"""Puts reader and writer of one server together. Nothing is sent and no credential is fetched here."""

from __future__ import annotations

from collections.abc import Callable

import httpx

from keyplan.context import PluginContext
from keyplan.errors import InputError
from keyplan.model.manifest import ProviderSettings
from keyplan.model.secret import Credential
from keyplan.net.http import check_base_url, open_client
from keyplan.net.retry import Gate, Patience, Retrier
from keyplan.ports import ProviderPorts, ReaderPorts
from keyplan.providers.answers import ProviderWords
from keyplan.providers.client import ProviderClient, ProviderReadClient, ProviderServer
from keyplan.providers.connection import ProviderConnection, fetch_reader_credential
from keyplan.providers.options import read_patience
from keyplan.providers.zenml.accounts import AccountDirectory
from keyplan.providers.zenml.login import LoginServer, PasswordLogin
from keyplan.providers.zenml.reader import ZenmlReader
from keyplan.providers.zenml.writer import ZenmlWriter

WORDS = ProviderWords(
    setting="provider.base_url",
    credential=(
        "check ZENML_ADMIN_TOKEN or provider.credential (for drift: provider.reader_credential): changes need the "
        "token of an admin user; the key of a service account can only read"
    ),
    missing_credential="set ZENML_ADMIN_TOKEN, or provider.credential in the manifest",
)


def open_provider(
    settings: ProviderSettings, context: PluginContext, *, transport: httpx.BaseTransport | None
) -> ProviderPorts:
    """Return reader and writer of one server; they share connections, retry limits and what is known of accounts.

    Raises:
        InputError: An option or a variable of the environment cannot be used.
    """
    base_url = find_base_url(settings)
    fetch = find_credential(settings, context, transport)
    client = _connect(base_url, transport).open(ProviderClient, settings, context, fetch)
    accounts = AccountDirectory(client)
    reader = ZenmlReader(client, accounts)
    return ProviderPorts(reader=reader, writer=ZenmlWriter(client, accounts, reader), close=client.close)


def open_reader(
    settings: ProviderSettings, context: PluginContext, *, transport: httpx.BaseTransport | None
) -> ReaderPorts:
    """Return a reader of one server.

    Raises:
        InputError: An option or a variable of the environment cannot be used.
    """
    base_url = find_base_url(settings)
    fetch = find_credential(settings, context, transport)
    # Not a ProviderClient: a reader must not hold an object that could change keys.
    client = _connect(base_url, transport).open(
        ProviderReadClient, settings, context, lambda: fetch_reader_credential(settings, context, fetch)
    )
    return ReaderPorts(reader=ZenmlReader(client, AccountDirectory(client)), close=client.close)


def find_base_url(settings: ProviderSettings) -> str:
    """Return the base URL, without trailing slash.

    Raises:
        InputError: There is none, or it cannot be used.
    """
    url = settings.options.get("base_url")
    if not isinstance(url, str) or not url:
        raise InputError("provider.base_url is missing", advice="say where the ZenML server is")
    return check_base_url(url)


def find_credential(
    settings: ProviderSettings, context: PluginContext, transport: httpx.BaseTransport | None
) -> Callable[[], Credential]:
    """Return what fetches the token to present: as the settings name it, or by a login if they name a user."""
    username = settings.options.get("username")
    if not isinstance(username, str):
        return lambda: context.resolve(settings.credential)
    base_url, patience = find_base_url(settings), read_patience(settings.options)
    server = LoginServer(
        base_url=base_url,
        words=WORDS,
        retrier=Retrier(
            clock=context.clock,
            jitter=context.jitter,
            gate=Gate(context.clock),
            patience=Patience(deadline=patience) if patience else Patience(),
        ),
        open_http=lambda: open_client(environment=context.environment, base_url=base_url, transport=transport),
    )
    return PasswordLogin(server, username, lambda: context.resolve(settings.credential)).fetch_token


def _connect(base_url: str, transport: httpx.BaseTransport | None) -> ProviderConnection:
    return ProviderConnection(server=ProviderServer(base_url=base_url, words=WORDS), transport=transport)

"""Puts reader and writer of one account together. Nothing is sent and no credential is fetched here."""

from __future__ import annotations

import httpx

from keyplan.context import PluginContext
from keyplan.model.manifest import ProviderSettings
from keyplan.model.secret import Credential
from keyplan.ports import ProviderPorts, ReaderPorts
from keyplan.providers.answers import ProviderWords
from keyplan.providers.arize.base_url import find_base_url
from keyplan.providers.arize.detection import DialectDetector, choose_dialect
from keyplan.providers.arize.parser import UniqueNotices
from keyplan.providers.arize.profile import read_key
from keyplan.providers.arize.reader import ArizeReader
from keyplan.providers.arize.writer import ArizeWriter
from keyplan.providers.client import ProviderClient, ProviderReadClient, ProviderServer
from keyplan.providers.connection import ProviderConnection, fetch_reader_credential

WORDS = ProviderWords(
    setting="provider.region or provider.base_url",
    # The wrong region looks like a missing permission (docs/arize-api.md, A5).
    credential=(
        "check ARIZE_API_KEY or provider.credential (for drift: provider.reader_credential), and the region: "
        "a key works only in the region it was made in"
    ),
    missing_credential="set ARIZE_API_KEY, or provider.credential in the manifest",
)


def open_provider(
    settings: ProviderSettings, context: PluginContext, *, transport: httpx.BaseTransport | None
) -> ProviderPorts:
    """Return reader and writer of one account; they share connections, retry limits and dialect.

    Raises:
        InputError: An option or a variable of the environment cannot be used.
    """
    chosen = choose_dialect(settings.options)
    connection = _connect(settings, context, transport)
    client = connection.open(ProviderClient, settings, context, lambda: fetch_credential(settings, context))
    notices = UniqueNotices(context.say)
    detector = DialectDetector(client, UniqueNotices(context.announce), chosen)
    return ProviderPorts(
        reader=ArizeReader(client, detector, notices),
        writer=ArizeWriter(client, detector, notices),
        close=client.close,
    )


def open_reader(
    settings: ProviderSettings, context: PluginContext, *, transport: httpx.BaseTransport | None
) -> ReaderPorts:
    """Return a reader of one account.

    Raises:
        InputError: An option or a variable of the environment cannot be used.
    """
    chosen = choose_dialect(settings.options)

    def fetch() -> Credential:
        return fetch_reader_credential(settings, context, lambda: fetch_credential(settings, context))

    # Not a ProviderClient: a reader must not hold an object that could change keys.
    client = _connect(settings, context, transport).open(ProviderReadClient, settings, context, fetch)
    notices = UniqueNotices(context.say)
    return ReaderPorts(
        reader=ArizeReader(client, DialectDetector(client, UniqueNotices(context.announce), chosen), notices),
        close=client.close,
    )


def _connect(
    settings: ProviderSettings, context: PluginContext, transport: httpx.BaseTransport | None
) -> ProviderConnection:
    return ProviderConnection(
        server=ProviderServer(base_url=find_base_url(settings.options, context.environment), words=WORDS),
        ca_variable="ARIZE_SSL_CA_CERT",
        transport=transport,
    )


def fetch_credential(settings: ProviderSettings, context: PluginContext) -> Credential:
    """Return the credential that the settings name; that of their profile if they name none and no variable is set."""
    profile, usual = settings.options.get("profile"), ProviderSettings().credential
    if isinstance(profile, str) and settings.credential == usual and not context.environment.get("ARIZE_API_KEY"):
        return read_key(profile, context.environment)
    return context.resolve(settings.credential)

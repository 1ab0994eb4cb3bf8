"""Puts reader and writer of one account together. Nothing is sent and no credential is fetched here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TypeVar

import httpx

from keyplan.context import PluginContext
from keyplan.errors import InputError
from keyplan.model.manifest import Json, ProviderSettings
from keyplan.model.secret import Credential
from keyplan.net.http import make_opener, open_client
from keyplan.net.retry import Gate, Patience, Retrier
from keyplan.ports import ProviderPorts, ReaderPorts
from keyplan.providers.arize.base_url import find_base_url
from keyplan.providers.arize.client import ArizeClient, ArizeReadClient
from keyplan.providers.arize.detection import DialectDetector, choose_dialect
from keyplan.providers.arize.options import MAX_KEYS
from keyplan.providers.arize.parser import UniqueNotices
from keyplan.providers.arize.profile import read_key
from keyplan.providers.arize.reader import ArizeReader
from keyplan.providers.arize.writer import ArizeWriter

AnyClient = TypeVar("AnyClient", bound=ArizeReadClient)


def open_provider(
    settings: ProviderSettings, context: PluginContext, *, transport: httpx.BaseTransport | None
) -> ProviderPorts:
    """Return reader and writer of one account; they share connections, retry limits and dialect.

    Raises:
        InputError: An option or a variable of the environment cannot be used.
    """
    chosen = choose_dialect(settings.options)
    client = _open(ArizeClient, settings, lambda: fetch_credential(settings, context), context, transport)
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
        return _fetch_reader_credential(settings, context)

    # Not an ArizeClient: a reader must not hold an object that could change keys.
    client = _open(ArizeReadClient, settings, fetch, context, transport)
    notices = UniqueNotices(context.say)
    return ReaderPorts(
        reader=ArizeReader(client, DialectDetector(client, UniqueNotices(context.announce), chosen), notices),
        close=client.close,
    )


def _open(
    kind: type[AnyClient],
    settings: ProviderSettings,
    fetch_credential: Callable[[], Credential],
    context: PluginContext,
    transport: httpx.BaseTransport | None,
) -> AnyClient:
    base_url = find_base_url(settings.options, context.environment)
    # A test's transport is one object, so all its requests share one client.
    open_another = (
        None if transport else make_opener(base_url, variable="ARIZE_SSL_CA_CERT", environment=context.environment)
    )
    return kind(
        http=open_another() if open_another else open_client(environment=context.environment, transport=transport),
        open_another=open_another,
        base_url=base_url,
        max_keys=_read_max_keys(settings.options),
        fetch_credential=fetch_credential,
        retrier=Retrier(
            clock=context.clock,
            jitter=context.jitter,
            gate=Gate(context.clock),
            patience=_read_patience(settings.options),
        ),
    )


def fetch_credential(settings: ProviderSettings, context: PluginContext) -> Credential:
    """Return the credential that the settings name; that of their profile if they name none and no variable is set."""
    profile, usual = settings.options.get("profile"), ProviderSettings().credential
    if isinstance(profile, str) and settings.credential == usual and not context.environment.get("ARIZE_API_KEY"):
        return read_key(profile, context.environment)
    return context.resolve(settings.credential)


def _fetch_reader_credential(settings: ProviderSettings, context: PluginContext) -> Credential:
    if settings.reader_credential is None:
        return fetch_credential(settings, context)
    try:
        return context.resolve(settings.reader_credential)
    except InputError as error:
        # Never fall back to the other credential: it may change keys, and a reader was asked for.
        advice = error.advice or "set it, or take provider.reader_credential out of the manifest"
        raise InputError(error.message, advice=advice) from error


def _read_max_keys(options: Mapping[str, Json]) -> int:
    number = options.get("max_keys")
    return number if isinstance(number, int) else MAX_KEYS


def _read_patience(options: Mapping[str, Json]) -> Patience:
    seconds = options.get("patience_seconds")
    return Patience(deadline=timedelta(seconds=seconds)) if isinstance(seconds, int) else Patience()

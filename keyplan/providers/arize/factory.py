"""How reader and writer of one account are put together.

In: the manifest's provider settings and the surroundings. Out: both doors to one account, or the reading one alone.
Nothing is sent and no credential is fetched before the first call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TypeVar

import httpx

from keyplan.errors import InputError
from keyplan.model.manifest import Json, ProviderSettings
from keyplan.model.secret import Credential
from keyplan.net.http import make_opener, open_client
from keyplan.net.retry import Gate, Patience, Retrier
from keyplan.plugin import Surroundings
from keyplan.ports import ProviderPorts, ReaderPorts
from keyplan.providers.arize.base_url import locate
from keyplan.providers.arize.client import Client, ReadingClient
from keyplan.providers.arize.detection import Detector, choose_dialect
from keyplan.providers.arize.parser import Notices
from keyplan.providers.arize.reader import ArizeReader
from keyplan.providers.arize.writer import ArizeWriter

AnyClient = TypeVar("AnyClient", bound=ReadingClient)


def open_both(
    settings: ProviderSettings, surroundings: Surroundings, *, transport: httpx.BaseTransport | None
) -> ProviderPorts:
    """Return reader and writer of one account; they share connections, retry law and dialect.

    Raises InputError where an option or a variable of the environment cannot be used.
    """
    chosen = choose_dialect(settings.options)
    client = _open(Client, settings, lambda: surroundings.resolve(settings.credential), surroundings, transport)
    notices = Notices(surroundings.say)
    detector = Detector(client, notices, chosen)
    return ProviderPorts(
        reader=ArizeReader(client, detector, notices),
        writer=ArizeWriter(client, detector, notices),
        close=client.close,
    )


def open_for_reading(
    settings: ProviderSettings, surroundings: Surroundings, *, transport: httpx.BaseTransport | None
) -> ReaderPorts:
    """Return a reader of one account, with nothing behind it that could change anything.

    It presents `reader_credential` where there is one; then nothing else is ever fetched. Raises InputError where an
    option or a variable of the environment cannot be used.
    """
    chosen = choose_dialect(settings.options)
    client = _open(ReadingClient, settings, lambda: _fetch_for_reading(settings, surroundings), surroundings, transport)
    notices = Notices(surroundings.say)
    return ReaderPorts(reader=ArizeReader(client, Detector(client, notices, chosen), notices), close=client.close)


def _open(
    kind: type[AnyClient],
    settings: ProviderSettings,
    fetch_credential: Callable[[], Credential],
    surroundings: Surroundings,
    transport: httpx.BaseTransport | None,
) -> AnyClient:
    base_url = locate(settings.options, surroundings.environment)
    ca_file = surroundings.environment.get("ARIZE_SSL_CA_CERT", "")
    open_another = None if transport else make_opener(base_url, ca_file=ca_file)
    return kind(
        http=open_another() if open_another else open_client(transport=transport),
        open_another=open_another,
        base_url=base_url,
        fetch_credential=fetch_credential,
        retrier=Retrier(
            clock=surroundings.clock,
            jitter=surroundings.jitter,
            gate=Gate(surroundings.clock),
            patience=_read_patience(settings.options),
        ),
    )


def _fetch_for_reading(settings: ProviderSettings, surroundings: Surroundings) -> Credential:
    if settings.reader_credential is None:
        return surroundings.resolve(settings.credential)
    try:
        return surroundings.resolve(settings.reader_credential)
    except InputError as error:
        advice = error.advice or "set it, or take provider.reader_credential out of the manifest"
        raise InputError(error.message, advice=advice) from error


def _read_patience(options: Mapping[str, Json]) -> Patience:
    seconds = options.get("patience_seconds")
    return Patience(deadline=timedelta(seconds=seconds)) if isinstance(seconds, int) else Patience()

"""Opens the client of one account from the settings of a manifest; nothing is sent and no credential fetched here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import httpx

from keyplan.context import PluginContext
from keyplan.errors import InputError
from keyplan.model.manifest import ProviderSettings
from keyplan.model.secret import Credential
from keyplan.net.http import make_opener, open_client
from keyplan.net.retry import Gate, Patience, Retrier
from keyplan.providers.client import ProviderReadClient, ProviderServer
from keyplan.providers.options import read_max_keys, read_patience

AnyClient = TypeVar("AnyClient", bound=ProviderReadClient)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderConnection:
    """How one provider's server is reached."""

    server: ProviderServer
    ca_variable: str = ""
    """Variable for certificates that this provider alone reads; empty for none."""
    transport: httpx.BaseTransport | None = None
    """Replaces the network in tests."""

    def open(
        self,
        kind: type[AnyClient],
        settings: ProviderSettings,
        context: PluginContext,
        fetch_credential: Callable[[], Credential],
    ) -> AnyClient:
        """Return a client of that class.

        Raises:
            InputError: A certificate bundle or proxy of the environment cannot be used.
        """
        environment, patience = context.environment, read_patience(settings.options)
        # A test's transport is one object, so all its requests share one client.
        open_another = (
            None
            if self.transport
            else make_opener(self.server.base_url, variable=self.ca_variable, environment=environment)
        )
        return kind(
            http=open_another() if open_another else open_client(environment=environment, transport=self.transport),
            open_another=open_another,
            server=self.server,
            max_keys=read_max_keys(settings.options),
            fetch_credential=fetch_credential,
            retrier=Retrier(
                clock=context.clock,
                jitter=context.jitter,
                gate=Gate(context.clock),
                patience=Patience(deadline=patience) if patience else Patience(),
            ),
        )


def fetch_reader_credential(
    settings: ProviderSettings, context: PluginContext, fetch_credential: Callable[[], Credential]
) -> Credential:
    """Return what commands present that change nothing: `reader_credential` if the manifest has one.

    Raises:
        InputError: Its source cannot be read; the other credential is never fetched in its place.
    """
    if settings.reader_credential is None:
        return fetch_credential()
    try:
        return context.resolve(settings.reader_credential)
    except InputError as error:
        # Never fall back to the other credential: it may change keys, and a reader was asked for.
        advice = error.advice or "set it, or take provider.reader_credential out of the manifest"
        raise InputError(error.message, advice=advice) from error

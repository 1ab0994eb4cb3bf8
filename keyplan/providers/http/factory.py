"""Puts reader and writer of one account together. The definition is read here; nothing is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

import httpx

from keyplan.context import PluginContext
from keyplan.errors import InputError
from keyplan.model.checked_file import ReadFile
from keyplan.model.manifest import Json, ProviderSettings
from keyplan.model.secret import Credential, RawKey
from keyplan.net.authentication import Basic, HeaderSecret
from keyplan.net.http import Bearer, check_base_url
from keyplan.ports import ProviderPorts, ReaderPorts
from keyplan.providers.answers import ProviderWords
from keyplan.providers.client import ProviderClient, ProviderReadClient, ProviderServer
from keyplan.providers.connection import ProviderConnection, fetch_reader_credential
from keyplan.providers.http.definition import Definition, Scheme, SchemeKind
from keyplan.providers.http.definition_reader import read_definition
from keyplan.providers.http.options import SCHEMA
from keyplan.providers.http.reader import HttpReader
from keyplan.providers.http.writer import HttpWriter

WORDS = ProviderWords(
    setting="provider.base_url",
    credential="check provider.credential (for drift: provider.reader_credential), and that it may manage keys",
    missing_credential="set the variable that holds the credential, or provider.credential in the manifest",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAccount:
    """A definition with what the manifest adds to it."""

    definition: Definition
    base_url: str
    variables: Mapping[str, Json]
    username: str

    def authenticate(self, secret: Credential | RawKey) -> httpx.Auth:
        """Return how a secret is presented: the credential by one scheme, raw keys perhaps by another."""
        if isinstance(secret, RawKey):
            return _present(self.definition.verify.scheme, secret, username="")
        return _present(self.definition.scheme, secret, username=self.username)


def read_account(options: Mapping[str, Json], read_file: ReadFile) -> HttpAccount:
    """Return the account that options describe; their definition is read.

    Raises:
        InputError: An option cannot be used; a ManifestError if it is the definition that cannot.
    """
    definition = read_definition(read_file(str(options["definition"]), SCHEMA))
    given = options.get("variables")
    variables = _read_variables(definition, given if isinstance(given, Mapping) else {})
    username = str(options.get("username") or "")
    if username and definition.scheme.kind is not SchemeKind.BASIC:
        raise InputError(f"provider.username is for basic authentication, and {definition.name} has another")
    url = str(options.get("base_url") or definition.base_url)
    if not url:
        raise InputError(f"the definition of {definition.name} names no base_url", advice="set provider.base_url")
    return HttpAccount(definition=definition, base_url=check_base_url(url), variables=variables, username=username)


def open_provider(
    settings: ProviderSettings, context: PluginContext, *, transport: httpx.BaseTransport | None
) -> ProviderPorts:
    """Return reader and writer of one account; they share connections and retry limits.

    Raises:
        InputError: An option, the definition or a variable of the environment cannot be used.
    """
    account = read_account(settings.options, context.read_file)
    connection = _connect(account, transport)
    client = connection.open(ProviderClient, settings, context, lambda: context.resolve(settings.credential))
    return ProviderPorts(
        reader=HttpReader(client, account.definition, account.variables),
        writer=HttpWriter(client, account.definition, account.variables),
        close=client.close,
    )


def open_reader(
    settings: ProviderSettings, context: PluginContext, *, transport: httpx.BaseTransport | None
) -> ReaderPorts:
    """Return a reader of one account.

    Raises:
        InputError: An option, the definition or a variable of the environment cannot be used.
    """
    account = read_account(settings.options, context.read_file)

    def fetch() -> Credential:
        return fetch_reader_credential(settings, context, lambda: context.resolve(settings.credential))

    # Not a ProviderClient: a reader must not hold an object that could change keys.
    client = _connect(account, transport).open(ProviderReadClient, settings, context, fetch)
    return ReaderPorts(reader=HttpReader(client, account.definition, account.variables), close=client.close)


def _connect(account: HttpAccount, transport: httpx.BaseTransport | None) -> ProviderConnection:
    return ProviderConnection(
        server=ProviderServer(
            base_url=account.base_url,
            words=WORDS,
            authenticate=account.authenticate,
            headers=account.definition.headers,
        ),
        transport=transport,
    )


def _present(scheme: Scheme, secret: Credential | RawKey, *, username: str) -> httpx.Auth:
    match scheme.kind:
        case SchemeKind.BASIC:
            return Basic(secret, username=username)
        case SchemeKind.HEADER:
            return HeaderSecret(secret, name=scheme.header)
        case _:
            return Bearer(secret)


def _read_variables(definition: Definition, given: Mapping[str, Json]) -> dict[str, Json]:
    known = definition.variables
    for name in given:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"it has: {', '.join(sorted(known)) or 'none'}"
            raise InputError(f"the definition of {definition.name} has no variable '{name}'; {hint}")
    values = {name: given.get(name, form.default) for name, form in known.items()}
    if missing := sorted(name for name, value in values.items() if value is None):
        raise InputError(
            f"{definition.name} needs a value for: {', '.join(missing)}",
            advice=f"set provider.variables: {{{missing[0]}: ...}}",
        )
    return values

"""A provider for keyplan: the API keys of Latchkey, an invented service whose server is `server/latchkey_server.py`.

`docs/writing-a-provider.md` walks through it. Loading this module imports no HTTP client: `keyplan validate` needs only
what stands above the classes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from keyplan.plugin import (
    MAX_KEYS_OPTION,
    PATIENCE_SECONDS,
    Credential,
    Desired,
    FromEnvironment,
    InDoubtError,
    InputError,
    Issued,
    Json,
    KeyForm,
    KeyId,
    KeyType,
    Laws,
    Observation,
    PluginContext,
    ProviderPorts,
    ProviderSettings,
    ProviderUnavailableError,
    RawKey,
    ReaderPorts,
    Scope,
    ScopeId,
    ScopeRef,
    is_header_safe,
    split_marker,
)

if TYPE_CHECKING:
    from keyplan.plugin import ProviderClient, ProviderConnection, ProviderReadClient

CREDENTIAL = FromEnvironment("LATCHKEY_ADMIN_KEY")
KEY_FORMS = (KeyForm(key_type=KeyType.API),)
OPTIONS: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["base_url"],
    "properties": {
        "base_url": {"type": "string", "description": "Where the Latchkey server is.", "x-access": "url"},
        "patience_seconds": PATIENCE_SECONDS,
        "max_keys": MAX_KEYS_OPTION,
    },
}
LAWS = Laws(
    dialect="Latchkey",
    key_types=frozenset({KeyType.API}),
    # A raw key stays with its id: a key is renewed by another one beside it.
    has_refresh=False,
    refresh_extends_life=False,
    refresh_needs_expiry=False,
    longest_grace=timedelta(0),
    takes_organizations=False,
    takes_custom_roles=False,
    names_organizations=False,
    # PATCH changes the note alone.
    editable=frozenset({"description"}),
    shows_scopes=False,
    shows_last_use=False,
    shows_redacted=False,
    # There is one administrator, and every page of the listing arrives or the listing fails.
    marks_prove_creator=True,
    listing_proves_absence=True,
)


def find_laws(options: Mapping[str, Json]) -> Laws | None:
    """Return the laws, which are those of every server. Raises InputError if the base URL cannot be used."""
    find_named_url(options)
    return LAWS


def find_named_url(options: Mapping[str, Json]) -> str | None:
    """Return the base URL that the options name. Raises InputError if it cannot be used."""
    from keyplan.plugin import check_base_url  # noqa: PLC0415 - imports the HTTP client

    url = options.get("base_url")
    return check_base_url(url) if isinstance(url, str) else None


def build(settings: ProviderSettings, context: PluginContext) -> ProviderPorts:
    """Return reader and writer of one server. Nothing is sent, and no credential is fetched."""
    from keyplan.plugin import ProviderClient  # noqa: PLC0415 - imports the HTTP client

    client = _connect(settings).open(ProviderClient, settings, context, _find_credential(settings, context))
    return ProviderPorts(reader=LatchkeyReader(client), writer=LatchkeyWriter(client), close=client.close)


def build_reader(settings: ProviderSettings, context: PluginContext) -> ReaderPorts:
    """Return a reader of one server: its client has no method that changes anything."""
    from keyplan.plugin import ProviderReadClient, fetch_reader_credential  # noqa: PLC0415 - imports the HTTP client

    fetch = _find_credential(settings, context)
    client = _connect(settings).open(
        ProviderReadClient, settings, context, lambda: fetch_reader_credential(settings, context, fetch)
    )
    return ReaderPorts(reader=LatchkeyReader(client), close=client.close)


def _find_credential(settings: ProviderSettings, context: PluginContext) -> Callable[[], Credential]:
    return lambda: context.resolve(settings.credential)


def _connect(settings: ProviderSettings) -> ProviderConnection:
    from keyplan.plugin import ProviderConnection, ProviderServer, ProviderWords  # noqa: PLC0415 - as above

    words = ProviderWords(
        setting="provider.base_url",
        credential="check LATCHKEY_ADMIN_KEY: only the administrator's key can manage keys",
        missing_credential="set LATCHKEY_ADMIN_KEY, or provider.credential in the manifest",
    )
    return ProviderConnection(server=ProviderServer(base_url=find_named_url(settings.options) or "", words=words))


class LatchkeyReader:
    """Reads the keys of one server. Implements `KeyReader`."""

    def __init__(self, client: ProviderReadClient) -> None:
        self._client = client
        self.base_url = client.base_url
        self.clock_skew = client.clock_skew

    def laws(self) -> Laws:
        """Return the laws; nothing is asked."""
        return LAWS

    def presents(self, redacted: str) -> bool:  # noqa: ARG002 - the port's signature; no redacted form is shown
        """Return False: no redacted form is that of our credential."""
        return False

    def find_scopes(self, references: Collection[ScopeRef]) -> Mapping[ScopeRef, Scope]:
        """Return nothing. Raises InputError if a scope is asked for."""
        if references:
            raise InputError("keys of Latchkey have no scope", advice="declare name and key_type: api alone")
        return {}

    def list_keys(self, spaces: Collection[ScopeId]) -> tuple[Observation, ...]:  # noqa: ARG002 - no key has a scope
        """Return all keys, sorted by id, or raise: a key that is left out would count as gone."""
        return tuple(sorted(self._fetch(), key=lambda key: key.id))

    def search_keys(
        self, *, key_type: KeyType | None, active: bool | None, scope_id: ScopeId | None
    ) -> tuple[Observation, ...]:
        """Return what passes the filters, sorted by id; deleted keys are never listed."""
        if scope_id or active is False or key_type not in {None, KeyType.API}:
            return ()
        return self.list_keys(())

    def _fetch(self) -> Iterator[Observation]:
        what, after = "list keys", ""
        number = 0
        while True:
            answer = self._client.get(what, "/keys", {"after": after} if after else None)
            page, following = answer.get("keys"), answer.get("next")
            if not isinstance(page, list) or not isinstance(following, str | None):
                raise ProviderUnavailableError(f"{what}: the answer of {self.base_url} has no list of keys")
            number += len(page)
            if number > self._client.max_keys or (following is not None and following <= after):
                raise ProviderUnavailableError(f"{what}: the pages of {self.base_url} have no end")
            for item in page:
                yield read_key(what, item, ProviderUnavailableError)
            if following is None:
                return
            after = following


class LatchkeyWriter:
    """Changes the keys of one server, and verifies raw keys. Implements `KeyWriter` and `Editor`."""

    def __init__(self, client: ProviderClient) -> None:
        self._client = client

    def create(self, desired: Desired, *, expires_at: datetime | None) -> Issued:
        """Create a key. Once the server may have acted, every failure is an InDoubtError; nothing is repeated."""
        what = f"create key '{desired.declaration.name}'"
        expires = int(expires_at.timestamp()) if expires_at else None
        body = {"name": desired.declaration.name, "note": desired.full_description, "expires": expires}
        answer = self._client.issue(what, "/keys", body)
        raw = answer.get("secret")
        if not isinstance(raw, str) or not is_header_safe(raw):
            raise InDoubtError(f"{what}: the answer has no usable raw key")
        return Issued(key=read_key(what, answer, InDoubtError), raw=RawKey(raw))

    def refresh(self, key_id: KeyId, *, expires_at: datetime | None, grace: timedelta) -> Issued:  # noqa: ARG002 - the port's signature
        """Raise InputError: the laws say `has_refresh=False`, so no plan asks for it."""
        raise InputError(f"refresh key {key_id}: Latchkey cannot refresh a key")

    def update(self, key_id: KeyId, desired: Desired) -> Observation:
        """Give a key the declared description; the raw key stays."""
        what = f"update key {key_id}"
        answer = self._client.change(what, "PATCH", _locate(key_id), {"note": desired.full_description})
        return read_key(what, answer, ProviderUnavailableError)

    def delete(self, key_id: KeyId) -> None:
        """End a key; no error if there is none of that id."""
        self._client.end(f"delete key {key_id}", "DELETE", _locate(key_id))

    def verify(self, raw: RawKey) -> bool:
        """Whether the server accepts a raw key; raises if the answer says nothing."""
        return self._client.identify("verify a new raw key", "/caller", raw) is not None


def read_key(what: str, item: object, lost: type[InDoubtError | ProviderUnavailableError]) -> Observation:
    """Return the key that an object of the API describes; raises `lost` for anything else, and quotes nothing of it."""
    match item:
        case {"id": str(key_id), "name": str(name), "note": str(note), "created": int(created), "expires": expires}:
            description, marker = split_marker(note)
            return Observation(
                id=KeyId(key_id),
                name=name,
                key_type=KeyType.API,
                description=description,
                marker=marker,
                created_at=datetime.fromtimestamp(created, UTC),
                expires_at=datetime.fromtimestamp(expires, UTC) if isinstance(expires, int) else None,
            )
    raise lost(f"{what}: the answer describes no key")


def _locate(key_id: KeyId) -> str:
    return f"/keys/{quote(key_id, safe='')}"

"""Creates, refreshes and deletes keys as a definition says, and verifies raw keys. Implements `KeyWriter`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from keyplan.errors import InDoubtError, InputError, ProviderUnavailableError
from keyplan.model.desired import Desired
from keyplan.model.identity import KeyId
from keyplan.model.manifest import Json
from keyplan.model.secret import RawKey
from keyplan.net.http import show_safely
from keyplan.ports import Issued
from keyplan.providers.client import IssueForm, Probe, ProviderClient
from keyplan.providers.http.definition import Definition, IssueRequest, MarkerPlace
from keyplan.providers.http.parser import AskedKey, ItemParser, read_raw_key
from keyplan.providers.http.pointers import resolve
from keyplan.providers.http.templates import fill_body, fill_path
from keyplan.providers.http.times import write_instant, write_span


class HttpWriter:
    """Changes the keys of one account."""

    def __init__(self, client: ProviderClient, definition: Definition, variables: Mapping[str, Json]) -> None:
        self._client = client
        self._definition = definition
        self._variables = variables
        self._parser = ItemParser(definition, client.clock)

    def create(self, desired: Desired, *, expires_at: datetime | None) -> Issued:
        """Create a key and return it with its raw key.

        Raises:
            InputError: The API takes no expiry, and one is asked for.
            InDoubtError: A key may have been created, but its raw key did not arrive.
            ProviderDeniedError: The credential is not accepted or may not do this.
            ProviderRefusedError: The server refused.
            ProviderUnavailableError: Nothing was sent, or the server kept throttling.
        """
        self._check_expiry(expires_at, takes_expiry=self._definition.laws.takes_expiry)
        words = {
            "name": self._write_name(desired),
            "description": self._write_description(desired) or None,
            "expires_at": self._write_expiry(expires_at),
        }
        what = f"create key '{show_safely(desired.declaration.name)}'"
        return self._issue(what, self._definition.create, words, AskedKey.of(desired, expires_at))

    def refresh(self, key_id: KeyId, *, expires_at: datetime | None, grace: timedelta) -> Issued:
        """Give a key a new raw key; its id may change.

        Raises the errors of `create`; InputError if the API has no refresh, or grants no such grace.
        """
        definition, name = self._definition.refresh, self._definition.name
        if definition is None:
            raise InputError(f"{name} keys can't be refreshed")
        if grace > self._definition.laws.longest_grace:
            raise InputError(f"{name} keeps an old raw key alive for {self._definition.laws.longest_grace} at most")
        words = {
            "id": key_id,
            "grace": write_span(grace, definition.grace),
            "expires_at": self._write_expiry(expires_at),
        }
        return self._issue(f"refresh key {show_safely(key_id)}", definition, words, AskedKey(expires_at=expires_at))

    def delete(self, key_id: KeyId) -> None:
        """Delete a key; it is not an error if it does not exist (any more).

        Raises:
            ProviderDeniedError: The credential is not accepted or may not do this.
            ProviderRefusedError: The server refused.
            ProviderUnavailableError: The server cannot be reached.
        """
        definition, words = self._definition.delete, {**self._variables, "id": key_id}
        body = None if definition.body is None else fill_body(definition.body, words)
        what = f"delete key {show_safely(key_id)}"
        self._client.end(what, definition.method, fill_path(definition.path, words), body, gone=definition.gone)

    def verify(self, raw: RawKey) -> bool:
        """Whether the API accepts this raw key now, as the definition reads the status of the answer.

        Raises:
            ProviderUnavailableError: The answer says nothing about the key.
        """
        verify = self._definition.verify
        path = fill_path(verify.path, self._variables)
        probe = Probe(path=path, method=verify.method, accepted=verify.accepted, refused=verify.refused)
        return self._client.probe("verify a new raw key", probe, raw)

    def _issue(self, what: str, definition: IssueRequest, words: Mapping[str, Json], asked: AskedKey) -> Issued:
        known = {**self._variables, **words}
        form = IssueForm(
            method=definition.method,
            path=fill_path(definition.path, known),
            body=fill_body(definition.body, known),
            statuses=definition.statuses,
        )
        answer = self._client.issue_by(what, form)
        raw, item = read_raw_key(answer, definition.raw), resolve(answer, definition.key)
        if raw is None:
            # The server acted, but without the raw key the new key is of no use: recovery has to find and end it.
            raise InDoubtError(f"{what}: the server's answer has no usable key at '{definition.raw.text}'")
        shown = item if isinstance(item, Mapping) else {}
        key_id = str(words["id"]) if definition.keeps_id else definition.fields.id.find_text(shown)
        if not key_id:
            raise InDoubtError(f"{what}: the server's answer has no id at '{definition.fields.id.text}'")
        try:
            return Issued(key=self._parser.read_issued(key_id, shown, definition.fields, asked), raw=raw)
        except ProviderUnavailableError as error:
            # Nothing says that the definition's idea of the key is right, so no receipt may be written from it.
            raise InDoubtError(f"{what}: {error.message}", advice=error.advice) from error

    def _write_name(self, desired: Desired) -> str:
        name = desired.declaration.name
        return desired.marker.attach(name) if desired.marker and self._carries(MarkerPlace.NAME) else name

    def _write_description(self, desired: Desired) -> str:
        return desired.full_description if self._carries(MarkerPlace.DESCRIPTION) else desired.declaration.description

    def _carries(self, place: MarkerPlace) -> bool:
        return self._definition.marker is place

    def _write_expiry(self, expires_at: datetime | None) -> Json:
        if expires_at is None:
            return None
        return write_instant(expires_at, self._definition.forms.sent_expiry, self._client.clock.now())

    def _check_expiry(self, expires_at: datetime | None, *, takes_expiry: bool) -> None:
        if expires_at is not None and not takes_expiry:
            raise InputError(f"{self._definition.name} keys have no expiry", advice="remove expires_in or expires_at")

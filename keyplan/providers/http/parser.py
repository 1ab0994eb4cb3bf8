"""Reads the object of a key into an `Observation`, at the places and in the forms that a definition says.

A raw key is held by a `RawKey` alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from sys import intern

from keyplan.errors import ProviderUnavailableError
from keyplan.model.desired import Desired
from keyplan.model.identity import KeyId, UserId
from keyplan.model.manifest import KeyType
from keyplan.model.observation import Marker, Observation, split_marker
from keyplan.model.secret import RawKey
from keyplan.net.http import show_safely
from keyplan.ports import Clock
from keyplan.providers.answers import JsonObject
from keyplan.providers.http.definition import Definition, KeyFields, MarkerPlace
from keyplan.providers.http.pointers import Source
from keyplan.providers.http.times import EPOCH, TimeForm, read_instant
from keyplan.system.secrets import is_header_safe


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedKey:
    """What an answer to a create or refresh need not repeat."""

    name: str = ""
    description: str = ""
    marker: Marker | None = None
    expires_at: datetime | None = None

    @classmethod
    def of(cls, desired: Desired, expires_at: datetime | None) -> AskedKey:
        """Return what a create asks for."""
        return cls(
            name=desired.declaration.name,
            description=desired.shown_description,
            marker=desired.marker,
            expires_at=expires_at,
        )


class ItemParser:
    """Reads key objects of one API."""

    def __init__(self, definition: Definition, clock: Clock) -> None:
        self._definition = definition
        self._clock = clock

    def read(self, key_id: str, item: JsonObject) -> Observation:
        """Return the key that an object of a listing describes.

        Raises:
            ProviderUnavailableError: A time has another form than the definition says.
        """
        return self._observe(key_id, item, self._definition.fields)

    def read_issued(self, key_id: str, item: JsonObject, fields: KeyFields, asked: AskedKey) -> Observation:
        """Return the key that an answer with a raw key describes; what it does not show is as it was asked for.

        Raises:
            ProviderUnavailableError: A time has another form than the definition says.
        """
        shown = self._observe(key_id, item, fields)
        is_named, is_described = bool(_find(fields.name, item)), bool(_find(fields.description, item))
        carrier = {MarkerPlace.NAME: is_named, MarkerPlace.DESCRIPTION: is_described}
        return Observation(
            id=shown.id,
            name=shown.name if is_named else asked.name,
            key_type=KeyType.API,
            description=shown.description if is_described else asked.description,
            marker=shown.marker if carrier.get(self._definition.marker) else asked.marker,
            redacted=shown.redacted,
            created_at=self._clock.now() if shown.created_at == EPOCH else shown.created_at,
            expires_at=shown.expires_at or asked.expires_at,
            rotated_at=shown.rotated_at,
            created_by=shown.created_by,
        )

    def _observe(self, key_id: str, item: JsonObject, fields: KeyFields) -> Observation:
        name, description, marker = self._read_texts(item, fields)
        created = self._read_time(fields.created, item, self._definition.forms.shown_times)
        return Observation(
            id=KeyId(intern(key_id)),
            name=intern(name),
            key_type=KeyType.API,
            description=description,
            marker=marker,
            active=_find_value(fields.disabled, item) is not True,
            redacted=_find(fields.redacted, item),
            created_at=created or EPOCH,
            expires_at=self._read_time(fields.expires, item, self._definition.forms.shown_expiry, created),
            last_used_at=self._read_time(fields.last_used, item, self._definition.forms.shown_times),
            rotated_at=self._read_time(fields.rotated, item, self._definition.forms.shown_times),
            created_by=UserId(intern(_find(fields.creator, item))),
        )

    def _read_texts(self, item: JsonObject, fields: KeyFields) -> tuple[str, str, Marker | None]:
        """Return name, description and marker of a key."""
        name, description = _find(fields.name, item), _find(fields.description, item)
        match self._definition.marker:
            case MarkerPlace.NAME:
                bare, marker = split_marker(name)
                return bare, description, marker
            case MarkerPlace.DESCRIPTION:
                bare, marker = split_marker(description)
                return name, bare, marker
            case _:
                return name, description, None

    def _read_time(
        self, source: Source | None, item: JsonObject, form: TimeForm, created: datetime | None = None
    ) -> datetime | None:
        value = _find_value(source, item)
        if source is None or value is None or value == "":
            return None
        try:
            return read_instant(value, form, now=self._clock.now(), created=created)
        except ValueError:
            # Not "unknown": a key whose expiry is not understood would count as one that never expires.
            key_id = show_safely(self._definition.fields.id.find_text(item))
            raise ProviderUnavailableError(
                f"key {key_id}: the value at '{source.text}' has not the form '{form.value}'",
                advice="correct 'expiry.read' or 'times' of the definition",
            ) from None


def read_raw_key(answer: JsonObject, source: Source) -> RawKey | None:
    """Return the raw key of an answer; None if it holds none that a header can carry."""
    if not isinstance(source.find(answer), str) or not is_header_safe(source.find_text(answer)):
        return None
    raw = RawKey(source.find_text(answer))
    return None if raw.is_empty() else raw


def _find_value(source: Source | None, item: JsonObject) -> object:
    return source.find(item) if source else None


def _find(source: Source | None, item: JsonObject) -> str:
    return source.find_text(item) if source else ""

"""Writes and removes a field of a secret without losing what is beside it, whatever the policy allows.

A write is always over the version that was looked at. Other fields are dropped only if keyplan made the secret, or
'overwrite: true' says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from keyplan.errors import SinkDeniedError
from keyplan.model.observation import Slot
from keyplan.sinks.vault.client import VaultClient
from keyplan.sinks.vault.errors import VaultForbiddenError
from keyplan.sinks.vault.notes import VaultNotes
from keyplan.sinks.vault.state import VaultField


class VaultWriter:
    """Changes secrets of one server."""

    def __init__(self, client: VaultClient) -> None:
        self._client = client

    def store(self, found: VaultField, text: str) -> int:
        """Put a text into the field and return the version that holds it; the same text is not written again."""
        target, secret = found.target, found.secret
        if secret.fields is not None and secret.fields.get(target.field) == text:
            return secret.version
        fields = {**found.others, target.field: text}
        if secret.fields is None and secret.is_live:
            return self._store_unread(found, text)
        return self._client.write(target.mount, target.path, fields, cas=secret.version)

    def remove(self, found: VaultField) -> int:
        """Take the field away and return the version without it; the store can bring the one before back."""
        target, version = found.target, found.secret.version
        if found.others:
            return self._client.write(target.mount, target.path, found.others, cas=version)
        if found.secret.fields is None and not found.is_alone:
            try:
                return self._client.patch(target.mount, target.path, {target.field: None}, cas=version)
            except VaultForbiddenError as error:
                _refuse_loss(found, error)
        # Deleting knows no check-and-set: a field that is added at this moment is deleted, too, but not destroyed.
        self._client.delete(target.mount, target.path)
        return version

    def note(
        self, found: VaultField, notes: VaultNotes, *, besides: Mapping[str, str | None] | None = None
    ) -> VaultField:
        """Store the notes, and in the same step further entries, and return what is found now."""
        target, secret = found.target, found.secret
        try:
            changes = {**notes.changes_from(secret.entries, target.field), **(besides or {})}
        except SinkDeniedError as error:
            raise SinkDeniedError(f"{target.location}: {error.message}", advice=error.advice) from error
        version = secret.metadata_version
        if changes:
            self._client.note(target.mount, target.path, changes, secret=secret)
            # Each change of the metadata counts its version up, a change of the value does not (OpenBao, KV version 2).
            version = None if version is None else version + 1
        entries = {name: value for name, value in {**secret.entries, **changes}.items() if value is not None}
        return replace(found, notes=notes, secret=replace(secret, entries=entries, metadata_version=version))

    def require_rights(self, found: VaultField, *, will_exist: bool) -> None:
        """Raise VaultForbiddenError if the server says that the field could not be stored."""
        path = _data_path(found)
        rights = self._client.rights([path])
        if rights is not None and (error := find_missing_right(found, rights[path], will_exist=will_exist)):
            raise error

    def find_missing_rights(
        self, fields: Mapping[Slot, VaultField], *, will_exist: bool
    ) -> Mapping[Slot, VaultForbiddenError]:
        """Return which of these fields could not be stored, as far as the server says: one request for all."""
        rights = self._client.rights({_data_path(field) for field in fields.values()}) if fields else None
        if rights is None:
            return {}
        missing = {
            slot: find_missing_right(field, rights[_data_path(field)], will_exist=will_exist)
            for slot, field in fields.items()
        }
        return {slot: error for slot, error in missing.items() if error is not None}

    def _store_unread(self, found: VaultField, text: str) -> int:
        target, version = found.target, found.secret.version
        try:
            return self._client.patch(target.mount, target.path, {target.field: text}, cas=version)
        except VaultForbiddenError as error:
            _refuse_loss(found, error)
        return self._client.write(target.mount, target.path, {target.field: text}, cas=version)


def find_missing_right(found: VaultField, rights: frozenset[str], *, will_exist: bool) -> VaultForbiddenError | None:
    """Return why a token with these rights could not store the field; None if it could.

    A secret whose path is known by then counts as there, which needs 'update'; 'create' makes new paths only.
    """
    target, secret = found.target, found.secret
    wanted = {"update"} if secret.exists or will_exist else {"create"}
    if secret.fields is None and secret.is_live:
        wanted = {"patch", "update"} if found.is_alone or target.may_overwrite else {"patch"}
    if rights & {"root", *wanted}:
        return None
    right = " or ".join(f"'{name}'" for name in sorted(wanted))
    return VaultForbiddenError(
        f"{target.location}: the policy lacks {right}", advice=f"add {right} on {_data_path(found)}"
    )


def _data_path(found: VaultField) -> str:
    return f"{found.target.mount}/data/{found.target.path}"


def _refuse_loss(found: VaultField, error: VaultForbiddenError) -> None:
    """Raise SinkDeniedError if a write of the whole secret may lose a field that is not keyplan's."""
    if not found.is_alone and not found.target.may_overwrite:
        raise SinkDeniedError(
            f"{found.target.location}: other fields of the secret can't be kept, because the policy allows neither "
            "to read nor to patch it",
            advice=f"give it 'patch' on {found.target.mount}/data/{found.target.path}",
        ) from error

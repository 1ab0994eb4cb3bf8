"""Secrets of AWS Secrets Manager, each as one record, and the few calls that change one.

A new value is staged as AWSPENDING and becomes AWSCURRENT in one step, which fails if another writer was faster. Only
the methods whose names say so read a value.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from keyplan.sinks.answers import understood
from keyplan.sinks.aws.notes import OWNER, from_list, to_list
from keyplan.sinks.aws.service import WIDEST, AwsDeniedError, Service
from keyplan.sinks.value_store import StoreConflictError

CURRENT, PENDING, PROBE, LOCK = "AWSCURRENT", "AWSPENDING", "KEYPLANPROBE", "KEYPLANLOCK"
MOST_DESCRIBED = 100
"""How many secrets are looked at one by one, which is exact; a listing may be five minutes old (AWS, ListSecrets)."""
_TOKENS = uuid.UUID("9f2c1c1e-5d0b-4c7e-9a53-0f4d3c0f6a11")
"""Never to change: versions that are stored already were named with it."""
_DESCRIPTION = "Arize API key, kept by keyplan"
_PROBE_TEXT = "no secret: keyplan proves that it may write here"
_LISTING = "the listing of secrets"
_ABSENT = ("ResourceNotFoundException",)


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretRecord:
    """A secret without its value."""

    name: str
    tags: Mapping[str, str]
    stages: Mapping[str, Collection[str]]
    """Staging labels by version."""
    is_deleted: bool
    """Whether it is scheduled for deletion."""

    def version_at(self, stage: str) -> str:
        """Return the version that carries a label; empty if none does."""
        return next((version for version, stages in self.stages.items() if stage in stages), "")

    @property
    def current(self) -> str:
        """The version that consumers get; empty if the secret has no value."""
        return self.version_at(CURRENT)

    @property
    def is_settled(self) -> bool:
        """Whether a receipt speaks of the current version."""
        return self.current in {version for name, version in self.tags.items() if name.endswith("-version")}


def make_token(*parts: str) -> str:
    """Return the same version id for the same parts."""
    return str(uuid.uuid5(_TOKENS, "\n".join(parts)))


class SecretsClient:
    """Secrets Manager in one account and region. Safe for threads."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def describe(self, name: str) -> SecretRecord | None:
        """Return a secret as it is now; None if there is none."""
        answer = self._service.ask("describe_secret", name, absent=_ABSENT, SecretId=name)
        if answer is None:
            return None
        with understood(name):
            return _record(answer, answer.get("VersionIdsToStages"))

    def look(self, names: Collection[str], owner: str) -> dict[str, SecretRecord]:
        """Return the secrets of these names that there are.

        More than MOST_DESCRIBED are looked up in a listing of what carries the owner's mark, a hundred at a time; those
        that are not in it, or whose value is not the one that their mark speaks of, one by one.
        """
        listed = self._list(owner) if len(names) > MOST_DESCRIBED else {}
        rest = [name for name in names if name not in listed or not listed[name].is_settled]
        with ThreadPoolExecutor(max_workers=WIDEST) as pool:
            described = [record for record in pool.map(self.describe, rest) if record]
        return {record.name: record for record in (*listed.values(), *described) if record.name in set(names)}

    def _list(self, owner: str) -> dict[str, SecretRecord]:
        # Key and value may match two different tags of a secret: too much is found, and sorted out by name.
        filters = [{"Key": "tag-key", "Values": [OWNER]}, {"Key": "tag-value", "Values": [owner]}]
        pages = self._service.pages("list_secrets", _LISTING, Filters=filters, MaxResults=100)
        return {record.name: record for page in pages for record in _read_page(page)}

    def value_if_allowed(self, name: str) -> bytes | None:
        """Return the current value; empty if there is none, None if it may not be read."""
        try:
            return self.value(name)
        except AwsDeniedError:
            return None

    def value(self, name: str) -> bytes:
        """Return the current value; empty if there is none."""
        # Always by its label: one emulator answers with an older version if none is named.
        answer = self._service.ask("get_secret_value", name, absent=_ABSENT, SecretId=name, VersionStage=CURRENT)
        found = answer or {}
        text = found.get("SecretString")
        return text.encode() if text else bytes(found.get("SecretBinary") or b"")

    def create(self, name: str, kms_key_id: str, tags: Mapping[str, str]) -> str:
        """Make a secret without a value; return the version that it has all the same in some emulators."""
        arguments: dict[str, Any] = {"KmsKeyId": kms_key_id} if kms_key_id else {}
        answer = self._service.ask(
            "create_secret",
            name,
            absent=("ResourceExistsException",),
            Name=name,
            Description=_DESCRIPTION,
            Tags=to_list(tags),
            **arguments,
        )
        if answer is None:
            raise _explain_conflict(name)
        return str(answer.get("VersionId") or "")

    def mark(self, name: str, tags: Mapping[str, str], surplus: Sequence[str]) -> None:
        """Set tags, all in one step, then take others off."""
        if tags:
            self._service.call("tag_resource", name, SecretId=name, Tags=to_list(tags))
        if surplus:
            self._service.call("untag_resource", name, SecretId=name, TagKeys=list(surplus))

    def fill(self, record: SecretRecord, token: str, content: bytes) -> None:
        """Make a content the current value, as the version `token`, in place of what the record says is current.

        Raises StoreConflictError if another version has become current meanwhile.
        """
        name = record.name
        if token != record.current:
            stages = self._put(name, token, content.decode(), PENDING)
            # AWS makes the first version of a secret current automatically.
            if CURRENT not in stages:
                # The lock first: a run that was taken over must not reach its consumers any more.
                self.lock(record, token)
                self._promote(record, token)
        elif PENDING not in record.stages[token]:
            return
        # Off again: AWS's own rotation refuses to start while the label is on a version that is not current.
        self._unlabel(name, PENDING, token)

    def probe(self, record: SecretRecord, token: str) -> None:
        """Prove that versions may be written and labels moved, by a version that no consumer gets."""
        # AWS makes the first version current, whatever its label: an empty secret can't be tried.
        if record.current:
            self._put(record.name, token, _PROBE_TEXT, PROBE)
            self._unlabel(record.name, PROBE, token)

    def lock(self, record: SecretRecord, token: str) -> None:
        """Move the label that says who may write to a version, from where the record says that it is.

        Raises StoreConflictError if another run has moved it meanwhile.
        """
        former = record.version_at(LOCK)
        if former == token:
            return
        moved = self._service.ask(
            "update_secret_version_stage",
            record.name,
            absent=("InvalidParameterException",),
            SecretId=record.name,
            VersionStage=LOCK,
            MoveToVersionId=token,
            **({"RemoveFromVersionId": former} if former else {}),
        )
        if moved is None:
            raise _explain_conflict(record.name)
        if not former and self._count_locks(record.name) != 1:
            # AWS puts no label on a second version unasked; one emulator does.
            self.unlock(record.name, token)
            raise _explain_conflict(record.name)

    def unlock(self, name: str, token: str) -> None:
        """Take the label off a version, if it is there."""
        self._unlabel(name, LOCK, token)

    def _count_locks(self, name: str) -> int:
        record = self.describe(name)
        return sum(LOCK in stages for stages in record.stages.values()) if record else 0

    def restore(self, name: str) -> None:
        """Take back a deletion."""
        self._service.call("restore_secret", name, SecretId=name)

    def delete(self, name: str, recovery_days: int) -> None:
        """Schedule a deletion; with 0 days delete at once."""
        how: dict[str, Any] = {"RecoveryWindowInDays": recovery_days}
        if not recovery_days:
            how = {"ForceDeleteWithoutRecovery": True}
        self._service.call("delete_secret", name, SecretId=name, **how)

    def _put(self, name: str, token: str, content: str, stage: str) -> Collection[str]:
        answer = self._service.call(
            "put_secret_value",
            name,
            SecretId=name,
            ClientRequestToken=token,
            SecretString=content,
            VersionStages=[stage],
        )
        return tuple(answer.get("VersionStages") or ())

    def _promote(self, record: SecretRecord, token: str) -> None:
        former = {"RemoveFromVersionId": record.current} if record.current else {}
        moved = self._service.ask(
            "update_secret_version_stage",
            record.name,
            # AWS's answer if the label is no longer at the version that it is to be taken from.
            absent=("InvalidParameterException",),
            SecretId=record.name,
            VersionStage=CURRENT,
            MoveToVersionId=token,
            **former,
        )
        if moved is None:
            raise _explain_conflict(record.name)

    def _unlabel(self, name: str, stage: str, version: str) -> None:
        self._service.ask(
            "update_secret_version_stage",
            name,
            absent=("InvalidParameterException",),
            SecretId=name,
            VersionStage=stage,
            RemoveFromVersionId=version,
        )


def _explain_conflict(name: str) -> StoreConflictError:
    return StoreConflictError(f"{name}: another writer changed it at the same time", advice="apply again")


def _read_page(page: Mapping[str, Any]) -> list[SecretRecord]:
    with understood(_LISTING):
        return [_record(item, item.get("SecretVersionsToStages")) for item in page["SecretList"]]


def _record(values: Mapping[str, Any], stages: Mapping[str, Collection[str]] | None) -> SecretRecord:
    return SecretRecord(
        name=values["Name"],
        tags=from_list(values.get("Tags")),
        stages=stages or {},
        is_deleted=bool(values.get("DeletedDate")),
    )

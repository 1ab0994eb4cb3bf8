"""One entry of a Secret as it was found, and the requests that change it. Pure.

No value is in a repr or an error, and nothing is forced unless the value is known to be keyplan's.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from keyplan.errors import SinkDeniedError
from keyplan.model.intent import Intent
from keyplan.model.receipt import Receipt
from keyplan.sinks.kubernetes.client import Applied
from keyplan.sinks.kubernetes.errors import explain_immutable
from keyplan.sinks.kubernetes.places import MANAGED_BY_LABEL, MANAGER, OWNER, KubernetesPlace, is_reserved, to_label
from keyplan.sinks.kubernetes.secret import KubernetesSecret, SecretField, SecretMap
from keyplan.sinks.notes import Entry
from keyplan.sinks.value_store import Loaded, Presence

OWNER_MARK = SecretField(SecretMap.ANNOTATION, OWNER)
OWNER_LABEL = SecretField(SecretMap.LABEL, OWNER)
MANAGED_BY = SecretField(SecretMap.LABEL, MANAGED_BY_LABEL)
"""Says that keyplan made the Secret, and may remove it."""
_OURS = "keyplan"
_RUN_DIGITS = 12
_MARKS = ("keyplan/receipt.", "keyplan/intent.")


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldEntry:
    """One entry of one Secret, with all that is known of it."""

    place: KubernetesPlace
    secret: KubernetesSecret | None

    @property
    def owner(self) -> str:
        """Whose the Secret is; empty if keyplan has no part in it."""
        return (self.secret.text(OWNER_MARK) or "") if self.secret else ""

    @property
    def receipt(self) -> Receipt | None:
        """What is noted of the value; None if it can't be understood."""
        try:
            values = self._load(self.place.receipt)
            return Receipt.from_dict(values["receipt"]) if values else None
        except (KeyError, ValueError, TypeError, AttributeError):
            return None

    @property
    def intent(self) -> Intent | None:
        """What was about to be done; None if it can't be understood."""
        try:
            values = self._load(self.place.intent)
            return Intent.from_dict(values["intent"]) if values else None
        except (KeyError, ValueError, TypeError, AttributeError):
            return None

    @property
    def has_receipt(self) -> bool:
        """Whether the value is marked as ours, legibly or not."""
        return self.secret is not None and self.secret.text(self.place.receipt) is not None

    @property
    def has_intent(self) -> bool:
        """Whether an intent is noted, legibly or not."""
        return self.secret is not None and self.secret.text(self.place.intent) is not None

    @property
    def is_present(self) -> bool:
        """Whether the entry has a value."""
        if self.secret is None or self.place.entry not in self.secret.entries:
            return False
        data = self.secret.data
        return data is None or bool(self.place.format.read(data[self.place.entry]))

    def to_loaded(self) -> Loaded:
        """Return it as the engine takes it."""
        secret, place = self.secret, self.place
        if secret is None:
            return Loaded()
        is_noted = self.has_receipt or self.has_intent
        return Loaded(
            presence=Presence.PRESENT if secret.data is None and self.is_present else Presence.AS_READ,
            content=(secret.data or {}).get(place.entry),
            # A note that can't be understood still says that the value is keyplan's.
            entry=Entry(owner=self.owner, receipt=self.receipt, intent=self.intent, seal=place.manager)
            if is_noted
            else None,
            owner=self.owner,
            # Value and receipt are written at once: a value without a receipt was never keyplan's.
            is_foreign=self.is_present and not self.has_receipt,
            # The API server notes who wrote a field last, which shows an edit without reading the value.
            seal=place.manager if secret.is_applied_by(place.manager, place.value) else "",
            obstacle=explain_immutable(place.location) if secret.is_immutable else self._find_other_manager(),
        )

    def _find_other_manager(self) -> SinkDeniedError | None:
        """Return why the entry can't be written if something else declares it, too: each would undo the other."""
        if self.secret is None or self.place.may_overwrite or not (self.is_present and self.has_receipt):
            return None
        declaring = (manager.name for manager in self.secret.owners(self.place.value) if manager.applies)
        names = sorted({*declaring} - {self.place.manager})
        if not names:
            return None
        return SinkDeniedError(
            f"{self.place.location}: is declared by {' and '.join(names)}, too",
            advice="take the entry out there (field managers: kubectl get secret --show-managed-fields), choose "
            "another place, or set 'overwrite: true' on this sink",
        )

    def delivering(self, owner: str, receipt: str, value: Mapping[str, str]) -> Applied:
        """Return what to apply for a value and its receipt, both at once."""
        return self._applied(owner, self.place.manager, {self.place.receipt: receipt}, value)

    def intending(self, owner: str, intent: str, *, run: str) -> Applied:
        """Return what to apply for an intent of a run, which says nothing of the value."""
        manager = self.place.intent_manager
        if self.secret is None and run:
            # No version can be named of a Secret that is not there. Of two runs that make it at once, the second is
            # refused all the same: it is another manager, and says something else of the same annotation.
            manager = f"{manager}.{hashlib.sha256(run.encode()).hexdigest()[:_RUN_DIGITS]}"
        return self._applied(owner, manager, {self.place.intent: intent}, {})

    def annotating(self, owner: str, receipt: str) -> Mapping[str, Any]:
        """Return the merge patch that notes a receipt beside a value which stays as it is."""
        return {
            "metadata": {
                "resourceVersion": self._existing().version,
                "annotations": {self.place.receipt.name: receipt, OWNER_MARK.name: owner},
                "labels": {OWNER_LABEL.name: to_label(owner)},
            }
        }

    def left_metadata(self, *, by_intents: bool) -> tuple[SecretField, ...]:
        """Return labels and annotations of the options that this entry's managers alone still own.

        With `by_intents` only those that an intent brought along, and that the delivery after it no longer names.
        """
        secret = self._existing()
        prefix = self.place.intent_manager if by_intents else self.place.manager
        named = {field for manager in secret.managers for field in manager.fields if field.kind is not SecretMap.DATA}
        return tuple(
            field
            for field in sorted(named, key=lambda field: (field.kind.value, field.name))
            if not is_reserved(field.name) and all(one.name.startswith(prefix) for one in secret.owners(field))
        )

    def removing(self, *fields: SecretField) -> Mapping[str, Any]:
        """Return the merge patch that removes fields, and with keyplan's last note its marks, too."""
        secret = self._existing()
        gone = {*fields}
        left = {name for name in secret.annotations if name.startswith(_MARKS)} - {field.name for field in gone}
        if not left:
            gone |= {OWNER_MARK, OWNER_LABEL}
        by_kind = {kind: {field.name: None for field in gone if field.kind is kind} for kind in SecretMap}
        return {
            "metadata": {
                "resourceVersion": secret.version,
                "annotations": by_kind[SecretMap.ANNOTATION],
                "labels": by_kind[SecretMap.LABEL],
            },
            **({"data": by_kind[SecretMap.DATA]} if by_kind[SecretMap.DATA] else {}),
        }

    def is_all(self, *fields: SecretField) -> bool:
        """Whether keyplan made the Secret, and nothing would be in it without these fields."""
        secret = self._existing()
        gone = {field.name for field in fields}
        values = {name for name in secret.entries if SecretField(SecretMap.DATA, name) not in fields}
        notes = {name for name in secret.annotations if name.startswith(_MARKS)} - gone
        return secret.text(MANAGED_BY) == _OURS and not values and not notes

    def _existing(self) -> KubernetesSecret:
        if self.secret is None:
            raise AssertionError("nothing is removed from a Secret that does not exist")
        return self.secret

    def _load(self, field: SecretField) -> Mapping[str, Any] | None:
        text = self.secret.text(field) if self.secret else None
        values: Mapping[str, Any] | None = json.loads(text) if text else None
        return values

    def _applied(self, owner: str, manager: str, notes: Mapping[SecretField, str], value: Mapping[str, str]) -> Applied:
        texts = {**notes, OWNER_MARK: owner, OWNER_LABEL: to_label(owner)}
        # A Secret that Helm or another program made keeps its own mark.
        if self.secret is None or self.secret.text(MANAGED_BY) == _OURS:
            texts[MANAGED_BY] = _OURS
        texts |= self._metadata()
        is_forced = self.secret is not None and self._may_force() and self._clashes(manager, texts, value)
        return Applied(
            manager=manager,
            config={
                "metadata": {
                    kind.value: {field.name: text for field, text in texts.items() if field.kind is kind}
                    for kind in (SecretMap.LABEL, SecretMap.ANNOTATION)
                },
                **({"data": value} if value else {}),
            },
            # What was decided from must still be there, if another writer came in between.
            version=self.secret.version if self.secret else "",
            is_forced=is_forced,
        )

    def _metadata(self) -> dict[SecretField, str]:
        """Return labels and annotations of the options, without those for which another writer has another text."""
        wanted = {SecretField(SecretMap.LABEL, name): text for name, text in self.place.labels.items()}
        wanted |= {SecretField(SecretMap.ANNOTATION, name): text for name, text in self.place.annotations.items()}
        return {field: text for field, text in wanted.items() if not self._is_others(field, text)}

    def _is_others(self, field: SecretField, text: str) -> bool:
        if self.secret is None or self.secret.text(field) in {None, text}:
            return False
        return any(not owner.name.startswith(MANAGER) for owner in self.secret.owners(field))

    def _may_force(self) -> bool:
        return self.place.may_overwrite or self.has_receipt or self.has_intent

    def _clashes(self, manager: str, texts: Mapping[SecretField, str], value: Mapping[str, str]) -> bool:
        """Whether something of ours has been changed by another manager since we applied it."""
        secret = self._existing()
        changed = [field for field, text in texts.items() if secret.text(field) not in {None, text}]
        fields = [*changed, *(SecretField(SecretMap.DATA, name) for name in value if name in secret.entries)]
        # The owner's mark is applied for every entry of a Secret: to change it for one, it is taken from the others.
        shared = (one.name for field in changed for one in secret.owners(field))
        return any(not secret.is_applied_by(manager, field) for field in fields) or any(
            name != manager for name in shared
        )


def write_kube_note(kind: str, entry: str, values: Mapping[str, Any]) -> str:
    """Return the text of an annotation, with the entry that its name only digests."""
    return json.dumps({"entry": entry, kind: values}, separators=(",", ":"), ensure_ascii=False)

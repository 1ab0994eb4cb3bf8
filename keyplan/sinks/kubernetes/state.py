"""What was found at a target in Kubernetes, and what follows from it. Pure.

In: a target, its Secret, this manifest's owner. Out: holdings, refusals, and what to write. Never: a value in a repr or
an error; force where the value isn't known to be ours.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from keyplan.errors import SinkDeniedError
from keyplan.model.observation import Content, Holding
from keyplan.model.receipt import Intent, Receipt
from keyplan.model.secret import RawKey
from keyplan.sinks.kubernetes.client import Applied
from keyplan.sinks.kubernetes.places import OWNER, Target, to_label
from keyplan.sinks.kubernetes.secret import Field, Kind, Secret

OWNER_MARK = Field(Kind.ANNOTATION, OWNER)
OWNER_LABEL = Field(Kind.LABEL, OWNER)
MANAGED_BY = Field(Kind.LABEL, "app.kubernetes.io/managed-by")
"""Says that keyplan made the Secret, and may remove it."""
_OURS = "keyplan"
_MARKS = ("keyplan/receipt.", "keyplan/intent.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One entry of one Secret, with all that is known of it."""

    target: Target
    secret: Secret | None

    @property
    def owner(self) -> str:
        """Whose the Secret is; empty where keyplan has no part in it."""
        return (self.secret.text(OWNER_MARK) or "") if self.secret else ""

    @property
    def receipt(self) -> Receipt | None:
        """What is noted of the value; None where it can't be understood."""
        try:
            values = self._load(self.target.receipt)
            return Receipt.from_dict(values["receipt"]) if values else None
        except (KeyError, ValueError, TypeError, AttributeError):
            return None

    @property
    def intent(self) -> Intent | None:
        """What was about to be done; None where it can't be understood."""
        try:
            values = self._load(self.target.intent)
            return Intent.from_dict(values["intent"]) if values else None
        except (KeyError, ValueError, TypeError, AttributeError):
            return None

    @property
    def has_receipt(self) -> bool:
        """Whether the value is marked as ours, legibly or not."""
        return self.secret is not None and self.secret.text(self.target.receipt) is not None

    @property
    def has_intent(self) -> bool:
        """Whether an intent is noted, legibly or not."""
        return self.secret is not None and self.secret.text(self.target.intent) is not None

    @property
    def is_present(self) -> bool:
        """Whether the entry has a value."""
        if self.secret is None or self.target.entry not in self.secret.entries:
            return False
        return self.secret.data is None or self.value() is not None

    def value(self) -> RawKey | None:
        """Return the raw key in the entry; None where there is none, or it wasn't asked for."""
        if self.secret is None or self.secret.data is None or self.target.entry not in self.secret.data:
            return None
        text = self.target.format.read(self.secret.data[self.target.entry])
        return RawKey(text) if text else None

    @property
    def content(self) -> Content:
        """The value beside its receipt; without values, whether keyplan is still the one who wrote it last."""
        if self.secret is None or not self.is_present or (receipt := self.receipt) is None:
            return Content.UNREAD
        if (value := self.value()) is None:
            is_ours = self.secret.is_applied_by(self.target.manager, self.target.value)
            return Content.UNREAD if is_ours else Content.DIFFERS
        if receipt.fingerprint is None:
            return Content.UNREAD
        return Content.MATCHES if receipt.fingerprint.matches(value) else Content.DIFFERS

    def hold(self, owner: str) -> Holding:
        """Return what the sink holds, as far as it is this owner's."""
        # Another owner's mark proves nothing to us: planned as undelivered, it is refused by `intend`.
        is_ours = self.owner == owner
        return Holding(
            present=self.is_present,
            receipt=self.receipt if is_ours and self.is_present else None,
            intent=self.intent if is_ours else None,
            content=self.content if is_ours else Content.UNREAD,
        )

    def refuse_other_owner(self, owner: str) -> None:
        """Raise SinkDeniedError where the Secret carries another owner's mark."""
        if self.owner not in {"", owner}:
            raise SinkDeniedError(
                f"{self.target.location}: the Secret belongs to the manifest of '{self.owner}'",
                advice="choose another name, or let that manifest give it up first",
            )

    def refuse_unwritable(self, owner: str) -> None:
        """Raise SinkDeniedError where the entry holds something that is not keyplan's to overwrite."""
        self.refuse_other_owner(owner)
        if self.target.may_overwrite or not self.is_present:
            return
        if not self.has_receipt:
            raise SinkDeniedError(
                f"{self.target.location}: something is there that keyplan did not put there",
                advice="move it away, choose another entry, or set 'overwrite: true' on this sink",
            )
        self.refuse_other_manager()

    def refuse_other_manager(self) -> None:
        """Raise SinkDeniedError, naming it, where something else declares the entry: each would undo the other."""
        names = sorted(
            {
                manager.name
                for manager in (self.secret.owners(self.target.value) if self.secret else ())
                if manager.applies and manager.name != self.target.manager
            }
        )
        if names:
            raise SinkDeniedError(
                f"{self.target.location}: is declared by {' and '.join(names)}, too",
                advice="take the entry out there (field managers: kubectl get secret --show-managed-fields), choose "
                "another entry, or set 'overwrite: true' on this sink",
            )

    def delivering(self, owner: str, receipt: str, value: Mapping[str, str]) -> Applied:
        """Return what to apply for a value and its receipt, both at once."""
        return self._applied(owner, self.target.manager, {self.target.receipt: receipt}, value)

    def intending(self, owner: str, intent: str) -> Applied:
        """Return what to apply for an intent, which says nothing of the value."""
        return self._applied(owner, self.target.intent_manager, {self.target.intent: intent}, {})

    def annotating(self, owner: str, receipt: str) -> Mapping[str, Any]:
        """Return the merge patch that notes a receipt beside a value which stays as it is."""
        return {
            "metadata": {
                "resourceVersion": self._existing().version,
                "annotations": {self.target.receipt.name: receipt, OWNER_MARK.name: owner},
                "labels": {OWNER_LABEL.name: to_label(owner)},
            }
        }

    def removing(self, *fields: Field) -> Mapping[str, Any]:
        """Return the merge patch that takes fields out, and with the last note of ours our marks, too."""
        secret = self._existing()
        gone = {*fields}
        left = {name for name in secret.annotations if name.startswith(_MARKS)} - {field.name for field in gone}
        if not left:
            gone |= {OWNER_MARK, OWNER_LABEL}
        by_kind = {kind: {field.name: None for field in gone if field.kind is kind} for kind in Kind}
        return {
            "metadata": {
                "resourceVersion": secret.version,
                "annotations": by_kind[Kind.ANNOTATION],
                "labels": by_kind[Kind.LABEL],
            },
            **({"data": by_kind[Kind.DATA]} if by_kind[Kind.DATA] else {}),
        }

    def is_all(self, *fields: Field) -> bool:
        """Whether keyplan made the Secret, and nothing would be in it without these fields."""
        secret = self._existing()
        gone = {field.name for field in fields}
        values = {name for name in secret.entries if Field(Kind.DATA, name) not in fields}
        notes = {name for name in secret.annotations if name.startswith(_MARKS)} - gone
        return secret.text(MANAGED_BY) == _OURS and not values and not notes

    def _existing(self) -> Secret:
        if self.secret is None:
            raise AssertionError("nothing is taken out of a Secret that does not exist")
        return self.secret

    def _load(self, field: Field) -> Mapping[str, Any] | None:
        text = self.secret.text(field) if self.secret else None
        values: Mapping[str, Any] | None = json.loads(text) if text else None
        return values

    def _applied(self, owner: str, manager: str, notes: Mapping[Field, str], value: Mapping[str, str]) -> Applied:
        texts = {**notes, OWNER_MARK: owner, OWNER_LABEL: to_label(owner)}
        # A Secret that Helm or somebody else made keeps its own mark.
        if self.secret is None or self.secret.text(MANAGED_BY) == _OURS:
            texts[MANAGED_BY] = _OURS
        is_forced = self.secret is not None and self._may_force() and self._clashes(manager, texts, value)
        return Applied(
            manager=manager,
            config={
                "metadata": {
                    kind.value: {field.name: text for field, text in texts.items() if field.kind is kind}
                    for kind in (Kind.LABEL, Kind.ANNOTATION)
                },
                **({"data": value} if value else {}),
            },
            version=self._existing().version if is_forced else "",
        )

    def _may_force(self) -> bool:
        return self.target.may_overwrite or self.has_receipt or self.has_intent

    def _clashes(self, manager: str, texts: Mapping[Field, str], value: Mapping[str, str]) -> bool:
        """Whether something of ours has been changed by somebody else since we applied it."""
        secret = self._existing()
        fields = [Field(Kind.DATA, name) for name in value if name in secret.entries]
        fields += [field for field, text in texts.items() if secret.text(field) not in {None, text}]
        return any(not secret.is_applied_by(manager, field) for field in fields)


def write_note(kind: str, entry: str, values: Mapping[str, Any]) -> str:
    """Return the text of an annotation, with the entry that its name only digests."""
    return json.dumps({"entry": entry, kind: values}, separators=(",", ":"), ensure_ascii=False)

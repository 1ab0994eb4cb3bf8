"""Entries of Secrets with receipts and intents as their annotations: the store of the sink `kubernetes`.

Value and receipt are written in one request, with a field manager for each entry, so that several keys, threads and
programs may share one Secret. No entry, label or annotation of another writer is lost.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping
from threading import Lock

from keyplan.errors import SinkDeniedError
from keyplan.model.intent import Intent
from keyplan.model.observation import Slot
from keyplan.model.receipt import Receipt
from keyplan.sinks.kubernetes.client import KubeApi
from keyplan.sinks.kubernetes.errors import KubeForbiddenError, MovedOnError, OwnedElsewhereError
from keyplan.sinks.kubernetes.places import OWNER, KubernetesPlace, to_label
from keyplan.sinks.kubernetes.secret import SecretField, SecretRef
from keyplan.sinks.kubernetes.state import HeldEntry, write_kube_note
from keyplan.sinks.notes import Entry
from keyplan.sinks.value_store import Decide, Loaded

_LOOKS = 10
"""How often the Secret is looked at again if another field manager took a field between look and write."""
_ROOM = 3_000
"""How many characters of annotations a receipt and an intent may need, with a good margin."""


class KubernetesSecrets:
    """Implements ValueStore on one cluster. Safe for threads, and beside other writers."""

    def __init__(self, api: KubeApi, *, owner: str) -> None:
        """`owner`: whose Secrets are listed, if there are many."""
        self._api = api
        self._owner = owner
        self._locks: dict[SecretRef, Lock] = {}

    def load(self, slots: Collection[Slot]) -> Mapping[Slot, Loaded]:
        """Return what each slot holds; of many Secrets, those with the owner's label come in a few listings."""
        places = {slot: KubernetesPlace.of(slot) for slot in slots}
        secrets = self._api.find({place.ref for place in places.values()}, f"{OWNER}={to_label(self._owner)}")
        return {
            slot: HeldEntry(place=place, secret=secrets.get(place.ref)).to_loaded() for slot, place in places.items()
        }

    def change(self, slot: Slot, decide: Decide, *, create: bool) -> None:  # noqa: ARG002 - apply makes what is missing
        """Load, decide and store; once more from the beginning if another field manager came in between."""
        place = KubernetesPlace.of(slot)
        with self._locks.setdefault(place.ref, Lock()):
            for attempt in range(1, _LOOKS):
                try:
                    return self._change(place, decide)
                except OwnedElsewhereError:
                    # Another look shows who it was, and whether the entry may still be written. If the conflict
                    # stays it is a refusal, and not a StoreConflictError, which ends as "unavailable".
                    self._api.give_way(attempt)
            return self._change(place, decide)

    def _change(self, place: KubernetesPlace, decide: Decide) -> None:
        found = self._find(place)
        change = decide(found.to_loaded())
        if change is None:
            return
        if (entry := change.entry) is None:
            value = () if change.content is None else (place.value,)
            left = found.left_metadata(by_intents=False)
            self._remove(found, place.receipt, place.intent, *value, *left)
        elif change.must_prove:
            self._intend(found, entry)
        elif change.content and entry.receipt is not None:
            self._deliver(found, change.content, entry.receipt)
        else:
            self._note(found, entry)

    def _intend(self, found: HeldEntry, entry: Entry) -> None:
        """Note an intent, after the cluster rehearsed the delivery: rights, conflicts, room, immutability."""
        if entry.intent is None:
            return
        place, intent = found.place, entry.intent
        value = {place.entry: _encode(b"rehearsed by keyplan")}
        self._api.apply(place.ref, found.delivering(intent.owner, "x" * _ROOM, value).rehearsed())
        text = write_kube_note("intent", place.entry, intent.to_dict())
        # The mark as it is beside a receipt: a former owner's stays until the value is delivered.
        self._api.apply(place.ref, found.intending(entry.owner, text, run=intent.run))

    def _deliver(self, found: HeldEntry, content: bytes, receipt: Receipt) -> None:
        """Store value and receipt in one request; a second one closes the intent, which has another manager."""
        place = found.place
        text = write_kube_note("receipt", place.entry, receipt.to_dict())
        kept = self._api.apply(place.ref, found.delivering(receipt.owner, text, {place.entry: _encode(content)}))
        if kept.text(place.receipt) != text or not kept.is_applied_by(place.manager, place.value):
            raise SinkDeniedError(
                f"{place.location}: the cluster did not keep what was written",
                advice="see which mutating admission webhook changes Secrets in that namespace",
            )
        self._close_intent(HeldEntry(place=place, secret=kept), found.intent)

    def _close_intent(self, delivered: HeldEntry, noted: Intent | None) -> None:
        place = delivered.place
        attempt = 0
        # Another run may have noted its own by now.
        while delivered.has_intent and delivered.intent == noted:
            attempt += 1
            try:
                return self._remove(delivered, place.intent, *delivered.left_metadata(by_intents=True))
            except MovedOnError:
                if attempt == _LOOKS:
                    raise
                # Not left to the engine, which would deliver again what another run may have removed by now.
                self._api.give_way(attempt)
                delivered = self._find(place)
        return None

    def _find(self, place: KubernetesPlace) -> HeldEntry:
        return HeldEntry(place=place, secret=self._api.look(place.ref))

    def _note(self, found: HeldEntry, entry: Entry) -> None:
        """Note another receipt, or remove the intent, beside a value that stays as it is."""
        place = found.place
        if found.intent is not None and entry.intent is None:
            # A receipt without its value proves nothing, and would keep an empty Secret.
            left = found.left_metadata(by_intents=True)
            self._remove(found, place.intent, *left, *(() if found.is_present else (place.receipt,)))
        elif entry.receipt is not None:
            text = write_kube_note("receipt", place.entry, entry.receipt.to_dict())
            # Not applied: to apply it again, the value would have to be sent again, too.
            self._api.patch(place.ref, found.annotating(entry.receipt.owner, text), manager=place.manager)

    def _remove(self, found: HeldEntry, *fields: SecretField) -> None:
        """Remove fields; the Secret with them if keyplan made it, nothing else is left, and it may be deleted."""
        if found.secret and found.is_all(*fields):
            try:
                return self._api.delete(found.secret)
            except KubeForbiddenError:
                pass  # Without the right to delete, an empty Secret stays.
        return self._api.patch(found.place.ref, found.removing(*fields), manager=found.place.manager)


def _encode(content: bytes) -> str:
    return base64.b64encode(content).decode()

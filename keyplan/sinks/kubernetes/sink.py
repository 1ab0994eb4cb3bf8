"""The sink `kubernetes`: raw keys as entries of Secrets, receipts and intents as their annotations.

In: slots, raw keys, receipts, intents. Out: Secrets, written by server-side apply with a field manager for each entry,
so that several keys, threads and programs may share one Secret. Never: an entry touched that is somebody else's, an
empty value.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Collection, Mapping
from threading import Lock
from typing import Any

from keyplan.context import PluginContext
from keyplan.errors import InputError, SinkDeniedError
from keyplan.model.manifest import Declaration, Delivery, SinkSettings
from keyplan.model.observation import Abilities, Content, Holding, Slot
from keyplan.model.receipt import Intent, IntentId, Receipt
from keyplan.model.secret import RawKey
from keyplan.net.retry import Gate, Retrier
from keyplan.ports import Sink
from keyplan.sinks.kubernetes.client import PATIENCE, KubeApi
from keyplan.sinks.kubernetes.config import find_connection
from keyplan.sinks.kubernetes.errors import ForbiddenError, MovedOnError, OwnedElsewhereError
from keyplan.sinks.kubernetes.places import DEFAULT_ENTRY, OWNER, Target, fill_slot, to_label
from keyplan.sinks.kubernetes.secret import Field, Ref
from keyplan.sinks.kubernetes.state import Found, write_note
from keyplan.sinks.kubernetes.tls import open_http

_TEMPLATE = "Template of {name} {key_type} {space} {owner} {address}"
_LOOKS = 10
"""So often another look is taken, where somebody else wrote between a look and a write."""
_ROOM = 3_000
"""So many characters of annotations a receipt and an intent may need, with a good margin."""

OPTIONS: Mapping[str, Any] = {
    "type": "object",
    "description": "Writes each raw key into an entry of a Secret in Kubernetes.",
    "properties": {
        "namespace": {
            "type": ["string", "null"],
            "minLength": 1,
            "description": "Of the Secrets; without it, that of the context, or of the pod.",
        },
        "name": {"type": "string", "minLength": 1, "description": f"{_TEMPLATE}: the Secret's name."},
        "entry": {
            "type": "string",
            "minLength": 1,
            "default": DEFAULT_ENTRY,
            "description": f"{_TEMPLATE}: the name under the Secret's data. Others stay as they are.",
        },
        "context": {"type": ["string", "null"], "minLength": 1, "description": "Of the kubeconfig; else its current."},
        "kubeconfig": {
            "type": ["string", "null"],
            "minLength": 1,
            "description": "Path; else KUBECONFIG, ~/.kube/config, and in a pod its service account.",
        },
        "format": {
            "enum": ["raw", "json"],
            "default": "raw",
            "description": "raw: the key alone; json: an object with the key and its metadata.",
        },
        "newline": {"type": "boolean", "default": False, "description": "For raw: whether the value ends with one."},
        "overwrite": {
            "type": "boolean",
            "default": False,
            "description": "Whether a value that keyplan did not put there may be overwritten.",
        },
        "on_remove": {
            "enum": ["delete", "keep"],
            "default": "delete",
            "description": "What becomes of the value when its key is no longer declared.",
        },
        "copy_from": {
            "type": "boolean",
            "default": False,
            "description": "Whether other sinks may be filled from this one.",
        },
        "write_only": {
            "type": "boolean",
            "default": False,
            "description": "Whether keyplan never asks for values; then field managers tell what was changed by hand.",
        },
    },
    "required": ["name"],
    "additionalProperties": False,
}


def build(settings: SinkSettings, context: PluginContext) -> Sink:
    """Return the sink; nothing is sent yet. Raises InputError where there is no kubeconfig that can be used."""
    if settings.options.get("copy_from") and settings.options.get("write_only"):
        raise InputError(f"sink '{settings.name}': a sink with 'write_only: true' can't be copied from")
    clock = context.clock
    connection = find_connection(settings.options, context)
    api = KubeApi(
        connection,
        open_http=open_http,
        retrier=Retrier(clock=clock, jitter=context.jitter, gate=Gate(clock), patience=PATIENCE),
        metadata_only=bool(settings.options.get("write_only")),
    )
    return KubernetesSink(settings, api, owner=context.owner, namespace=connection.namespace)


class KubernetesSink:
    """Implements Sink on one cluster. Safe for threads, and beside other writers."""

    def __init__(self, settings: SinkSettings, api: KubeApi, *, owner: str, namespace: str) -> None:
        self._settings = settings
        self._api = api
        self._owner = owner
        self._namespace = namespace
        self._locks: dict[Ref, Lock] = {}

    @property
    def abilities(self) -> Abilities:
        """Everything; values only where the option does not forbid it."""
        options = self._settings.options
        return Abilities(
            holds_receipts=True, readable=not options.get("write_only"), may_copy=bool(options.get("copy_from"))
        )

    def locate(self, owner: str, declaration: Declaration, delivery: Delivery) -> Slot:
        """Return the Secret and its entry: ``ml/arize-keys#ci``."""
        return fill_slot(self._settings, owner, declaration, delivery, namespace=self._namespace)

    def inspect(self, slots: Collection[Slot]) -> Mapping[Slot, Holding]:
        """Return what each slot holds; of many Secrets, those that bear our label come in a few listings."""
        targets = {slot: Target.of(slot) for slot in slots}
        secrets = self._api.find({target.ref for target in targets.values()}, f"{OWNER}={to_label(self._owner)}")
        return {
            slot: Found(target=target, secret=secrets.get(target.ref)).hold(self._owner)
            for slot, target in targets.items()
        }

    def read(self, slot: Slot) -> RawKey | None:
        """Return the raw key that a slot holds; None where there is none, or values are not asked for."""
        return self._find(Target.of(slot)).value()

    def intend(self, slot: Slot, intent: Intent) -> None:
        """Note an intent, after the cluster has rehearsed the delivery: rights, conflicts, room, immutability."""
        target = Target.of(slot)
        text = write_note("intent", target.entry, intent.to_dict())

        def write(found: Found) -> None:
            found.refuse_unwritable(intent.owner)
            value = {target.entry: _encode(b"rehearsed by keyplan")}
            self._api.apply(target.ref, found.delivering(intent.owner, "x" * _ROOM, value).rehearsed())
            self._api.apply(target.ref, found.intending(intent.owner, text))

        self._change(target, write)

    def retract(self, slot: Slot, intent_id: IntentId) -> None:
        """Remove that intent, and the Secret with it where it was made for that alone."""
        target = Target.of(slot)

        def write(found: Found) -> None:
            if found.intent and found.intent.id == intent_id:
                self._remove(found, target.intent, *(() if found.is_present else (target.receipt,)))

        self._change(target, write)

    def put(self, slot: Slot, raw: RawKey, receipt: Receipt) -> None:
        """Store the raw key and its receipt in one request; the intent is closed by a second one."""
        target = Target.of(slot)
        if raw.is_empty():
            raise SinkDeniedError(f"{target.location}: an empty value is never written")
        text = write_note("receipt", target.entry, receipt.to_dict())

        def write(found: Found) -> None:
            found.refuse_unwritable(receipt.owner)
            value = {target.entry: _encode(target.format.set(b"", raw.reveal(), receipt))}
            kept = self._api.apply(target.ref, found.delivering(receipt.owner, text, value))
            if kept.text(target.receipt) != text or not kept.is_applied_by(target.manager, target.value):
                raise SinkDeniedError(
                    f"{target.location}: the cluster did not keep what was written",
                    advice="see which mutating admission webhook changes Secrets in that namespace",
                )

        self._change(target, write)
        self._change(target, self._close_intent)

    def annotate(self, slot: Slot, receipt: Receipt) -> None:
        """Replace the receipt beside a value; nothing where there is no value."""
        target = Target.of(slot)
        text = write_note("receipt", target.entry, receipt.to_dict())

        def write(found: Found) -> None:
            found.refuse_other_owner(receipt.owner)
            if found.is_present:
                # Not applied: to apply it again, the value would have to be said again, too.
                self._api.patch(target.ref, found.annotating(receipt.owner, text), manager=target.manager)

        self._change(target, write)

    def withdraw(self, slot: Slot, owner: str) -> None:
        """Remove the value and its notes; a value that a person put in its place stays."""
        target = Target.of(slot)

        def write(found: Found) -> None:
            if found.owner != owner or not (found.has_receipt or found.has_intent):
                return
            # While an intent is open, another value than the receipt's may be our own.
            is_a_persons = not found.has_receipt or (found.content is Content.DIFFERS and not found.has_intent)
            self._remove(found, target.receipt, target.intent, *(() if is_a_persons else (target.value,)))

        if not target.keeps:
            self._change(target, write)

    def close(self) -> None:
        """Let go of all connections."""
        self._api.close()

    def _find(self, target: Target) -> Found:
        return Found(target=target, secret=self._api.look(target.ref))

    def _change(self, target: Target, write: Callable[[Found], None]) -> None:
        """Look and write; again, where somebody else wrote in between."""
        with self._locks.setdefault(target.ref, Lock()):
            for attempt in range(1, _LOOKS):
                try:
                    return write(self._find(target))
                except (MovedOnError, OwnedElsewhereError):
                    # Another look tells who it was, and whether it keeps us out.
                    self._api.give_way(attempt)
            return write(self._find(target))

    def _close_intent(self, found: Found) -> None:
        if found.has_intent:
            self._remove(found, found.target.intent)

    def _remove(self, found: Found, *fields: Field) -> None:
        """Take fields out; the Secret with them where it was ours and nothing else is left, if that is a right."""
        if found.secret and found.is_all(*fields):
            try:
                return self._api.delete(found.secret)
            except ForbiddenError:
                pass  # Without the right to delete, an empty Secret stays.
        return self._api.patch(found.target.ref, found.removing(*fields), manager=found.target.manager)


def _encode(content: bytes) -> str:
    return base64.b64encode(content).decode()

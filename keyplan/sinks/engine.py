"""Values with keyplan's note beside them: who may write, what counts as ours, what is left, in one place.

In: what lies in a slot, from a store that keeps values and notes. Out: what shall lie there instead, which the store
brings about. Never: a value overwritten that a person or another owner put there, an empty value, a store touched here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeAlias

from keyplan.errors import InputError, SinkDeniedError
from keyplan.model.manifest import Declaration, Delivery, Json, SinkName, SinkSettings
from keyplan.model.observation import Abilities, Content, Holding, Slot
from keyplan.model.receipt import Intent, IntentId, Receipt
from keyplan.model.secret import RawKey
from keyplan.sinks.formats import FileFormat, JsonDocument, Raw
from keyplan.sinks.notes import Entry, Sidecar


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What lies in a slot."""

    is_present: bool = False
    """Whether a value is there, ours or somebody's."""
    content: bytes | None = field(default=None, repr=False)
    """The value as it is stored, format and all; None where there is none, or it can't be read here."""
    seal: str = ""
    """Tells one stored value from another without reading it; empty where the store has no such sign."""
    entry: Entry | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What shall lie there instead."""

    content: bytes | None = field(default=None, repr=False)
    """Empty: no value. None: the value as it is."""
    entry: Entry | None
    """None: no note."""


Decide: TypeAlias = Callable[[Found], Change | None]
"""From what lies there to what shall, or None for nothing to do; may refuse by raising."""
FillSlot: TypeAlias = Callable[[SinkName, str, Declaration, Mapping[str, Json]], Slot]
"""Returns where a delivery goes: sink, owner, declaration, options of sink and delivery together."""


class ValueStore(Protocol):
    """Where values and notes are. Every method may raise SinkDeniedError and SinkUnavailableError."""

    def look(self, slots: Collection[Slot]) -> Mapping[Slot, Found]:
        """Return what lies in each slot."""
        ...

    def change(self, slot: Slot, decide: Decide, *, create: bool) -> None:
        """Look, decide and bring the change about, with nobody else in between.

        Where the process dies on the way, no note may tell of a value that is not there, and no value of ours may
        look like a person's. `create` False: where there is nothing yet to look into, nothing is done.
        """
        ...


def format_of(slot: Slot) -> FileFormat:
    """Return how the raw key stands in a value: the options `format` and `newline`."""
    is_json = slot.options.get("format") == "json"
    return JsonDocument() if is_json else Raw(newline=bool(slot.options.get("newline")))


def write_note(entry: Entry) -> str:
    """Return a note as one line of JSON."""
    return json.dumps(json.loads(Sidecar({"": entry}).to_bytes()), ensure_ascii=False, separators=(",", ":"))


def read_note(text: str | None, name: str) -> Entry | None:
    """Return what `write_note` wrote; None for None. Raises SinkUnavailableError where it can't be understood."""
    return Sidecar.from_bytes(None if text is None else text.encode(), name).entries.get("")


class NotedSink:
    """Implements Sink on a store of values and notes. As safe for threads as the store."""

    def __init__(
        self,
        settings: SinkSettings,
        *,
        owner: str,
        store: ValueStore,
        fill_slot: FillSlot,
        abilities: Abilities,
        fixed: Collection[str] = (),
    ) -> None:
        """Take as `fixed` the options that can't differ for one key."""
        self._settings = settings
        self._owner = owner
        self._store = store
        self._fill_slot = fill_slot
        self._abilities = abilities
        self._fixed = fixed

    @property
    def abilities(self) -> Abilities:
        """What this sink can do."""
        return replace(self._abilities, may_copy=bool(self._settings.options.get("copy_from")))

    def locate(self, owner: str, declaration: Declaration, delivery: Delivery) -> Slot:
        """Return where a delivery goes. Raises InputError where options of the delivery make no place."""
        if differing := sorted(set(self._fixed) & set(delivery.options)):
            raise InputError(
                f"{delivery.place}: '{differing[0]}' can't differ for one key", advice="configure a second sink with it"
            )
        options = {**self._settings.options, **delivery.options}
        return self._fill_slot(self._settings.name, owner, declaration, options)

    def inspect(self, slots: Collection[Slot]) -> Mapping[Slot, Holding]:
        """Return what each slot holds. Raises SinkDeniedError, SinkUnavailableError where one can't be looked at."""
        return {slot: self._hold(slot, found) for slot, found in self._store.look(slots).items()}

    def read(self, slot: Slot) -> RawKey | None:
        """Return the value, whoever put it there; None where there is none, or it can't be read here."""
        return _value(slot, self._store.look((slot,))[slot])

    def intend(self, slot: Slot, intent: Intent) -> None:
        """Note an intent, which proves that the store can be written."""

        def decide(found: Found) -> Change:
            _refuse_unwritable(slot, found, intent.owner)
            return Change(entry=replace(found.entry or Entry(owner=intent.owner), intent=intent))

        self._store.change(slot, decide, create=True)

    def retract(self, slot: Slot, intent_id: IntentId) -> None:
        """Remove that intent, and the note with it where nothing was delivered."""

        def decide(found: Found) -> Change | None:
            entry = found.entry
            if entry is None or entry.intent is None or entry.intent.id != intent_id:
                return None
            return Change(entry=replace(entry, intent=None) if entry.receipt or found.is_present else None)

        self._store.change(slot, decide, create=False)

    def put(self, slot: Slot, raw: RawKey, receipt: Receipt) -> None:
        """Store the raw key and its receipt; the intent is closed."""

        def decide(found: Found) -> Change:
            _refuse_unwritable(slot, found, receipt.owner)
            content = format_of(slot).set(b"", raw.reveal(), receipt)
            return Change(content=content, entry=Entry(owner=receipt.owner, receipt=receipt))

        if raw.is_empty():
            raise SinkDeniedError(f"{slot.location}: an empty value is never written")
        self._store.change(slot, decide, create=True)

    def annotate(self, slot: Slot, receipt: Receipt) -> None:
        """Replace the receipt beside a value; nothing where there is no value."""

        def decide(found: Found) -> Change | None:
            _refuse_other_owner(slot, found, receipt.owner)
            if not found.is_present:
                return None
            return Change(entry=replace(found.entry or Entry(owner=receipt.owner), receipt=receipt))

        self._store.change(slot, decide, create=False)

    def withdraw(self, slot: Slot, owner: str) -> None:
        """Remove value and note, unless `on_remove` keeps them; a value that a person put in its place stays."""

        def decide(found: Found) -> Change | None:
            if found.entry is None or found.entry.owner != owner:
                return None
            return Change(content=None if _is_a_persons(slot, found) else b"", entry=None)

        if slot.options.get("on_remove") != "keep":
            self._store.change(slot, decide, create=False)

    def _hold(self, slot: Slot, found: Found) -> Holding:
        # Another owner's mark proves nothing to us: planned as undelivered, it is refused by `intend`.
        entry = found.entry if found.entry and found.entry.owner == self._owner else None
        proven = entry is not None and found.is_present and not _is_resealed(slot, found)
        return Holding(
            present=found.is_present,
            receipt=entry.receipt if entry and proven else None,
            intent=entry.intent if entry else None,
            content=_compare(slot, found) if entry else Content.UNREAD,
        )


def _value(slot: Slot, found: Found) -> RawKey | None:
    text = None if found.content is None else format_of(slot).read(found.content)
    return None if text is None else RawKey(text)


def _compare(slot: Slot, found: Found) -> Content:
    fingerprint = found.entry.receipt.fingerprint if found.entry and found.entry.receipt else None
    value = _value(slot, found)
    if value is None or fingerprint is None:
        return Content.UNREAD
    return Content.MATCHES if fingerprint.matches(value) else Content.DIFFERS


def _is_resealed(slot: Slot, found: Found) -> bool:
    """Whether the value is another than the one that was stored, as far as that shows without reading it."""
    noted = found.entry.seal if found.entry else ""
    return _compare(slot, found) is Content.UNREAD and bool(noted) and noted != found.seal


def _is_a_persons(slot: Slot, found: Found) -> bool:
    # While an intent is open, another value than the receipt's may be our own, from before a crash.
    interrupted = found.entry is not None and found.entry.intent is not None
    return not interrupted and (_compare(slot, found) is Content.DIFFERS or _is_resealed(slot, found))


def _refuse_unwritable(slot: Slot, found: Found, owner: str) -> None:
    _refuse_other_owner(slot, found, owner)
    if found.entry is None and found.is_present and not slot.options.get("overwrite"):
        raise SinkDeniedError(
            f"{slot.location}: something is there that keyplan did not put there",
            advice="move it away, choose another place, or set 'overwrite: true' on this sink",
        )


def _refuse_other_owner(slot: Slot, found: Found, owner: str) -> None:
    if found.entry is not None and found.entry.owner != owner:
        raise SinkDeniedError(
            f"{slot.location}: belongs to the manifest of '{found.entry.owner}'",
            advice="choose another place, or let that manifest give it up first",
        )


COMMON_OPTIONS: Mapping[str, Mapping[str, Json]] = {
    "newline": {"type": "boolean", "default": False, "description": "For raw: whether the value ends with one."},
    "overwrite": {
        "type": "boolean",
        "default": False,
        "description": "Whether a value that keyplan did not put there may be overwritten.",
    },
    "on_remove": {
        "enum": ["delete", "keep"],
        "default": "delete",
        "description": "What becomes of the value when its declaration is removed.",
    },
    "copy_from": {
        "type": "boolean",
        "default": False,
        "description": "Whether other sinks of a key may be filled with the value that is read here.",
    },
}
"""Options that every sink of noted values has, beside those of its store."""
FORMAT_OPTION: Mapping[str, Json] = {
    "enum": ["raw", "json"],
    "default": "raw",
    "description": "raw: the key alone; json: an object of the key and its metadata.",
}

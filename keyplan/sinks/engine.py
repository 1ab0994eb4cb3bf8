"""The rules that are the same for every sink: whose a value is, when it may be overwritten, and what stays on removal.

A sink is this engine plus a store: `SinkEngine` implements the port `Sink` and decides; a `ValueStore` loads, stores
and deletes. No store is named here, and no value is overwritten that another manifest or a user wrote.

How `put` runs::

    store.change(slot, decide, create=True)     the store opens, locks and loads the slot -> Loaded
      decide(Loaded) -> Change | None           the engine refuses by raising, or says what the slot shall hold
    the store brings the Change about           first the mark, then the value, the note with the receipt last

What a store reports in `value_store.Loaded`, by kind of store:

- it can read values: `content`; the engine finds the raw key in it with the sink's format, and `presence` stays AS_READ
- it can't read them: `presence` PRESENT, and a `seal`, if anything distinguishes two stored values (a version, a
  digest, a field manager); `SinkKind.seals` says what two different seals prove
- it may not even see whether one is there: `presence` POSSIBLE
- it keeps no notes: `entry` None, `changed_at` if the store knows it, and `Abilities(holds_receipts=False)`
- it knows how long ago it stored the note of this very value: `note_age`
- it marks an object of several values with its owner: `owner` beside the `entry` of the one value
- it sees that a noted value was written by a user all the same: `is_foreign`
- it can't take a value for a reason of its own (another format, another field manager): `obstacle`
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from keyplan.errors import SinkDeniedError
from keyplan.model.examination import Area, Finding, Health
from keyplan.model.identity import Identity, Lineage
from keyplan.model.intent import Intent
from keyplan.model.manifest import Declaration, Delivery, SinkSettings
from keyplan.model.observation import UNKNOWN_REVISION, Abilities, Content, Holding, Revision, Slot, Survey
from keyplan.model.receipt import CLOCK_SKEW, Receipt
from keyplan.model.secret import RawKey
from keyplan.sinks import concurrency
from keyplan.sinks.comparison import compare, is_doubtful, revise
from keyplan.sinks.formats import FileFormat
from keyplan.sinks.marks import begin_note, explain_other_manifest, find_other_manifest, is_own_owner
from keyplan.sinks.notes import Entry
from keyplan.sinks.options import format_of, merge_options
from keyplan.sinks.places import FillSlot
from keyplan.sinks.value_store import (
    Change,
    ComparingStore,
    Decide,
    ExaminableStore,
    LazyStore,
    Loaded,
    Presence,
    Seals,
    StoreConflictError,
    ValueStore,
    find_broken,
)

_TRIES = 10
"""How often a change is tried while other writers keep changing the same object."""


def _go_on(attempt: int) -> None:
    """Load again at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkKind:
    """What one type of sink adds to the engine, beside its store."""

    fill_slot: FillSlot
    abilities: Abilities
    """What the store can do; the engine adds `may_copy`."""
    fixed: Collection[str] = ()
    """The type's own options that can't differ for one delivery, beside those of `options.FIXED`."""
    read_format: Callable[[Slot], FileFormat] = format_of
    seals: Seals = Seals.HINT
    give_way: Callable[[int], None] = _go_on
    """Called with the number of the attempt after each conflict: the place for a pause."""


class SinkEngine:
    """Implements Sink, Examinable and Surveyable on a store. As safe for threads as the store."""

    def __init__(self, settings: SinkSettings, *, lineage: Lineage, store: ValueStore, kind: SinkKind) -> None:
        """`lineage`: whose places are ours; each place is judged by its own marks, not by what is to be written."""
        self._abilities = replace(kind.abilities, may_copy=bool(settings.options.get("copy_from")))
        self._has_notes = kind.abilities.holds_receipts
        self._settings = settings
        self._lineage = lineage
        self._store = store
        self._kind = kind
        self._written: set[str] = set()
        """Locations that this run filled: in a store without notes, these are ours for certain."""

    @property
    def abilities(self) -> Abilities:
        """What the sink can do, as far as it turned out."""
        compares = self._store.compares if isinstance(self._store, ComparingStore) else self._abilities.compares
        return replace(self._abilities, compares=compares)

    def locate(self, owner: str, declaration: Declaration, delivery: Delivery) -> Slot:
        """Return where a delivery goes. Raises InputError if its options make no place, or can't differ."""
        options = merge_options(self._settings, delivery, fixed=self._kind.fixed)
        return self._kind.fill_slot(self._settings.name, owner, declaration, options)

    def inspect(self, slots: Collection[Slot]) -> Mapping[Slot, Holding]:
        """Return what each slot holds. Raises SinkDeniedError, SinkUnavailableError if one can't be looked at."""
        return {slot: self._hold(slot, loaded) for slot, loaded in self._store.load(slots).items()}

    def match(self, forms: Mapping[Slot, Collection[str]]) -> Mapping[Slot, frozenset[str]]:
        """Return which of its forms each value fits; a slot without a readable value is left out. Raises SinkError."""
        if not self.abilities.readable:
            return {}
        lazy = self._store if isinstance(self._store, LazyStore) else None
        loaded = {slot: Loaded(content=lazy.load_content(slot)) for slot in forms} if lazy else self._store.load(forms)
        values = {slot: self._find_value(slot, one) for slot, one in loaded.items()}
        return {slot: frozenset(filter(raw.fits, forms[slot])) for slot, raw in values.items() if raw is not None}

    def read(self, slot: Slot) -> RawKey | None:
        """Return the value, no matter who wrote it; None if there is none, or it can't be read here."""
        if isinstance(self._store, LazyStore):
            return self._find_value(slot, Loaded(content=self._store.load_content(slot)))
        return self._find_value(slot, self._store.load((slot,))[slot])

    def intend(self, slot: Slot, intent: Intent, *, over: Revision | None = None) -> None:
        """Note an intent, which proves that the store can be written. Raises SinkBusyError if another run was there."""

        def decide(loaded: Loaded) -> Change:
            self._refuse_unwritable(slot, loaded)
            if not concurrency.is_noted_already(loaded.entry, intent):
                self._refuse_changed(slot, loaded, over)
                concurrency.refuse_ended(slot.location, loaded.entry, intent)
            if not self._has_notes:
                self._refuse_unknown(slot, loaded, intent)
            return Change(
                entry=replace(begin_note(loaded.entry, owner=intent.owner, seal=loaded.seal), intent=intent),
                must_prove=True,
            )

        self._change(slot, decide, create=True)

    def retract(self, slot: Slot, intent: Intent) -> None:
        """Remove that intent of that run, and the note with it if nothing was delivered."""

        def decide(loaded: Loaded) -> Change | None:
            entry = loaded.entry
            if entry is None or not concurrency.is_noted_by(entry, intent):
                return None
            # The mark stays on a value that a crash may have left without its receipt.
            is_ours = entry.receipt is not None or (self._is_present(slot, loaded) and not loaded.is_foreign)
            return Change(entry=replace(entry, intent=None) if is_ours else None)

        if self._has_notes:
            self._change(slot, decide, create=False)

    def put(self, slot: Slot, raw: RawKey, receipt: Receipt, *, intent: Intent | None = None) -> None:
        """Store the raw key and its receipt; the intent is closed. Raises SinkBusyError if another run has the slot."""

        def decide(loaded: Loaded) -> Change | None:
            # Decided inside the change: what another manifest wrote after our intent stays, too.
            self._refuse_unwritable(slot, loaded)
            # Without notes there is nothing to compare: the entry is None, and no intent can be there.
            bears = intent if self._has_notes and self.abilities.holds_intents else None
            if not concurrency.is_put_wanted(slot.location, loaded.entry, receipt, bears):
                return None
            content = self._kind.read_format(slot).set(self._document(slot, loaded), raw.reveal(), receipt)
            # Marked first: after a crash between value and receipt, the value must not look like a user's.
            first = Entry(owner=receipt.owner) if loaded.entry is None else None
            return Change(content=content, entry=Entry(owner=receipt.owner, receipt=receipt), first=first, raw=raw)

        if raw.is_empty():
            raise SinkDeniedError(f"{slot.location}: an empty value is never written")
        self._change(slot, decide, create=True)
        self._written.add(slot.location)

    def annotate(self, slot: Slot, receipt: Receipt) -> None:
        """Replace the receipt beside a value; nothing if there is no value, or the store keeps no receipts."""

        def decide(loaded: Loaded) -> Change | None:
            self._refuse_other_manifest(slot, loaded)
            if not self._is_present(slot, loaded):
                return None
            concurrency.refuse_later(slot.location, loaded.entry, receipt)
            entry = begin_note(loaded.entry, owner=receipt.owner, seal=loaded.seal)
            return Change(entry=replace(entry, owner=receipt.owner, receipt=receipt))

        if self._has_notes:
            self._change(slot, decide, create=False)

    def withdraw(self, slot: Slot, owner: str, *, over: Revision | None = None) -> None:
        """Remove value and note, unless `on_remove` keeps them; a value that a user put in its place stays.

        Raises SinkBusyError if another run was there.
        `owner` may be a former one. Whatever it says, nothing that another manifest marked is removed.
        """

        def decide(loaded: Loaded) -> Change | None:
            if not self._may_withdraw(loaded, owner):
                return None
            # A bare mark is what an earlier attempt of this very call may have left.
            if loaded.entry is None or loaded.entry.receipt is not None or loaded.entry.intent is not None:
                self._refuse_changed(slot, loaded, over)
            if self._is_replaced(slot, loaded):
                return Change(entry=None)
            return Change(content=self._kind.read_format(slot).unset(self._document(slot, loaded)), entry=None)

        if slot.options.get("on_remove") != "keep":
            self._change(slot, decide, create=False)
            self._written.discard(slot.location)

    def examine(self, slots: Collection[Slot]) -> tuple[Finding, ...]:
        """Return what stands in the way of writing these slots, as far as that shows; changes nothing.

        Raises SinkDeniedError, SinkUnavailableError if a slot can't be looked at.
        """
        found = self.survey(slots)
        return (*found.findings, *_summarize(found.unless_recorded))

    def survey(self, slots: Collection[Slot]) -> Survey:
        """Return what `inspect` shows and what is in the way of writing, from one load. Raises what that raises."""
        loaded = self._store.load(slots)
        found = self._examine_store(loaded)
        found += (trouble for slot in slots if (trouble := self._find_trouble(slot, loaded[slot])))
        return Survey(
            holdings={slot: self._hold(slot, one) for slot, one in loaded.items()},
            findings=tuple(found),
            unless_recorded=tuple(
                find_broken(_explain_unowned(slot), slot) for slot in slots if self._is_unowned(slot, loaded[slot])
            ),
        )

    def _examine_store(self, loaded: Mapping[Slot, Loaded]) -> list[Finding]:
        if not isinstance(self._store, ExaminableStore):
            return []
        try:
            return list(self._store.examine(loaded))
        except SinkDeniedError as error:
            return [find_broken(error)]

    # What a slot holds.

    def _hold(self, slot: Slot, loaded: Loaded) -> Holding:
        value = self._find_value(slot, loaded)
        present = value is not None or loaded.presence is not Presence.AS_READ
        revision, other = revise(loaded, is_present=present, has_notes=self._has_notes), self._find_other(loaded)
        if not self._has_notes:
            changed_at = loaded.changed_at if present else None
            return Holding(present=present, changed_at=changed_at, owner=other, revision=revision)
        entry = loaded.entry
        if entry is None:
            return Holding(present=present, owner=other, revision=revision)
        receipt, content = entry.receipt if present else None, Content.UNREAD
        # What another manifest marked is shown so that a plan can name it. It proves nothing, so it is not compared.
        if present and other is None:
            content = compare(loaded, value, self._kind.seals)
            receipt = None if is_doubtful(loaded, content, self._kind.seals) else receipt
        return Holding(
            present=present,
            receipt=receipt,
            intent=entry.intent,
            owner=other,
            content=content,
            revision=revision,
            intent_age=loaded.note_age if entry.intent else None,
        )

    def _find_value(self, slot: Slot, loaded: Loaded) -> RawKey | None:
        if loaded.content is None:
            return None
        text = self._kind.read_format(slot).read(loaded.content)
        return None if text is None else RawKey(text)

    def _is_present(self, slot: Slot, loaded: Loaded) -> bool:
        return loaded.presence is not Presence.AS_READ or self._find_value(slot, loaded) is not None

    # Whose it is, and what may be done with it.

    def _find_other(self, loaded: Loaded) -> Identity | None:
        """Return the manifest that holds a slot, if it is not ours."""
        return find_other_manifest(self._lineage, loaded.entry, mark=loaded.owner)

    def _change(self, slot: Slot, decide: Decide, *, create: bool) -> None:
        """Have the store change a slot; again, if another writer came in between. Raises StoreConflictError."""
        for attempt in range(1, _TRIES):
            try:
                return self._store.change(slot, decide, create=create)
            except StoreConflictError:
                self._kind.give_way(attempt)
        return self._store.change(slot, decide, create=create)

    def _document(self, slot: Slot, loaded: Loaded) -> bytes:
        """Return what a format edits. Raises SinkDeniedError if it would lose what it can't see."""
        is_hidden = loaded.content is None and loaded.presence is not Presence.AS_READ
        if is_hidden and not self._kind.read_format(slot).is_whole:
            raise SinkDeniedError(
                f"{slot.location}: what is there can't be read, so what else is in it can't be kept",
                advice="give keyplan the right to read it, or choose another place",
            )
        return loaded.content or b""

    def _may_withdraw(self, loaded: Loaded, owner: str) -> bool:
        if not is_own_owner(self._lineage, owner):
            return False
        if self._has_notes:
            return loaded.entry is not None and find_other_manifest(self._lineage, loaded.entry) is None
        # Without notes, only a mark can say that the value is another owner's.
        return find_other_manifest(self._lineage, None, mark=loaded.owner) is None

    def _is_replaced(self, slot: Slot, loaded: Loaded) -> bool:
        """Whether a user put another value in the place of ours."""
        value = self._find_value(slot, loaded)
        if loaded.entry is None or (value is None and loaded.presence is Presence.AS_READ):
            return False
        if loaded.is_foreign:
            return True
        # While an intent is open, another value than the receipt's may be our own, from before a crash.
        if loaded.entry.intent is not None:
            return False
        content = compare(loaded, value, self._kind.seals)
        return content is Content.DIFFERS or is_doubtful(loaded, content, self._kind.seals)

    def _refuse_other_manifest(self, slot: Slot, loaded: Loaded) -> None:
        """Return if no mark there is another manifest's. Raises SinkDeniedError, which names that manifest."""
        if other := self._find_other(loaded):
            raise explain_other_manifest(slot.location, other)

    def _refuse_unwritable(self, slot: Slot, loaded: Loaded) -> None:
        """Return if this manifest may write the slot, as far as notes and marks show. Raises SinkDeniedError."""
        self._refuse_other_manifest(slot, loaded)
        if loaded.obstacle is not None:
            raise loaded.obstacle
        is_noted = loaded.entry is not None and not loaded.is_foreign
        if is_noted or slot.options.get("overwrite") or not self._has_notes:
            return
        if loaded.presence is Presence.POSSIBLE:
            raise SinkDeniedError(
                f"{slot.location}: something may be there already, and keyplan may not look",
                advice="give keyplan the right to read it, choose another place, or set 'overwrite: true' on this sink",
            )
        if loaded.presence is not Presence.ASSUMED and self._is_present(slot, loaded):
            raise SinkDeniedError(
                f"{slot.location}: the place holds a value that keyplan did not write",
                advice="move it away, choose another place, or set 'overwrite: true' on this sink",
            )

    def _refuse_unknown(self, slot: Slot, loaded: Loaded, intent: Intent) -> None:
        """Return if a value in a store without notes is ours, by what this run, a receipt or a time shows."""
        is_known = slot.options.get("overwrite") or slot.location in self._written or slot.delivered in intent.held
        if is_known or loaded.presence is Presence.ASSUMED or not self._is_present(slot, loaded):
            return
        # An earlier attempt found the slot free, or it would not be open: what came since is its own.
        if intent.attempts > 1 and loaded.changed_at is not None and loaded.changed_at >= intent.at - CLOCK_SKEW:
            return
        raise _explain_unowned(slot)

    def _refuse_changed(self, slot: Slot, loaded: Loaded, over: Revision | None) -> None:
        """Return if a slot has the revision that the plan saw, as far as the store shows it. Raises SinkBusyError."""
        # For a slot without notes that this run filled, the store can't distinguish its write from another run's.
        is_own = not self._has_notes and slot.location in self._written
        if not over or is_own:
            return
        found = revise(loaded, is_present=self._is_present(slot, loaded), has_notes=self._has_notes)
        if found not in (over, UNKNOWN_REVISION):
            raise concurrency.explain_busy(slot.location, loaded.entry)

    # What an examination says of it.

    def _find_trouble(self, slot: Slot, loaded: Loaded) -> Finding | None:
        try:
            self._refuse_unwritable(slot, loaded)
        except SinkDeniedError as error:
            return find_broken(error, slot)
        return None

    def _is_unowned(self, slot: Slot, loaded: Loaded) -> bool:
        """Whether there is a value whose owner the store does not know, and that must not be lost."""
        if self._has_notes or slot.options.get("overwrite") or loaded.presence is Presence.ASSUMED:
            return False
        return self._is_present(slot, loaded) and self._find_other(loaded) is None


def _explain_unowned(slot: Slot) -> SinkDeniedError:
    return SinkDeniedError(
        f"{slot.location}: the place holds a value, and nothing shows that keyplan wrote it",
        advice="if nothing else needs it, delete it or set 'overwrite: true' on this sink; or choose another place",
    )


def _summarize(unowned: Collection[Finding]) -> Iterator[Finding]:
    """Yield one finding if there are values whose owner the store does not know."""
    if unowned:
        yield Finding(
            area=Area.SINK,
            subject="writing",
            health=Health.UNKNOWN,
            detail=f"{len(unowned)} places hold a value, and the store does not record the owner; the ledger does",
        )
